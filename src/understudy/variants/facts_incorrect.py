"""The reasoning replaced by a rule-based trace whose class and facts are wrong, under the same answer."""

from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from understudy.protocols import ScriptedTask
from understudy.registry import entry
from understudy.types import Problem, Skip, Trace


@entry
@dataclass(frozen=True)
class FactsIncorrect:
    """Replaces the reasoning by a trace that is wrong at each sub-step (arm "incorrect" of arXiv 2505.13792).

    The task writes it: another class at random, and facts that do not answer. The response stays as it is.
    """

    task: ScriptedTask

    keeps: ClassVar[frozenset[str]] = frozenset({"response", "answer"})
    makes: ClassVar[frozenset[str]] = frozenset({"wrong-trace"})

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """The trace with wrong reasoning; skipped if there is no response, or the problem has no rule-based trace."""
        written = self.task.write_trace(problem, False, rng) if trace.response.strip() else None
        return Skip("has no rule-based trace") if written is None else replace(trace, reasoning=written)
