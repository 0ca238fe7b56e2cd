"""Only traces whose answer is right: rejection sampling, as most data sets of traces are made.

ST: {from: {openai: {model: NAME, samples: 4}}, select: [right, shortest]}
"""

from collections.abc import Sequence
from dataclasses import dataclass

from understudy.protocols import Attempt
from understudy.registry import entry
from understudy.types import Problem, Score


@entry
@dataclass(frozen=True)
class Right:
    """Keeps what is scored right; wrong answers go, and those that cannot be scored."""

    def select(self, attempts: Sequence[Attempt], problem: Problem) -> list[str | None]:
        """Why each attempt is left out, or null."""
        return [_reason(score) for _, score in attempts]


def _reason(score: Score) -> str | None:
    if score.value is None:
        return score.explanation or "not scored"
    return None if score.value == 1 else "its answer is wrong"
