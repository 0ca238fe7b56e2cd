"""Chat messages with the reasoning in a field of its own, as endpoints and most trainers have them.

{"messages": [{"role": "user", "content": "2 + 2?"},
              {"role": "assistant", "reasoning_content": "2 and 2 is 4.", "content": "4"}]}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from understudy.formats._carry import COLUMN, pack, prompt_of, restore
from understudy.formats._chat import Chat, history, holder, read
from understudy.registry import entry
from understudy.types import Skip, Trace

NAME = "messages"


@entry
@dataclass(frozen=True)
class Messages:
    """``messages`` with ``role`` and ``content``, and ``reasoning_content`` beside the assistant's.

    ``reasoning`` and ``thinking`` are read too, and content in blocks. No reasoning is written as "", so that the
    column has one type; the column ``understudy`` says which it was.
    """

    def reads(self, row: Mapping[str, Any]) -> bool:
        """Whether the row holds messages with role and content."""
        return holder(row, "role", "content") is not None

    def read(self, row: Mapping[str, Any], thinks: bool) -> list[Trace] | Skip:
        """The assistant's last turn. Turns before the prompt are kept in ``metadata["history"]``."""
        return read(row, thinks, NAME, _restored)

    def write(self, trace: Trace) -> dict[str, Any]:
        """A row of messages."""
        turns = [{"role": role, "content": text} for role, text in history(trace)]
        user = {"role": "user", "content": prompt_of(trace)}
        written = {"role": "assistant", "content": trace.response, "reasoning_content": trace.reasoning or ""}
        return {"messages": [*turns, user, written], COLUMN: pack(NAME, trace)}


def _restored(carried: dict[str, Any], found: Chat) -> Trace:
    return restore(carried, found.prompt or "", found.attempt.reasoning, found.attempt.text)
