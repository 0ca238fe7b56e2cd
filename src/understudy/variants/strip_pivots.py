"""The phrases at which a trace turns taken out, and nothing else.

vary: strip-pivots
"""

import re
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from understudy.registry import entry
from understudy.style.pivots import spans
from understudy.types import Problem, Skip, Trace
from understudy.variants import _text

_BETWEEN = re.compile(r"[ \t]*(?:,|—|–|\.\.\.|…)?[ \t]*(?:(?:but|so|and|no|yeah|okay|ok|well),?[ \t]+)?")
"""What may part two pivots that go together: "Hmm, but wait"."""
_SMALL = (
    *("so", "yes", "yep", "yeah", "ok", "okay", "but", "and", "then", "now", "that", "it", "this", "all", "everything"),
    *("also", "just", "really", "which", "still", "indeed", "again", "because", "since", "or"),
)
"""Words that say nothing when a sentence has no others."""
_OPENS = re.compile(
    r"(?:^|[.!?…:;\n]|\n[ \t]*(?:[-*+•>#]+|[0-9]{1,3}[.)]))[\"'“”‘’)*_]*[ \t]*"
    rf"(?P<small>(?:\b(?:{'|'.join(_SMALL)})\b,?[ \t]*)*)\Z",
    re.IGNORECASE,
)
"""What stands before the start of a sentence, and its words so far if all are small."""
_TAIL = 100
"""Characters before a pivot that are looked at."""
_ALONE = re.compile(
    r"(?:[ \t]+(?:that|this|it|again|once more|here|everything|is|are)\b)*[ \t]*[.!?…:]+[\"'”’)*_]*(?=\s|\Z)"
    r"|[ \t]*(?=\n|\Z)"
)
"""The rest of a sentence that is nothing without its pivot: "Let me check that.", "Is that right?"."""
_COMMA = re.compile(r"[ \t]*(?:[,:;—–…]|--?(?=\s)|\.\.\.)+[ \t]*")
_MARKS = tuple(".,;:!?)")
_JOINS = re.compile(r"(?:[,(]|\b(?:but|so|and|or|then|because|if|that|oh|no|yes|okay|ok|well))[ \t]*\Z", re.IGNORECASE)


@entry
@dataclass(frozen=True)
class StripPivots:
    """Takes every pivot phrase of the lexicon out, with the punctuation that goes with it.

    A sentence that is nothing else goes as a whole, with small words such as "so" and "that"; what is left of another
    one starts with a capital letter if it did before. Numbers and all other words stay, in their order. The response
    stays; where no reasoning is visible, the response is stripped, but for its last step. A trace without pivots stays
    as it is. (Stripped keywords are a control of arXiv 2502.07374.)
    """

    keeps: ClassVar[frozenset[str]] = frozenset({"ending", "order"})
    makes: ClassVar[frozenset[str]] = frozenset({"no-pivots"})

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """The trace without its pivots; skipped if nothing but pivots was there."""
        text = _text.read(trace)
        if text is None:
            return _text.NO_TEXT
        before = "".join(text.steps)
        left = strip(before)
        if left == before:
            return trace
        if not _text.counted([left, text.ending]):
            return Skip("is nothing but pivots")
        return _text.written(trace, left + text.ending)


def strip(text: str) -> str:
    """A text without pivots, also those that come about when one between their words is taken out."""
    while found := spans(text):
        whole = len(text)
        for start, end in reversed(_together(text, [(start, end) for start, end, _ in found])):
            if end <= whole:  # else it went with the sentence after it
                kept, text = _without(text[:start], text[start:end], text[end:])
                whole = min(start, kept)
    return text


def _together(text: str, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans, those as one that go together."""
    joined = found[:1]
    for start, end in found[1:]:
        if _BETWEEN.fullmatch(text, joined[-1][1], start):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _without(before: str, pivot: str, after: str) -> tuple[int, str]:
    """How many characters before a pivot are as they were, and the text without it."""
    opens = _OPENS.search(before, max(0, len(before) - _TAIL))
    if opens and (alone := _ALONE.match(after)):
        return opens.start("small"), _joined(before[: opens.start("small")], after[alone.end() :])
    return len(before), _mended(before, pivot, after, bool(opens and not opens["small"]))


def _mended(before: str, pivot: str, after: str, first: bool) -> str:
    """A sentence without a pivot that it began with, or that stood in it."""
    comma = _COMMA.match(after)
    if first:
        after = after[comma.end() :] if comma else after.lstrip(" \t")
        return before + (after[:1].upper() + after[1:] if pivot[:1].isupper() else after)
    if comma and after[0] == "," and _JOINS.search(before, max(0, len(before) - _TAIL)):
        after = after[comma.end() :]
    elif after[:1] in _MARKS:
        return before.rstrip(", \t") + after
    return before + (after.lstrip(" \t") if not before or before[-1].isspace() else after)


def _joined(before: str, after: str) -> str:
    """Two sentences, parted by the wider of the gaps before and after the one that went."""
    left, right = before.rstrip(), after.lstrip()
    if not left:
        return right
    gaps = before[len(left) :], after[: len(after) - len(right)]
    return left + max(*gaps, key=lambda gap: (gap.count("\n"), bool(gap))) + right
