"""What is to be done with traces: the parameters of every step, checked."""

from dataclasses import dataclass
from typing import Any, Literal

from understudy.curate import filtering, near
from understudy.curate.decontaminate import Benchmarks
from understudy.curate.verify import Verifier
from understudy.errors import StudyError, did_you_mean

STEPS = ("verify", "filter", "exact", "near", "decontaminate", "sample")
"""The steps in their order."""


@dataclass(frozen=True)
class Curation:
    """A step that is not asked for (``None``, or nothing in it) is left out.

    ``keep``: of verified traces the right ones, or all. ``drop``: names of ``filtering.CHECKS``. ``similarity``: from
    which Jaccard index on traces are near duplicates. ``n``: so many traces at most, in proportion of their values of
    the fields ``by`` of metadata.

    Raises ``StudyError`` if a value is impossible.
    """

    verifier: Verifier | None = None
    keep: Literal["right", "all"] = "all"
    drop: tuple[str, ...] = filtering.DEFAULT
    dedupe: Literal["exact", "near"] | None = "exact"
    similarity: float = near.SIMILARITY
    benchmarks: Benchmarks | None = None
    n: int | None = None
    by: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.drop:
            if name not in filtering.CHECKS:
                raise StudyError(f"traces cannot be dropped for '{name}'", did_you_mean(name, filtering.CHECKS))
        if self.keep == "right" and self.verifier is None:
            raise StudyError("which answers are right is not known", "name a task with --task, or a grader")
        if not 0 < self.similarity <= 1:
            raise StudyError(f"a similarity of {self.similarity} is none", "it is above 0 and at most 1")
        if self.n is not None and self.n < 1:
            raise StudyError(f"{self.n} traces cannot be drawn", "ask for one or more, or leave it out for all")
        for name in self.by:
            if set('"\\') & set(name):
                raise StudyError(f"a field called {name} cannot be drawn by", "name fields of the metadata")
        if self.by and self.n is None:
            raise StudyError(f"how many traces to draw by {', '.join(self.by)} is not said", "say it with --n")

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that are done, in their order."""
        done = {
            "verify": self.verifier,
            "filter": self.drop,
            "exact": self.dedupe,
            "near": self.dedupe == "near",
            "decontaminate": self.benchmarks,
            "sample": self.n,
        }
        return tuple(step for step in STEPS if done[step])

    def plain(self) -> dict[str, Any]:
        """The parameters as JSON has them."""
        names = ("keep", "drop", "dedupe", "similarity", "n", "by", "seed")
        found = {name: getattr(self, name) for name in names}
        if self.benchmarks:
            files = list(dict.fromkeys(name for name, _ in self.benchmarks.questions))
            found |= {"against": files, "words": self.benchmarks.n, "overlap": self.benchmarks.overlap}
        return found
