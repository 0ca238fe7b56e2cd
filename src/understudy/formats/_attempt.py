"""One attempt of a model, as a row of somebody's file shows it, made into a trace."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from understudy.formats._carry import COLUMN, whole
from understudy.formats._names import roles, texts
from understudy.markers import CLOSE, Parts, api_error, bare, split
from understudy.tables import to_json
from understudy.types import FinishReason, Trace, Usage

FINISHES: Mapping[str, FinishReason] = {
    **dict.fromkeys(("stop", "eos", "end_turn", "stop_sequence", "eos_token"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length"), "length"),
}
"""How endpoints say that a text ended."""
NOTHING = "no output was stored"
TOLD = ("model", "prompt_tokens", "completion_tokens")
SAID = (*TOLD, "finish_reason", "error")
SCALARS = (str, int, float, bool)


class _Layout(NamedTuple):
    """What the names of a row's fields tell, once for all rows that have the same."""

    answer: str | None
    """The field of the reference answer, where it is not told already."""
    said: tuple[tuple[str, str], ...]
    """What else the row says of the attempt: each role with its field."""
    left_out: frozenset[str | None]
    """Fields that are no metadata."""


@lru_cache(maxsize=1024)
def _layout(names: tuple[str, ...], given: tuple[tuple[str, str], ...], used: frozenset[str]) -> _Layout:
    found = {**roles(names), **dict(given)}
    answer = found.get("answer")
    told = {found.get(role) for role in TOLD}
    return _Layout(
        answer=None if answer in used else answer,
        said=tuple((role, found[role]) for role in SAID if role in found),
        left_out=texts(names) | used | told | {answer, COLUMN},
    )


def attempt(
    row: Mapping[str, Any],
    text: str | None,
    reasoning: str | None,
    *,
    prompt: object = None,
    thinks: bool = False,
    model: str = "",
    given: tuple[tuple[str, str], ...] = (),
    used: frozenset[str] = frozenset(),
    sample: int = 0,
    of: int | None = None,
) -> Trace:
    """The trace of one attempt, with what else the row says of it.

    ``text`` is what the model wrote (null: it is not stored), ``reasoning`` what a field of its own holds of it.
    ``given`` names fields, each after its role, in place of the usual names; ``used`` are fields that are told
    already. ``of``: the row holds that many samples, and its lists of this length go by sample.
    """
    layout = _layout(tuple(row), given, used)
    said = {role: _of_sample(row.get(field), sample, of) for role, field in layout.said}
    error = _error(text, reasoning, said.get("error"))
    if error is not None:
        parts = Parts(None, "")
    elif reasoning and not reasoning.isspace():
        parts = _beside(reasoning, text)
    else:
        parts = split(text or "", thinks)
    ended, name = said.get("finish_reason"), said.get("model")
    finish = FINISHES.get(ended.lower()) if isinstance(ended, str) else None
    told = [*(("finish_reason",) if finish else ()), *(("error",) if error is not None else ())]
    return Trace(
        trace_id="",
        problem_id="",
        model=model or (name if isinstance(name, str) else ""),
        response=parts.response,
        reasoning=parts.reasoning,
        sample=sample,
        finish_reason="error" if error is not None else finish or parts.finish,
        usage=_usage(row.get("usage"), said.get("prompt_tokens"), said.get("completion_tokens")),
        error=error,
        metadata=_metadata(row, layout, prompt, told, sample, of),
    )


def _error(text: str | None, reasoning: str | None, said: object) -> str | None:
    if text and not text.isspace():
        return api_error(text)
    if isinstance(said, str) and said.strip():
        return said.strip()
    return NOTHING if text is None and not reasoning else None


def _beside(reasoning: str, text: str | None) -> Parts:
    """Reasoning in a field of its own. Some collectors leave it in the text as well; an empty text was cut off."""
    reasoning = bare(reasoning)
    if text is None:
        return Parts(reasoning, "")
    if CLOSE in text and (parts := split(text)).reasoning == reasoning.strip():
        return parts
    return Parts(reasoning, text, None if text and not text.isspace() else "length")


def _usage(usage: object, prompt: object, completion: object) -> Usage:
    if usage is None and prompt is None and completion is None:
        return _UNKNOWN
    if isinstance(usage, Mapping):
        prompt, completion = usage.get("prompt_tokens", prompt), usage.get("completion_tokens", completion)
    counts = [int(count) if whole(count) else None for count in (prompt, completion)]  # type: ignore[call-overload]
    return Usage(*counts) if any(count is not None for count in counts) else _UNKNOWN


def _metadata(
    row: Mapping[str, Any], layout: _Layout, prompt: object, told: Sequence[str], sample: int, of: int | None
) -> dict[str, Any]:
    """Prompt, reference answer, and every other field that holds one text, number or truth value.

    ``told`` are the roles of which the trace could take what the row says.
    """
    metadata: dict[str, Any] = {}
    if isinstance(prompt, str):
        metadata["prompt"] = prompt
    if layout.answer is not None and (gold := _gold(row.get(layout.answer))) is not None:
        metadata["answer"] = gold
    left_out = layout.left_out
    if told:
        left_out |= {field for role, field in layout.said if role in told}
    for name, value in row.items():
        if name not in left_out:
            held = _of_sample(value, sample, of)
            if isinstance(held, SCALARS):
                metadata.setdefault(name, held)
    return metadata


def _of_sample(value: Any, sample: int, of: int | None) -> Any:
    """A list with a value for each sample goes by sample."""
    return value[sample] if of is not None and isinstance(value, list) and len(value) == of else value


def _gold(value: object) -> str | None:
    """A reference answer as text: a list of one is that one, several are JSON."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or isinstance(value, str):
        return value
    try:
        return to_json(value) if isinstance(value, (*SCALARS, list, dict)) else None
    except (TypeError, RecursionError):
        return None


_UNKNOWN = Usage()
