"""Traces → a student's checkpoint.

A student sees a problem's prompt and learns to write the reasoning (between ``<think>`` tags) and the response. What
it must not do is refused with one sentence: train on what it is tested on, on nothing, or on words it cannot write.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy import markers
from understudy.errors import ContaminationError, StudyError
from understudy.protocols import Report
from understudy.randomness import seed_of
from understudy.types import Problem, Recipe, Trace

if TYPE_CHECKING:
    from understudy.trainer import Example


def train(
    traces: Sequence[Trace],
    problems: Mapping[str, Problem],
    start: Path,
    recipe: Recipe,
    seed: int,
    arm: str,
    output: Path,
    report: Report,
    matched: tuple[Sequence[Trace], Recipe] | None = None,
) -> None:
    """Fine-tune the checkpoint ``start`` on the traces and save it to ``output``, a Hugging Face directory.

    ``matched``: the traces and the recipe of the arm whose number of training tokens this one is given.
    Raises ``ContaminationError`` if a trace is of a test problem, ``StudyError`` if it cannot be trained on.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from understudy.trainer import fit

    tokenizer = AutoTokenizer.from_pretrained(start)
    model = AutoModelForCausalLM.from_pretrained(start)
    limit = model.config.max_position_embeddings
    examples = encode(tokenizer, traces, problems, arm, limit)
    order = seed_of("order", seed)
    tokens = None
    if matched:
        tokens = _tokens(encode(tokenizer, matched[0], problems, str(recipe.match), limit), matched[1], order)
    fit(model, tokenizer, examples, recipe, order, output, report, tokens)


def encode(
    tokenizer: Any, traces: Sequence[Trace], problems: Mapping[str, Problem], arm: str, limit: int
) -> "list[Example]":
    """Prompt and completion of every trace that did not fail, as token ids; the loss falls on the completion."""
    from understudy.models.transformers import encode_prompts
    from understudy.trainer import Example

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
        Example([*prompt, *ids, tokenizer.eos_token_id], [False] * len(prompt) + [True] * (len(ids) + 1))
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


def _tokens(examples: "Sequence[Example]", recipe: Recipe, seed: int) -> int:
    from understudy.trainer import plan

    lengths = [len(example.ids) for example in examples]
    batches = plan(lengths, recipe.tokens_per_step, seed, recipe.num_train_epochs)
    return sum(lengths[index] for batch in batches for index in batch)
