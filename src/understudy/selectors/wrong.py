"""Only traces whose answer is wrong, to see whether they teach the style alone.

ST-W: {from: ST, select: wrong}
"""

from collections.abc import Sequence
from dataclasses import dataclass

from understudy.protocols import Attempt
from understudy.registry import entry
from understudy.types import Problem, Score


@entry
@dataclass(frozen=True)
class Wrong:
    """Keeps what is scored wrong; right answers go, and those that cannot be scored."""

    def select(self, attempts: Sequence[Attempt], problem: Problem) -> list[str | None]:
        """Why each attempt is left out, or null."""
        return [_reason(score) for _, score in attempts]


def _reason(score: Score) -> str | None:
    if score.value is None:
        return score.explanation or "not scored"
    return "its answer is right" if score.value == 1 else None
