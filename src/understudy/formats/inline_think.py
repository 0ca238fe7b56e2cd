"""Chat messages with the reasoning between <think> tags, before the assistant's response.

{"messages": [{"role": "user", "content": "2 + 2?"},
              {"role": "assistant", "content": "<think>\\n2 and 2 is 4.\\n</think>\\n\\n4"}]}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from understudy.formats._carry import COLUMN, inline, pack, prompt_of, unpack
from understudy.formats._chat import chat, history, holder, inlined, read
from understudy.markers import CLOSE
from understudy.registry import entry
from understudy.types import Skip, Trace

NAME = "inline-think"


@entry
@dataclass(frozen=True)
class InlineThink:
    """``messages`` with ``role`` and ``content`` alone; the reasoning is part of the content."""

    def reads(self, row: Mapping[str, Any]) -> bool:
        """Whether the row holds messages, and the attempt closes a reasoning in its text (or ``write`` wrote it)."""
        if unpack(NAME, row) is not None:
            return True
        name = holder(row, "role", "content")
        found = chat(row[name]) if name else None
        return found is not None and found.attempt.reasoning is None and CLOSE in found.attempt.text

    def read(self, row: Mapping[str, Any], thinks: bool) -> list[Trace] | Skip:
        """The assistant's last turn. Turns before the prompt are kept in ``metadata["history"]``."""
        return read(row, thinks, NAME, inlined)

    def write(self, trace: Trace) -> dict[str, Any]:
        """A row of messages."""
        turns = [*history(trace), ("user", prompt_of(trace)), ("assistant", inline(trace))]
        return {"messages": [{"role": role, "content": text} for role, text in turns], COLUMN: pack(NAME, trace)}
