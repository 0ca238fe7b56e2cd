"""Traces → a student's checkpoint.

A student sees a problem's prompt and learns to write the reasoning (between the tags that its chat template knows) and
the response. What it must not do is refused with one sentence: train on what it is tested on, on nothing, or on words
it cannot write. What is left out is counted, in ``training.json`` beside the checkpoint.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.protocols import Report
from understudy.randomness import seed_of
from understudy.types import Problem, Recipe, Trace

if TYPE_CHECKING:
    from understudy.train.examples import Example

TRAINING = "training.json"
"""What a training took, in a student's directory."""


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
    Raises ``ContaminationError`` if a trace is of a test problem, ``StudyError`` if it cannot be trained on,
    ``InputError`` if the checkpoint is not whole.
    """
    from understudy.models._checkpoint import read_tokenizer
    from understudy.train.adapters import open_model, refuse_missing
    from understudy.train.examples import prepare
    from understudy.train.fitting import fit
    from understudy.train.guards import refuse_vocabulary
    from understudy.train.turns import Turn

    refuse_missing(recipe)
    tokenizer, limit = read_tokenizer(start), _context(start)
    prepared = prepare(tokenizer, traces, problems, arm, limit, recipe)
    order = seed_of("order", seed)
    tokens = None
    if matched:
        other = prepare(tokenizer, matched[0], problems, str(recipe.match), limit, matched[1])
        tokens = _tokens(other.examples, matched[1], order)
    model, finish = open_model(start, recipe, seed_of("adapters", seed), output)
    refuse_vocabulary(tokenizer, model.get_input_embeddings().num_embeddings, start)
    _stop_at(model, tokenizer, Turn.of(tokenizer).stop)
    summary = fit(model, tokenizer, prepared.examples, recipe, order, output, report, tokens, finish)
    left_out = dict(sorted(prepared.left_out.items()))
    whole = {**summary, "dropped": prepared.left_out.total(), "left_out": left_out}
    (output / TRAINING).write_text(json.dumps(whole), encoding="utf-8")


def _context(start: Path) -> int | None:
    """The most tokens that a checkpoint takes, or null where it does not say."""
    config: dict[str, Any] = json.loads((start / "config.json").read_text(encoding="utf-8"))
    named = config.get("text_config", config).get("max_position_embeddings")
    return None if named is None else int(named)


def _stop_at(model: Any, tokenizer: Any, stop: int | None) -> None:
    """A text ends where a turn has ended; chat models do not all say so of the token that ends theirs."""
    from understudy.models._checkpoint import ends_of

    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(stop)
    ends = ends_of(model.generation_config.eos_token_id)
    if stop not in [*ends, tokenizer.eos_token_id]:
        model.generation_config.eos_token_id = [*ends, stop]


def _tokens(examples: "Sequence[Example]", recipe: Recipe, seed: int) -> int:
    from understudy.train.batches import plan

    lengths = [len(example.ids) for example in examples]
    return sum(lengths[index] for step in plan(lengths, recipe, seed) for index in step)
