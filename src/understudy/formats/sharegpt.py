"""ShareGPT: conversations of a human and "gpt".

{"conversations": [{"from": "human", "value": "2 + 2?"},
                   {"from": "gpt", "value": "<think>\\n2 and 2 is 4.\\n</think>\\n\\n4"}]}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from understudy.formats._carry import COLUMN, inline, pack, prompt_of
from understudy.formats._chat import history, holder, inlined, read
from understudy.registry import entry
from understudy.types import Skip, Trace

NAME = "sharegpt"
KEYS = ("from", "value")
SPEAKERS = {"user": "human", "assistant": "gpt"}


@entry
@dataclass(frozen=True)
class Sharegpt:
    """``conversations`` with ``from`` and ``value``; the reasoning is between <think> tags."""

    def reads(self, row: Mapping[str, Any]) -> bool:
        """Whether the row holds turns with from and value."""
        return holder(row, *KEYS) is not None

    def read(self, row: Mapping[str, Any], thinks: bool) -> list[Trace] | Skip:
        """The last turn of gpt. Turns before the prompt are kept in ``metadata["history"]``."""
        return read(row, thinks, NAME, inlined, *KEYS)

    def write(self, trace: Trace) -> dict[str, Any]:
        """A row with one conversation."""
        turns = [*history(trace), ("user", prompt_of(trace)), ("assistant", inline(trace))]
        spoken = [{"from": SPEAKERS.get(role, role), "value": text} for role, text in turns]
        return {"conversations": spoken, COLUMN: pack(NAME, trace)}
