"""The shortest of several attempts at a problem.

ST: {from: {openai: {model: NAME, samples: 8}}, select: [right, {shortest: {n: 2}}]}
"""

from collections.abc import Sequence
from dataclasses import dataclass

from understudy.errors import StudyError
from understudy.protocols import Attempt
from understudy.registry import entry
from understudy.types import Problem, Trace


@entry
@dataclass(frozen=True)
class Shortest:
    """Keeps the ``n`` attempts at each problem with the fewest words, reasoning and response together."""

    n: int = 1

    def __post_init__(self) -> None:
        if self.n < 1:
            raise StudyError(f"shortest cannot keep {self.n} attempts", "n: 1 or more")

    def select(self, attempts: Sequence[Attempt], problem: Problem) -> list[str | None]:
        """Why each attempt is left out, or null."""
        order = sorted(range(len(attempts)), key=lambda place: (_words(attempts[place][0]), place))
        kept = set(order[: self.n])
        return [None if place in kept else "longer than others of its problem" for place in range(len(attempts))]


def _words(trace: Trace) -> int:
    return len(f"{trace.reasoning or ''} {trace.response}".split())
