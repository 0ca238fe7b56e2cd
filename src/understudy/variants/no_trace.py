"""Question and right answer, no trace (ST-NT)."""

from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from understudy.registry import entry
from understudy.types import Problem, Skip, Trace


@entry
@dataclass(frozen=True)
class NoTrace:
    """Takes the reasoning away and keeps the response (ST-NT of Style over Substance, arXiv 2504.01738)."""

    keeps: ClassVar[frozenset[str]] = frozenset({"response", "answer"})
    makes: ClassVar[frozenset[str]] = frozenset({"no-trace"})

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """The trace without its reasoning; skipped if nothing would be left."""
        return replace(trace, reasoning=None) if trace.response.strip() else Skip("has no response to keep")
