"""One elementary fact in the body is false, and the trace believes it (ST-HC-F)."""

from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from understudy.protocols import Puzzle
from understudy.registry import entry
from understudy.types import Problem, Skip, Trace


@entry
@dataclass(frozen=True)
class FalseFact:
    """Replaces the solution by a candidate that only one false elementary fact makes fit.

    Everything else follows from that fact, the verification repeats it, and the answer is the candidate's: wrong.
    """

    task: Puzzle

    keeps: ClassVar[frozenset[str]] = frozenset({"length"})
    makes: ClassVar[frozenset[str]] = frozenset({"wrong-answer", "wrong-trace"})

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """The trace with a false fact; skipped if it does not carry its answer out."""
        solution = self.task.read_answer(trace.response)
        working = self.task.working(problem, solution) if solution and self.task.solves(problem, solution) else None
        if working is None or working not in (trace.reasoning or ""):
            return Skip("does not carry its answer out in words that can be replaced")
        made = self.task.false_working(problem, rng)
        if made is None:
            return Skip("no answer is wrong")
        candidate, false = made
        reasoning = (trace.reasoning or "").replace(working, false)
        return replace(trace, reasoning=reasoning, response=self.task.answer(candidate))
