"""A teacher that really searches: depth first, judging each candidate, and checking the one that fits.

Its traces are *emergent*: how often they turn back follows from the problem, not from a script.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from understudy.protocols import Puzzle
from understudy.randomness import stream
from understudy.registry import entry
from understudy.style.phrases import CONFIRMED, HESITATION, HIT, MISS, VERIFICATION
from understudy.types import Problem, Sampling, Trace

HESITATES = 0.25
"""How often a failed candidate is followed by a hesitation, which changes nothing in the search."""


@entry
@dataclass(frozen=True)
class Search:
    """A scripted teacher that searches depth first and verifies what it finds (emergent traces, ST)."""

    task: Puzzle

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Trace]:
        """One trace a problem."""
        for problem in problems:
            yield self._trace(problem, sampling.seed)

    def _trace(self, problem: Problem, seed: int) -> Trace:
        rng = stream(seed, "search", problem.problem_id)
        sentences = []
        for candidate in self.task.candidates(problem):
            working = self.task.working(problem, candidate)
            if self.task.solves(problem, candidate):
                break
            sentences.append(f"{working} {MISS}")
            if rng.random() < HESITATES:
                sentences.append(rng.choice(HESITATION))
        sentences += [f"{working} {HIT}", f"{VERIFICATION[0]} {working} {CONFIRMED}"]
        reasoning = " . ".join(sentences) + " ."
        return Trace(
            f"search/{problem.problem_id}/0",
            problem.problem_id,
            "search",
            self.task.answer(candidate),
            reasoning,
        )
