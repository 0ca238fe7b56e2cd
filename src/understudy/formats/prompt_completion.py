"""Prompt and completion, as texts or as lists of messages.

{"prompt": "2 + 2?", "completion": "<think>\\n2 and 2 is 4.\\n</think>\\n\\n4"}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from understudy.formats._carry import COLUMN, inline, pack, prompt_of, restore_inline, unpack
from understudy.formats._chat import chat, is_turns, trace
from understudy.formats.fields import Fields
from understudy.registry import entry
from understudy.types import Skip, Trace

NAME = "prompt-completion"
USED = frozenset(("prompt", "completion"))


@entry
@dataclass(frozen=True)
class PromptCompletion:
    """``prompt`` and ``completion``; the reasoning is between <think> tags, or in a field of its own."""

    def reads(self, row: Mapping[str, Any]) -> bool:
        """Whether the row has both, as two texts or as two lists of messages."""
        prompt, completion = row.get("prompt"), row.get("completion")
        return (isinstance(prompt, str) and isinstance(completion, str)) or _is_chat(row)

    def read(self, row: Mapping[str, Any], thinks: bool) -> list[Trace] | Skip:
        """The completion as a trace."""
        if _is_chat(row):
            return trace(row, chat([*row["prompt"], *row["completion"]]), USED, thinks)
        if not self.reads(row):
            return Skip("its prompt and completion are no texts")
        if (carried := unpack(NAME, row)) is not None:
            return [restore_inline(carried, row["prompt"], row["completion"])]
        return Fields(prompt="prompt", response="completion").read(row, thinks)

    def write(self, trace: Trace) -> dict[str, Any]:
        """A row of two texts."""
        return {"prompt": prompt_of(trace), "completion": inline(trace), COLUMN: pack(NAME, trace)}


def _is_chat(row: Mapping[str, Any]) -> bool:
    return all(is_turns(row.get(name), "role", "content") for name in USED)
