"""A teacher that follows a task's own script: right at every sub-step, with the right answer.

correct: {from: script}
incorrect: {from: correct, vary: facts-incorrect}
vanilla: {from: correct, vary: no-trace}
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from understudy.protocols import ScriptedTask
from understudy.randomness import stream
from understudy.registry import entry
from understudy.types import Problem, Sampling, Trace


@entry
@dataclass(frozen=True)
class Script:
    """A scripted teacher that writes the task's own right trace, and the reference answer."""

    task: ScriptedTask

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Trace]:
        """One trace a problem; where the task has none to write, one with an error that says so."""
        for problem in problems:
            rng = stream(sampling.seed, "script", problem.problem_id)
            reasoning = self.task.write_trace(problem, True, rng) if problem.answer is not None else None
            missing = "the task has no trace for this problem" if reasoning is None else None
            yield Trace(
                trace_id=f"script/{problem.problem_id}/0",
                problem_id=problem.problem_id,
                model="script",
                response=problem.answer or "",
                reasoning=reasoning,
                finish_reason="error" if missing else None,
                error=missing,
            )
