"""Alpaca: instruction, input and output.

{"instruction": "Add.", "input": "2 and 2", "output": "<think>\\n2 and 2 is 4.\\n</think>\\n\\n4"}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from understudy.formats._carry import COLUMN, inline, pack, prompt_of, restore_inline, unpack
from understudy.formats.fields import Fields
from understudy.registry import entry
from understudy.types import Skip, Trace

NAME = "alpaca"


@entry
@dataclass(frozen=True)
class Alpaca:
    """``instruction``, ``input`` (may be empty) and ``output``; the reasoning is between <think> tags.

    The prompt is the instruction and, after an empty line, the input.
    """

    def reads(self, row: Mapping[str, Any]) -> bool:
        """Whether the row has an instruction and an output, both texts, and no input that is none."""
        texts = (row.get("instruction"), row.get("output"), row.get("input") or "")
        return all(isinstance(text, str) for text in texts)

    def read(self, row: Mapping[str, Any], thinks: bool) -> list[Trace] | Skip:
        """The output as a trace."""
        if not self.reads(row):
            return Skip("its instruction and output are no texts")
        if (carried := unpack(NAME, row)) is not None:
            return [restore_inline(carried, row["instruction"], row["output"])]
        joined = "\n\n".join(filter(None, (row["instruction"], row.get("input"))))
        rest = {name: value for name, value in row.items() if name != "input"}
        return Fields(prompt="instruction", response="output").read({**rest, "instruction": joined}, thinks)

    def write(self, trace: Trace) -> dict[str, Any]:
        """A row with the whole prompt as its instruction."""
        return {"instruction": prompt_of(trace), "input": "", "output": inline(trace), COLUMN: pack(NAME, trace)}
