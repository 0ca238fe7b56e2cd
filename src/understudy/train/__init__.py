"""Traces → a student's checkpoint.

A student sees a problem's prompt and learns to write the reasoning (between ``<think>`` tags) and the response. What
it must not do is refused with one sentence: train on what it is tested on, on nothing, or on words it cannot write.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.protocols import Report
from understudy.randomness import seed_of
from understudy.types import Problem, Recipe, Trace

if TYPE_CHECKING:
    from understudy.train.examples import Example


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

    from understudy.train.examples import encode
    from understudy.train.fitting import fit

    tokenizer = AutoTokenizer.from_pretrained(start)
    model = AutoModelForCausalLM.from_pretrained(start)
    limit = model.config.max_position_embeddings
    examples = encode(tokenizer, traces, problems, arm, limit, recipe)
    order = seed_of("order", seed)
    tokens = None
    if matched:
        other = encode(tokenizer, matched[0], problems, str(recipe.match), limit, matched[1])
        tokens = _tokens(other, matched[1], order)
    fit(model, tokenizer, examples, recipe, order, output, report, tokens)


def _tokens(examples: "Sequence[Example]", recipe: Recipe, seed: int) -> int:
    from understudy.train.fitting import plan

    lengths = [len(example.ids) for example in examples]
    batches = plan(lengths, recipe.tokens_per_step, seed, recipe.num_train_epochs)
    return sum(lengths[index] for batch in batches for index in batch)
