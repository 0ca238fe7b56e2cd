"""The text cut off at the end of a step: a share of its words, or a number of them.

vary: {truncate: {keep: 0.5}}
vary: {truncate: {words: 100}}
"""

from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import ClassVar

from understudy.errors import StudyError
from understudy.registry import entry
from understudy.types import Problem, Skip, Trace
from understudy.variants import _text


@entry
@dataclass(frozen=True)
class Truncate:
    """Keeps the first steps, up to the border nearest to ``keep`` of the words, or to ``words`` of them; one at least.

    The response stays. Where no reasoning is visible, the response is cut and its last step stays. With ``words``, a
    trace that is short enough stays as it is, and the check counts it as not shorter. (arXiv 2512.21002 trains on the
    first half of the tokens; ours are words, and end with a step.)
    """

    keep: float = 0.5
    words: int | None = None

    keeps: ClassVar[frozenset[str]] = frozenset({"ending", "order"})
    makes: ClassVar[frozenset[str]] = frozenset({"shorter"})

    def __post_init__(self) -> None:
        if not 0 < self.keep < 1:
            raise StudyError(f"truncate cannot keep {self.keep}", "keep is a share of the words between 0 and 1")
        if self.words is not None and self.words < 1:
            raise StudyError(f"truncate cannot keep {self.words} words", "words is 1 or more")

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """The trace with the first of its steps; skipped if it has only one."""
        text = _text.read(trace)
        if text is None:
            return _text.NO_TEXT
        if len(text.steps) < 2:
            return Skip("has no border between steps to be cut at")
        total = _text.counted(text.steps)
        if self.words is not None and total <= self.words:
            return trace
        left = nearest(text.steps, self.words if self.words is not None else self.keep * total)
        return _text.written(trace, "".join(text.steps[:left]) + text.ending)


def nearest(steps: list[str], wanted: float) -> int:
    """How many of the first steps have about so many words; of two borders as near, the first. Never all of them."""
    reached = list(accumulate(_text.counted([step]) for step in steps))[:-1]
    return 1 + min(range(len(reached)), key=lambda place: abs(reached[place] - wanted))
