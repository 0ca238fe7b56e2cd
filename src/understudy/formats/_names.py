"""What the fields of files of traces are called: one table of names a role, and the names that hold a model's."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

ROLES: Mapping[str, tuple[str, ...]] = {
    "prompt": (
        *("insufficient_question", "question", "prompt", "problem", "instruction", "query", "input", "user"),
        *("original_question", "formated_question", "formatted_question"),
    ),
    "response": (
        *("response", "model_answer", "model_response", "model_output", "completion", "output", "generation"),
        *("generations", "generated_text", "outputs", "responses", "completions", "content", "prediction"),
        *("gen_ans", "full_cot", "raw_output", "external_output", "original_response", "assistant"),
    ),
    "reasoning": (
        *("reasoning", "reasoning_content", "thinking", "thoughts", "thought", "reason", "internal_reasoning"),
        *("cot", "chain_of_thought", "rationale", "reasoning_trace", "thinking_trajectory"),
    ),
    "answer": (
        *("gt_answer", "ground_truth", "gold", "gold_answer", "gt", "reference_answer", "expected_answer"),
        *("correct_answer", "answer", "reference", "target", "solution"),
    ),
    "model": ("model", "llm", "generator", "model_name", "model_id"),
    "error": ("error", "error_message", "exception"),
    "finish_reason": ("finish_reason", "done_reason", "stop_reason"),
    "prompt_tokens": ("prompt_tokens", "input_tokens", "tokens_prompt", "prompt_eval_count"),
    "completion_tokens": ("completion_tokens", "output_tokens", "tokens_completion", "eval_count"),
}
"""Names of a role, the likeliest first. ``answer`` is the reference: it is a response only beside a reasoning."""

WHOLE = ("full_cot",)
"""Responses that begin with their prompt."""
MARKED = ("raw_output",)
"""Responses with all their markers, so that a field with the reasoning alone adds nothing."""

HOLDERS = ("messages", "conversations", "conversation", "dialogue", "dialog")
"""Fields that hold a conversation."""
SENTENCES = "data"
"""A list of sentences, where no other field holds what a model wrote."""

_MODEL_ASKED = re.compile(r"(.+?) \((\w+)\)")
_MODEL_PART = re.compile(r"(?i)(.+?)[ _](reasoning|thinking|answer|response|output)")
_THOUGHTS = ("reasoning", "thinking")


class Columns(NamedTuple):
    """The fields of one attempt in a row, and the model where their names tell it."""

    prompt: str | None
    reasoning: str | None
    response: str | None
    model: str = ""


@lru_cache(maxsize=4096)
def normal(name: str) -> str:
    """A name without its differences of case, spaces and hyphens."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


@lru_cache(maxsize=1024)
def roles(fields: tuple[str, ...]) -> Mapping[str, str]:
    """The field for each role that these fields have one for."""
    known = {normal(field): field for field in reversed(fields)}
    found = {role: next((known[name] for name in names if name in known), None) for role, names in ROLES.items()}
    return {role: field for role, field in found.items() if field is not None}


def asked(field: str, fields: tuple[str, ...]) -> tuple[str, str] | None:
    """Model and prompt of a field called ``<model> (<field of the prompt>)``."""
    match = _MODEL_ASKED.fullmatch(field)
    return (match[1], match[2]) if match and match[2] in fields else None


@lru_cache(maxsize=1024)
def columns(fields: tuple[str, ...]) -> tuple[Columns, ...]:
    """The fields of each attempt that a row with these fields holds; none, if no field can be a response."""
    found = roles(fields)
    prompt, reasoning, response = found.get("prompt"), found.get("reasoning"), found.get("response")
    named = [(field, *of) for field in fields if (of := asked(field, fields))]
    if named:
        return tuple(Columns(question, None, field, model) for field, model, question in named)
    if response:
        return (Columns(prompt, None if normal(response) in MARKED else reasoning, response),)
    if pairs := _pairs(fields):
        return tuple(Columns(prompt, *pair, model) for model, pair in pairs.items())
    if reasoning:
        return (Columns(prompt, reasoning, next((f for f in fields if normal(f) == "answer"), None)),)
    return (Columns(prompt, SENTENCES, None),) if SENTENCES in fields else ()


@lru_cache(maxsize=1024)
def texts(fields: tuple[str, ...]) -> frozenset[str]:
    """The fields that hold what models wrote: those of the attempts, and any other with such a name."""
    attempts = {field for one in columns(fields) for field in (one.reasoning, one.response) if field}
    usual = {*ROLES["response"], *ROLES["reasoning"]}
    return frozenset(attempts | {field for field in fields if normal(field) in usual})


def _pairs(fields: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """``<model> Reasoning`` and ``<model> Answer``, for each model that has both."""
    thoughts: dict[str, str] = {}
    answers: dict[str, str] = {}
    for field in fields:
        if match := _MODEL_PART.fullmatch(field):
            (thoughts if match[2].lower() in _THOUGHTS else answers)[match[1]] = field
    return {model: (field, answers[model]) for model, field in thoughts.items() if model in answers}
