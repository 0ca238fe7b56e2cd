"""Some steps of the reasoning left out at random: the words of the others, in their order.

vary: {delete-steps: {share: 0.5}}
"""

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from understudy.errors import StudyError
from understudy.registry import entry
from understudy.types import Problem, Skip, Trace
from understudy.variants import _text


@entry
@dataclass(frozen=True)
class DeleteSteps:
    """Leaves out ``share`` of the steps, at least one and never all; with ``keep_last`` the last one stays.

    The response stays. Where no reasoning is visible, the steps are those of the response, and its last one stays.
    (Deleted steps are a control of arXiv 2502.07374.)
    """

    share: float = 0.5
    keep_last: bool = True

    keeps: ClassVar[frozenset[str]] = frozenset({"ending", "order"})
    makes: ClassVar[frozenset[str]] = frozenset({"shorter"})

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise StudyError(f"delete-steps cannot leave out {self.share}", "share is between 0 and 1")

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """The trace without some steps; skipped if there is none to leave out."""
        text = _text.read(trace)
        if text is None:
            return _text.NO_TEXT
        whole = bool(text.ending)  # it ends in a step that is none of these
        worded = [place for place, step in enumerate(text.steps) if _text.counted([step])]
        loose = worded if whole or not self.keep_last else [p for p in worded if p < len(text.steps) - 1]
        most = len(loose) if whole or self.keep_last else len(loose) - 1
        if most < 1:
            return Skip("has no step that can be left out")
        out = set(rng.sample(loose, min(most, max(1, round(self.share * len(loose))))))
        left = [step for place, step in enumerate(text.steps) if place not in out]
        return _text.written(trace, "".join(left) + text.ending)
