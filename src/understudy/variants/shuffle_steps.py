"""The steps of the reasoning in another order: the same words, without the way from one to the next.

vary: shuffle-steps
vary: {shuffle-steps: {keep_last: false}}
"""

from dataclasses import dataclass
from itertools import chain
from random import Random
from typing import ClassVar

from understudy.registry import entry
from understudy.types import Problem, Skip, Trace
from understudy.variants import _text

BREAK = "\n\n"
"""What parts two steps when the text does not part any."""
TRIES = 100
"""Orders that are tried; if the words stand as before in all of them, there is no other."""


@entry
@dataclass(frozen=True)
class ShuffleSteps:
    """Puts the steps into a random order that is another one; with ``keep_last`` the last one stays the last.

    The response stays. Where no reasoning is visible, the response is shuffled and its last step stays. (Shuffled
    steps are a control of arXiv 2502.07374.)
    """

    keep_last: bool = True

    keeps: ClassVar[frozenset[str]] = frozenset({"ending", "words", "length"})
    makes: ClassVar[frozenset[str]] = frozenset({"other-order"})

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """The trace with its steps in another order; skipped if there is none."""
        text = _text.read(trace)
        if text is None:
            return _text.NO_TEXT
        stays = text.ending or (text.steps[-1] if self.keep_last else "")
        moved = text.steps if text.ending or not self.keep_last else text.steps[:-1]
        order = _another(moved, rng)
        if order is None:
            return Skip("has no other order of its steps")
        return _text.written(trace, "".join(order) + stays)


def _another(steps: list[str], rng: Random) -> list[str] | None:
    """The steps with their words in another order, each with what parts it from the next; null if there is none."""
    between = steps[-2][len(steps[-2].rstrip()) :] if len(steps) > 1 else ""
    parted = [step if step[-1:].isspace() else step + (between or BREAK) for step in steps]
    words = [_text.words(step) for step in steps]
    if len(set(map(tuple, filter(None, words)))) < 2:
        return None
    order = list(range(len(steps)))
    for _ in range(TRIES):
        rng.shuffle(order)
        if any(old != new for old, new in zip(chain(*words), chain(*(words[n] for n in order)), strict=True)):
            return [parted[place] for place in order]
    return None
