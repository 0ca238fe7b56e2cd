"""Plain columns, found by their names: what most collections of traces are.

    understudy import rows.jsonl --out traces.parquet --map response=o1_text --map reasoning=o1_thoughts

Names that carry the model's (``gpt-4o (question)``, ``R1 Reasoning`` and ``R1 Answer``), lists of samples and
attempts below the top level of a row are found too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeGuard

from understudy.formats._attempt import NOTHING, attempt
from understudy.formats._carry import COLUMN, pack, prompt_of, restore, unpack
from understudy.formats._names import WHOLE, Columns, asked, columns, normal, roles
from understudy.formats._nested import Nested, nested
from understudy.markers import OPEN
from understudy.registry import entry
from understudy.types import Skip, Trace

NAME = "fields"
_ABOUT = ("answer", "model", "finish_reason")
PIECES = ("text", "content", "sentence", "chunk", "step")
"""Where an object holds its text."""
NO_TEXT = "its fields hold no text that a model wrote"
QUESTION = "it is a question without a response (if one of its fields is that: --map response=FIELD)"


@entry
@dataclass(frozen=True)
class Fields:
    """One column each for prompt, reasoning, response and the rest; reads nearly any flat row.

    Each parameter names the field to read; by default it is the first of a list of usual names that a row has.
    ``answer`` is the reference answer.
    """

    prompt: str | None = None
    response: str | None = None
    reasoning: str | None = None
    answer: str | None = None
    model: str | None = None
    finish_reason: str | None = None

    def reads(self, row: Mapping[str, Any]) -> bool:
        """Whether a response or a reasoning is found, or a question with its reference answer."""
        if unpack(NAME, row) is not None or self._columns(tuple(row)):
            return True
        if self.response or self.reasoning:
            return False
        return bool(nested(row)) or {"prompt", "answer"} <= roles(tuple(row)).keys()

    def read(self, row: Mapping[str, Any], thinks: bool) -> list[Trace] | Skip:
        """A trace for each sample and model; a question alone, or a field that holds no text, is skipped."""
        if (carried := unpack(NAME, row)) is not None:
            prompt, reasoning, response = (_text(row.get(name)) for name in ("prompt", "reasoning", "response"))
            return [restore(carried, prompt or "", reasoning, response or "")]
        found = self._columns(tuple(row))
        if found:
            return _stored([self._attempts(row, one, found, thinks) for one in found])
        if self.response or self.reasoning:
            return Skip(f"it has no field {self.response or self.reasoning!r}")
        below = nested(row)
        if below:
            return _stored([self._below(one, thinks) for one in below])
        questions = {"prompt", "answer"} <= roles(tuple(row)).keys()
        return Skip(QUESTION if questions else "none of its fields is known to hold a response")

    def write(self, trace: Trace) -> dict[str, Any]:
        """Columns for the eye and for other tools; ids, usage and metadata are in the column ``understudy``."""
        answer = trace.metadata.get("answer")
        return {
            "prompt": prompt_of(trace),
            "reasoning": trace.reasoning,
            "response": trace.response,
            "answer": answer if isinstance(answer, str) else None,
            "model": trace.model,
            "sample": trace.sample,
            "finish_reason": trace.finish_reason,
            "error": trace.error,
            COLUMN: pack(NAME, trace),
        }

    def _columns(self, names: tuple[str, ...]) -> tuple[Columns, ...]:
        """The fields to read: the usual ones, with those that were named in their place; none, if one is missing."""
        usual = columns(names)
        if not (self.prompt or self.response or self.reasoning):
            return usual
        found = roles(names)
        prompt, reasoning, response, model = usual[0] if usual else Columns(found.get("prompt"), None, None)
        if self.response:
            reasoning = found.get("reasoning")
            model, prompt = asked(self.response, names) or ("", found.get("prompt"))
            response = self.response
        made = Columns(self.prompt or prompt, self.reasoning or reasoning, response, model)
        if made.reasoning == made.response:
            made = made._replace(reasoning=None)
        readable = made.response in names or (made.response is None and made.reasoning is not None)
        return (made,) if readable and (self.reasoning is None or self.reasoning in names) else ()

    def _given(self) -> tuple[tuple[str, str], ...]:
        """The fields that were named, each after its role."""
        named = (self.answer, self.model, self.finish_reason)
        return tuple((role, name) for role, name in zip(_ABOUT, named, strict=True) if name) if any(named) else ()

    def _attempts(
        self, row: Mapping[str, Any], one: Columns, every: tuple[Columns, ...], thinks: bool
    ) -> list[Trace] | Skip:
        """One trace a sample of these columns."""
        samples = _samples(row, one)
        if isinstance(samples, Skip):
            return samples
        several = isinstance(row.get(one.response or ""), list)
        prompt = _prompt(row.get(one.prompt)) if one.prompt else None
        repeats = one.response is not None and normal(one.response) in WHOLE
        return [
            attempt(
                row,
                text.removeprefix(prompt or "").lstrip() if text and repeats else text,
                reasoning,
                prompt=prompt,
                thinks=thinks and one.reasoning is None,
                model=one.model,
                given=self._given(),
                used=_used(every),
                sample=sample,
                of=len(samples) if several else None,
            )
            for sample, (text, reasoning) in enumerate(samples)
        ]

    def _below(self, one: Nested, thinks: bool) -> list[Trace] | Skip:
        """The attempts of an object below the top level."""
        found = self._columns(tuple(one.row))
        traces = self._attempts(one.row, found[0], found, thinks)
        if isinstance(traces, Skip):
            return traces
        first = one.sample * len(traces)
        return [replace(t, model=t.model or one.model, sample=first + t.sample) for t in traces]


@lru_cache(maxsize=1024)
def _used(every: tuple[Columns, ...]) -> frozenset[str]:
    """The fields of all attempts of a row: none of them is a remark on another."""
    return frozenset(name for one in every for name in one[:3] if name)


def _samples(row: Mapping[str, Any], one: Columns) -> list[tuple[str | None, str | None]] | Skip:
    """What was written and what was thought in each sample; null: nothing is stored."""
    if one.reasoning is None and isinstance(alone := row.get(one.response or ""), str):
        return [(alone, None)]
    columns: dict[str, list[str | None]] = {}
    for field in (one.response, one.reasoning):
        if field is not None:
            value = row.get(field)
            columns[field] = value if _is_list_of_texts(value) else [_text(value)]
            if not columns[field]:
                return Skip(f"its field {field!r} is an empty list")
    if one.response is None:
        return [(None, thought) for thought in columns[str(one.reasoning)]]
    written = columns[one.response]
    thoughts = columns[one.reasoning] if one.reasoning else [None]
    if thoughts == [None]:
        thoughts = [None] * len(written)
    if len(thoughts) != len(written):
        return Skip(f"it has {len(written)} responses and {len(thoughts)} reasonings")
    return [(text or "" if thought else text, thought) for text, thought in zip(written, thoughts, strict=True)]


def _is_list_of_texts(value: object) -> TypeGuard[list[str | None]]:
    return isinstance(value, list) and all(item is None or isinstance(item, str) for item in value)


def _text(value: object) -> str | None:
    """The text of a field: its own, that of an object, or those of a list of objects with single spaces between."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Mapping):
        return next((value[name] for name in PIECES if isinstance(value.get(name), str)), None)
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        pieces = [_text(item) for item in value]
        return " ".join(filter(None, pieces)) if any(pieces) else None
    return None


def _prompt(value: object) -> str | None:
    """The text of a prompt, without the opening tag that a chat template ends with."""
    text = _text(value)
    return text.rstrip().removesuffix(OPEN).rstrip() if text and OPEN in text and text.rstrip().endswith(OPEN) else text


def _stored(found: Sequence[list[Trace] | Skip]) -> list[Trace] | Skip:
    """The traces of a row, or why there are none; a row of which nothing is stored has none."""
    traces = [trace for part in found if not isinstance(part, Skip) for trace in part]
    if len(traces) > 1 or (traces and traces[0].error != NOTHING):
        return traces
    return next((part for part in found if isinstance(part, Skip)), Skip(NO_TEXT))
