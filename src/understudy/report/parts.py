"""A text cut at its pivots, so that a page can mark them.

[(part.text, part.pivot) for part in parts("Wait, 2 and 2 is 4.")]     # [("Wait", "realization"), (", 2 …", None)]
"""

from collections.abc import Sequence
from dataclasses import dataclass

from understudy.style.pivots import Span, spans


@dataclass(frozen=True)
class Part:
    """A piece of a text, and the type of the pivot that it is, if it is one."""

    text: str
    pivot: str | None


def parts(text: str) -> list[Part]:
    """The whole text, cut at its pivots; nothing is lost."""
    return cut(text, 0, len(text), spans(text))


def cut(text: str, start: int, end: int, pivots: Sequence[Span]) -> list[Part]:
    """``text[start:end]`` cut at those of ``pivots`` that overlap it, of which none overlaps another."""
    found, at = [], start
    for first, last, pivot in pivots:
        first, last = max(first, at), min(last, end)
        if first < last:
            found += [Part(text[at:first], None), Part(text[first:last], pivot)]
            at = last
    return [part for part in (*found, Part(text[at:end], None)) if part.text]
