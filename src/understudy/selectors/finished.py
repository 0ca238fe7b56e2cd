"""Only traces that came to their end: neither failed nor cut off at the limit of tokens.

ST: {from: {file: {path: traces.jsonl}}, select: finished}
"""

from collections.abc import Sequence
from dataclasses import dataclass

from understudy.protocols import Attempt
from understudy.registry import entry
from understudy.types import Problem, Trace
from understudy.verify import status


@entry
@dataclass(frozen=True)
class Finished:
    """Keeps what is finished, whatever its answer."""

    def select(self, attempts: Sequence[Attempt], problem: Problem) -> list[str | None]:
        """Why each attempt is left out, or null."""
        return [_reason(trace) for trace, _ in attempts]


def _reason(trace: Trace) -> str | None:
    ended = status(trace, trace.response)
    return None if ended == "finished" else ended
