"""What a trace holds beyond a layout's own columns: one more column, so that reading gives back what was written.

The column holds JSON text. Trainers leave columns alone that they do not know, and a text has the same type in every
row. Prompt, reasoning and response are not repeated in it: it says how they lie in the layout's own columns.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from understudy.markers import CLOSE, OPEN, split
from understudy.tables import to_json
from understudy.types import Trace, Usage

COLUMN = "understudy"

_TEXTS = ("reasoning", "response")
_DEFAULTS = {
    field.name: None if field.default is MISSING else field.default
    for field in fields(Trace)
    if field.name not in _TEXTS
}
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("trace_id", "problem_id", "model"), str),
    **dict.fromkeys(("variant", "parent_id", "error"), (str, type(None))),
    "sample": int,
    "metadata": dict,
}
_FINISHES = ("stop", "length", "error", None)
_LARGEST = 2**63
_HEAD, _TAIL = f"{OPEN}\n", f"\n{CLOSE}\n\n"


def pack(form: str, trace: Trace) -> str:
    """The column's text, as the format ``form`` writes it."""
    kept = {name: getattr(trace, name) for name, default in _DEFAULTS.items() if getattr(trace, name) != default}
    if "usage" in kept:
        kept["usage"] = [trace.usage.prompt_tokens, trace.usage.completion_tokens]
    metadata = dict(trace.metadata)
    prompt = isinstance(metadata.get("prompt"), str)
    if prompt:
        del metadata["prompt"]
    length = None if trace.reasoning is None else len(trace.reasoning)
    return to_json({**kept, "metadata": metadata, "format": form, "prompt": prompt, "reasoning": length})


def unpack(form: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """What ``pack`` wrote, or null: the column is not there, or is not what this format writes."""
    carried = _carried(row)
    return carried if carried and carried["format"] == form else None


def writer(row: Mapping[str, Any]) -> str | None:
    """The name of the format that wrote the row, or null: none of ours did."""
    carried = _carried(row)
    return carried["format"] if carried else None


def _carried(row: Mapping[str, Any]) -> dict[str, Any] | None:
    text = row.get(COLUMN)
    if not isinstance(text, str):
        return None
    try:
        carried = json.loads(text)
        to_json(carried).encode()
    except (ValueError, RecursionError):
        return None
    return carried if isinstance(carried, dict) and _valid(carried) else None


def prompt_of(trace: Trace) -> str:
    """The prompt as a column: "" where none is known."""
    prompt = trace.metadata.get("prompt")
    return prompt if isinstance(prompt, str) else ""


def restore(carried: dict[str, Any], prompt: str, reasoning: str | None, response: str) -> Trace:
    """The trace that was packed, with its texts from the row."""
    values = {name: carried[name] for name in _DEFAULTS if name in carried}
    values["usage"] = Usage(*carried.get("usage", ()))
    if carried["prompt"]:
        values["metadata"] = {**values["metadata"], "prompt": prompt}
    if carried["reasoning"] is None and not reasoning:
        reasoning = None
    return Trace(**{"trace_id": "", "problem_id": "", "model": "", **values}, reasoning=reasoning, response=response)


def inline(trace: Trace) -> str:
    """Reasoning between tags, then the response, as the chat templates of reasoning models write it."""
    return trace.response if trace.reasoning is None else f"{_HEAD}{trace.reasoning}{_TAIL}{trace.response}"


def restore_inline(carried: dict[str, Any], prompt: str, text: str) -> Trace:
    """The trace of a text that ``inline`` made: exact also where the parts hold tags themselves."""
    length = carried["reasoning"]
    if length is None:
        return restore(carried, prompt, None, text)
    end = len(_HEAD) + length
    if text.startswith(_HEAD) and text.startswith(_TAIL, end):
        return restore(carried, prompt, text[len(_HEAD) : end], text[end + len(_TAIL) :])
    reasoning, response, _ = split(text)
    return restore(carried, prompt, reasoning, response)


def whole(value: object) -> bool:
    """Whether a value is a count that a table can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _valid(carried: Mapping[str, Any]) -> bool:
    """Somebody may have edited the column, or mean something else by it."""
    usage, length = carried.get("usage", [None, None]), carried.get("reasoning")
    return (
        all(isinstance(carried[name], kind) for name, kind in _KINDS.items() if name in carried)
        and "metadata" in carried
        and isinstance(carried.get("format"), str)
        and isinstance(carried.get("prompt"), bool)
        and (length is None or whole(length))
        and whole(carried.get("sample", 0))
        and carried.get("finish_reason") in _FINISHES
        and (isinstance(usage, list) and len(usage) == 2 and all(n is None or whole(n) for n in usage))
    )
