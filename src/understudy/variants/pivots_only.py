"""Pivot phrases put into a trace that goes straight ahead: the sound of a search over bare steps.

vary: {pivots-only: {density: 26}}
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from understudy.errors import StudyError
from understudy.registry import entry
from understudy.style import phrases
from understudy.style.pivots import TYPES
from understudy.types import Problem, Skip, Trace
from understudy.variants import _text

PROSE: Mapping[str, tuple[str, ...]] = {
    "realization": ("Wait.", "Hmm.", "Hold on.", "Oh wait.", "Wait a minute."),
    "verification": ("Let me check.", "Let me verify.", "Let me double-check.", "Let me make sure."),
    "exploration": ("Alternatively:", "Another way:", "Another approach:", "Maybe."),
    "integration": ("Putting it together:", "So overall:", "Now I see.", "That makes sense."),
}
"""Phrases of the lexicon that stand before any sentence, which stays as it is."""
PUZZLE: Mapping[str, tuple[str, ...]] = {
    "realization": tuple(f"{phrase} {phrases.STOP}" for phrase in phrases.REALIZATION),
    "verification": phrases.VERIFICATION,
    "exploration": phrases.EXPLORATION,
    "integration": phrases.INTEGRATION,
}
"""Those of text without capital letters: the words of scripted teachers, which an embedded student can write."""
_MARK = re.compile(r"(?:[-*+•>][ \t]+|[0-9]{1,3}[.)][ \t]+)?(?=[\"'“‘(]?[^\W_])")
"""The mark of a list's item, and that a word follows."""


@entry
@dataclass(frozen=True)
class PivotsOnly:
    """Puts pivot phrases before steps chosen at random: ``density`` for 1,000 words, all four types in turn.

    At least one goes in, and at most one before each step that starts with a word; all that was there stays as it was.
    26 is what DeepSeek-R1 writes on 581 questions of GSM8K (QwQ-32B: 37, GPT-4o: 0.2). The response stays;
    where no reasoning is visible, the phrases go into the response, but not before its last step.
    """

    density: float = 26.0

    keeps: ClassVar[frozenset[str]] = frozenset({"ending", "order", "words"})
    makes: ClassVar[frozenset[str]] = frozenset({"other-pivots"})

    def __post_init__(self) -> None:
        if not 0 < self.density <= 1000:
            raise StudyError(f"pivots-only cannot have density {self.density}", "pivots for 1,000 words, such as 26")

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """The trace with pivots; skipped if no step can take one."""
        text = _text.read(trace)
        if text is None:
            return _text.NO_TEXT
        known = PROSE if any(c.isupper() for step in text.steps for c in step) else PUZZLE
        places = {place: found.end() for place, step in enumerate(text.steps) if (found := _MARK.match(step))}
        if not places:
            return Skip("has no step that a pivot could stand before")
        wanted = max(1, round(self.density * _text.counted(text.steps) / 1000))
        chosen = rng.sample(sorted(places), min(wanted, len(places)))
        types = [kind for _ in range(len(chosen) // len(TYPES) + 1) for kind in rng.sample(TYPES, len(TYPES))]
        steps = list(text.steps)
        for place, kind in zip(chosen, types, strict=False):
            at = places[place]
            steps[place] = f"{steps[place][:at]}{rng.choice(known[kind])} {steps[place][at:]}"
        return _text.written(trace, "".join(steps) + text.ending)
