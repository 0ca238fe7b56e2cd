"""The text made as long as another arm's, so that length is no difference between the two.

vary: {length-match: {to: 120}}
vary: {length-match: {arm: SBS}}
vary: {length-match: {to: runs/plain/traces/train/SBS.parquet}}
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from statistics import mean
from typing import ClassVar, Literal

from understudy import tables
from understudy.errors import StudyError
from understudy.registry import entry
from understudy.types import Problem, Skip, Trace
from understudy.variants import _text
from understudy.variants.truncate import nearest

NEAR = 0.1
"""How far from the wanted length a trace may be, as a share of it: what ``keeps length`` allows."""


@entry
@dataclass(frozen=True)
class LengthMatch:
    """Makes every trace ``to`` words long, ± 10 %; or as long as those of another ``arm`` of the study.

    ``to`` is a number, or a table of traces. With a table, or an arm, a trace gets the length of the other trace of its
    problem (the mean of several). Steps are left out ``how``: ``choose`` takes them out at random, the first and the
    last aside, and keeps the order; ``cut`` cuts the end off. A trace that is too short cannot be made longer and is
    left out, as is one whose steps are too long to come near: alignment then leaves out their problems in every arm.
    """

    to: int | str | None = None
    arm: str | None = None
    how: Literal["choose", "cut"] = "choose"
    root: Path = Path()
    traces: Path | None = None

    keeps: ClassVar[frozenset[str]] = frozenset({"ending", "order"})
    makes: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what cannot be meant. Where the table of the ``arm``'s ``traces`` is, a study knows only later."""
        if (self.to is None) == (self.arm is None):
            raise StudyError("length-match needs to or arm, one of them", "{to: 120}, {to: TABLE} or {arm: ARM}")
        if isinstance(self.to, int) and self.to < 1:
            raise StudyError(f"length-match cannot make traces of {self.to} words", "to is 1 or more, or a table")
        _ = self._lengths

    @cached_property
    def _lengths(self) -> Mapping[str, float]:
        """Words of each problem's traces, if a table says it. Raises ``InputError`` if that is none of ours."""
        table = self.root / self.to if isinstance(self.to, str) else self.traces
        if table is None:
            return {}
        found = defaultdict(list)
        for trace in tables.read_records(Trace, table):
            if trace.error is None and (length := _text.counted([_text.shown(trace)])):
                found[trace.problem_id].append(length)
        return {name: mean(lengths) for name, lengths in found.items()}

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """The trace with as many of its steps as are that long; skipped if that is not possible."""
        if self.arm is not None and self.traces is None:
            raise StudyError(f"there are no traces of an arm '{self.arm}' here", "arm is for studies; else to: TABLE")
        wanted = self.to if isinstance(self.to, int) else self._lengths.get(trace.problem_id)
        text = _text.read(trace)
        if text is None or wanted is None:
            return _text.NO_TEXT if text is None else Skip("has no counterpart to be as long as")
        ending = _text.counted([text.ending])
        length = _text.counted(text.steps) + ending
        if _near(length, wanted):
            return trace
        if length < wanted:
            return Skip("is shorter than it is to be")
        left = self._left(text, wanted - ending, rng)
        if not _near(_text.counted(left) + ending, wanted):
            return Skip("has no steps that come near the length")
        return _text.written(trace, "".join(left) + text.ending)

    def _left(self, text: _text.Text, wanted: float, rng: Random) -> list[str]:
        """The steps that stay, of about so many words."""
        if self.how == "cut":
            return text.steps[: nearest(text.steps, wanted)] if len(text.steps) > 1 else text.steps
        sizes = [_text.counted([step]) for step in text.steps]
        loose = list(range(1, len(sizes) if text.ending else len(sizes) - 1))
        rng.shuffle(loose)
        total, out = sum(sizes), set()
        for place in loose:
            if abs(total - sizes[place] - wanted) < abs(total - wanted):
                total -= sizes[place]
                out.add(place)
        return [step for place, step in enumerate(text.steps) if place not in out]


def _near(length: int, wanted: float) -> bool:
    return abs(length - wanted) <= NEAR * wanted
