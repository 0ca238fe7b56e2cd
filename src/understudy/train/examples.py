"""Traces as a student reads them: token ids of prompt and completion, and what each token weighs in the loss.

    encode(tokenizer, traces, problems, "ST", limit=4096, recipe=Recipe())

What would train on nothing, on test problems, or on words the student cannot write is refused here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy import markers
from understudy.errors import ContaminationError, StudyError
from understudy.models._checkpoint import encode_prompts
from understudy.types import Problem, Recipe, Trace


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of a prompt with its completion, and for each what its loss weighs (0: it is only read)."""

    ids: list[int]
    weights: list[float]


def encode(
    tokenizer: Any,
    traces: Sequence[Trace],
    problems: Mapping[str, Problem],
    arm: str,
    limit: int,
    recipe: Recipe,
) -> list[Example]:
    """Prompt and completion of every trace that did not fail, as token ids; the loss falls on the completion."""
    usable = [trace for trace in traces if trace.error is None]
    if not usable:
        reasons = Counter(trace.error for trace in traces)
        raise StudyError(f"arm '{arm}' has no trace to train on ({dict(reasons) or 'none was collected'})")
    _refuse_tested(usable, problems, arm)
    completions = [markers.join(trace.reasoning, trace.response) for trace in usable]
    prompts = encode_prompts(tokenizer, [problems[trace.problem_id].prompt for trace in usable])
    written = tokenizer(completions, add_special_tokens=False)["input_ids"]
    _refuse_unwritable(tokenizer, completions, written, arm)
    examples = [
        Example([*prompt, *ids, tokenizer.eos_token_id], [0.0] * len(prompt) + [1.0] * (len(ids) + 1))
        for prompt, ids in zip(prompts, written, strict=True)
    ]
    too_long = [example for example in examples if len(example.ids) > limit]
    if too_long:
        longest = max(len(example.ids) for example in too_long)
        raise StudyError(
            f"{len(too_long):,} of {len(examples):,} examples of arm '{arm}' are longer than the student's {limit:,} "
            f"tokens (the longest has {longest:,})",
            "give the student a longer context, or leave long traces out: they are never cut in silence",
        )
    return examples


def _refuse_tested(traces: Sequence[Trace], problems: Mapping[str, Problem], arm: str) -> None:
    tested = [trace for trace in traces if problems[trace.problem_id].split == "test"]
    if tested:
        raise ContaminationError(
            f"{len(tested):,} traces of arm '{arm}' are of problems of the test split, for instance "
            f"{tested[0].problem_id}",
            "a student must not be tested on what it was trained on",
        )


def _refuse_unwritable(tokenizer: Any, texts: Sequence[str], ids: Sequence[Sequence[int]], arm: str) -> None:
    """A word that the tokenizer does not know would be learned as 'unknown'."""
    unknown = tokenizer.unk_token_id
    if unknown is None or not any(unknown in row for row in ids):
        return
    text = next(text for text, row in zip(texts, ids, strict=True) if unknown in row)
    words = [word for word in text.split() if unknown in tokenizer(word, add_special_tokens=False)["input_ids"]]
    raise StudyError(
        f"arm '{arm}' holds words that the student's tokenizer cannot write, for instance {' '.join(words[:1])!r}",
        "an embedded student writes only its task's words; take another student for other text",
    )
