"""A teacher that knows the solution and writes its bare steps: no search, no pivots (step by step, SBS)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from understudy.protocols import Puzzle
from understudy.registry import entry
from understudy.style.phrases import STEP
from understudy.types import Problem, Sampling, Trace


@entry
@dataclass(frozen=True)
class Plain:
    """A scripted teacher that writes the bare steps of the solution (step by step, SBS)."""

    task: Puzzle

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Trace]:
        """One trace a problem."""
        for problem in problems:
            solution = next(c for c in self.task.candidates(problem) if self.task.solves(problem, c))
            steps = [f"{STEP} {fact}" for fact in self.task.bare_steps(problem, solution)]
            yield Trace(
                trace_id=f"plain/{problem.problem_id}/0",
                problem_id=problem.problem_id,
                model="plain",
                response=self.task.answer(solution),
                reasoning=" . ".join(steps) + " .",
            )
