"""A teacher that does not search: it is told the solution and writes what a search sounds like.

Framing, one to ``max_guesses`` failed guesses, the solution, verification and synthesis, with all four pivot types.
These are the *hard-coded* traces (ST-HC) of Style over Substance (arXiv 2504.01738), in the words of a puzzle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from understudy.errors import StudyError
from understudy.protocols import Puzzle
from understudy.randomness import stream
from understudy.registry import entry
from understudy.style.phrases import (
    CONFIRMED,
    EXPLORATION,
    FRAMING,
    HIT,
    INTEGRATION,
    MISS,
    REALIZATION,
    VERIFICATION,
)
from understudy.types import Problem, Sampling, Trace


@entry
@dataclass(frozen=True)
class Template:
    """A scripted teacher that is told the solution and imitates the style of a search (hard-coded traces, ST-HC)."""

    task: Puzzle
    max_guesses: int = 3

    def __post_init__(self) -> None:
        if self.max_guesses < 1:
            raise StudyError(f"template cannot make at most {self.max_guesses} guesses", "max_guesses is 1 or more")

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Trace]:
        """One trace a problem."""
        for problem in problems:
            yield self._trace(problem, stream(sampling.seed, "template", problem.problem_id))

    def _trace(self, problem: Problem, rng: Random) -> Trace:
        every = list(self.task.candidates(problem))
        solution = next(candidate for candidate in every if self.task.solves(problem, candidate))
        failing = [candidate for candidate in every if not self.task.solves(problem, candidate)]
        sentences = [f"{rng.choice(FRAMING)} {self.task.goal(problem)}"]
        for _ in range(rng.randint(1, self.max_guesses) if failing else 0):
            guess = self.task.working(problem, rng.choice(failing))
            sentences += [f"{rng.choice(EXPLORATION)} {guess} {MISS}", rng.choice(REALIZATION)]
        working = self.task.working(problem, solution)
        sentences.append(f"{rng.choice(EXPLORATION)} {working} {HIT}")
        sentences.append(f"{rng.choice(VERIFICATION)} {working} {CONFIRMED}")
        reasoning = " . ".join([*sentences, rng.choice(INTEGRATION)])
        answer = self.task.answer(solution)
        return Trace(f"template/{problem.problem_id}/0", problem.problem_id, "template", answer, reasoning)
