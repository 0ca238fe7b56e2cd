"""The ending bent to a wrong answer, the body as it was (ST-HC-W)."""

from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from understudy.protocols import Puzzle
from understudy.registry import entry
from understudy.types import Problem, Skip, Trace


@entry
@dataclass(frozen=True)
class WrongEnding:
    """Replaces the answer by a wrong one and leaves the reasoning as it is (ST-HC-W, arXiv 2504.01738).

    For puzzles: the wrong answer is a candidate that does not solve the problem, any of them with equal chance.
    """

    task: Puzzle

    keeps: ClassVar[frozenset[str]] = frozenset({"reasoning", "length"})
    makes: ClassVar[frozenset[str]] = frozenset({"wrong-answer"})

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """The trace with a wrong answer; skipped if every answer is right."""
        wrong = [c for c in self.task.candidates(problem) if not self.task.solves(problem, c)]
        return replace(trace, response=self.task.answer(rng.choice(wrong))) if wrong else Skip("no answer is wrong")
