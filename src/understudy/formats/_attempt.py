"""One attempt of a model, as a row of somebody's file shows it, made into a trace."""

from collections.abc import Mapping
from typing import Any

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
SCALARS = (str, int, float, bool)


def attempt(
    row: Mapping[str, Any],
    text: str | None,
    reasoning: str | None,
    *,
    prompt: object = None,
    thinks: bool = False,
    model: str = "",
    given: Mapping[str, str] = {},
    used: frozenset[str] = frozenset(),
    sample: int = 0,
    of: int | None = None,
) -> Trace:
    """The trace of one attempt, with what else the row says of it.

    ``text`` is what the model wrote (null: it is not stored), ``reasoning`` what a field of its own holds of it.
    ``given`` names fields by role in place of the usual names; ``used`` are fields that are told already. ``of``:
    the row holds that many samples, and its lists of this length go by sample.
    """
    found = {**roles(tuple(row)), **given} if given else roles(tuple(row))

    def value(role: str) -> Any:
        held = row.get(found[role]) if role in found else None
        return held[sample] if isinstance(held, list) and len(held) == of else held

    error = _error(text, reasoning, value("error"))
    if error is not None:
        parts = Parts(None, "")
    elif reasoning and not reasoning.isspace():
        parts = _beside(reasoning, text)
    else:
        parts = split(text or "", thinks)
    said = value("finish_reason")
    finish = FINISHES.get(said.lower()) if isinstance(said, str) else None
    name = value("model")
    return Trace(
        trace_id="",
        problem_id="",
        model=model or (name if isinstance(name, str) else ""),
        response=parts.response,
        reasoning=parts.reasoning,
        sample=sample,
        finish_reason="error" if error is not None else finish or parts.finish,
        usage=_usage(row, value("prompt_tokens"), value("completion_tokens")),
        error=error,
        metadata=_metadata(row, found, prompt, used | _told(found, finish, error), sample, of),
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


def _usage(row: Mapping[str, Any], prompt: object, completion: object) -> Usage:
    usage = row.get("usage")
    if isinstance(usage, Mapping):
        prompt, completion = usage.get("prompt_tokens", prompt), usage.get("completion_tokens", completion)
    counts = [int(count) if whole(count) else None for count in (prompt, completion)]  # type: ignore[call-overload]
    return Usage(*counts) if any(count is not None for count in counts) else _UNKNOWN


def _metadata(
    row: Mapping[str, Any],
    found: Mapping[str, str],
    prompt: object,
    used: frozenset[str],
    sample: int,
    of: int | None,
) -> dict[str, Any]:
    """Prompt, reference answer, and every other field that holds one text, number or truth value."""
    metadata: dict[str, Any] = {}
    if isinstance(prompt, str):
        metadata["prompt"] = prompt
    answer = found.get("answer")
    if answer is not None and answer not in used and (gold := _gold(row.get(answer))) is not None:
        metadata["answer"] = gold
    told = texts(tuple(row))
    for name, value in row.items():
        if name in told or name in used or name in (answer, COLUMN):
            continue
        if of is not None and isinstance(value, list) and len(value) == of:
            value = value[sample]
        if isinstance(value, SCALARS):
            metadata.setdefault(name, value)
    return metadata


def _told(found: Mapping[str, str], finish: FinishReason | None, error: str | None) -> frozenset[str]:
    """The fields that a trace has columns for, where it could take their values."""
    roles = (*TOLD, *(("finish_reason",) if finish else ()), *(("error",) if error else ()))
    return frozenset(found[role] for role in roles if role in found)


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
