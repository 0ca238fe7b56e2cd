"""ShareGPT: conversations of a human and "gpt".

{"conversations": [{"from": "human", "value": "2 + 2?"},
                   {"from": "gpt", "value": "<think>\\n2 and 2 is 4.\\n</think>\\n\\n4"}]}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from understudy.formats._carry import COLUMN, inline, pack, prompt_of, restore_inline, unpack
from understudy.formats._chat import chat, history, holder, trace
from understudy.registry import entry
from understudy.types import Skip, Trace

NAME = "sharegpt"
SPEAKERS = {"user": "human", "assistant": "gpt"}


@entry
@dataclass(frozen=True)
class Sharegpt:
    """``conversations`` with ``from`` and ``value``; the reasoning is between <think> tags."""

    def reads(self, row: Mapping[str, Any]) -> bool:
        """Whether the row holds turns with from and value."""
        return holder(row, "from", "value") is not None

    def read(self, row: Mapping[str, Any], thinks: bool) -> list[Trace] | Skip:
        """The last turn of gpt. Turns before the prompt are kept in ``metadata["history"]``."""
        name = holder(row, "from", "value")
        if name is None:
            return Skip("it holds no conversation with from and value")
        found = chat(row[name], "from", "value")
        if found and (carried := unpack(NAME, row)) is not None:
            return [restore_inline(carried, found.prompt or "", found.attempt.text)]
        return trace(row, found, frozenset((name,)), thinks)

    def write(self, trace: Trace) -> dict[str, Any]:
        """A row with one conversation."""
        turns = [*history(trace), ("user", prompt_of(trace)), ("assistant", inline(trace))]
        spoken = [{"from": SPEAKERS.get(role, role), "value": text} for role, text in turns]
        return {"conversations": spoken, COLUMN: pack(NAME, trace)}
