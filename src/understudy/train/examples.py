"""Traces as a student reads them: token ids of prompt and completion, and what each token weighs in the loss.

    encode(tokenizer, traces, problems, "ST", limit=4096, recipe=Recipe())

A prompt is encoded as it is when the student is sampled, and the completion apart from it: a student goes on from the
prompt's own tokens, so no token of a training text may reach across its end. Within the completion nothing is apart,
because a student writes full stops and the line ends after them as one token.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.errors import StudyError
from understudy.models._checkpoint import encode_prompts
from understudy.train import guards
from understudy.train.turns import Turn, Written
from understudy.types import Problem, Recipe, Trace

ROWS = 256
"""Texts that are encoded at once."""


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of a prompt with its completion, and for each what its loss weighs (0: it is only read)."""

    ids: list[int]
    weights: list[float]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Examples, and how many traces are left out for which reason."""

    examples: list[Example]
    left_out: Counter[str]


def encode(
    tokenizer: Any,
    traces: Sequence[Trace],
    problems: Mapping[str, Problem],
    arm: str,
    limit: int | None,
    recipe: Recipe,
) -> list[Example]:
    """The examples of ``prepare``."""
    return prepare(tokenizer, traces, problems, arm, limit, recipe).examples


def prepare(
    tokenizer: Any,
    traces: Sequence[Trace],
    problems: Mapping[str, Problem],
    arm: str,
    limit: int | None,
    recipe: Recipe,
) -> Prepared:
    """Prompt and completion of every trace that can be learned from; ``limit`` is the student's context, if it has one.

    Left out and counted is a trace that failed, was truncated or is empty, that holds a tag of reasoning or another
    control token within its text, of which nothing is learned, or (``overlong: drop``) that is too long. Raises
    ``ContaminationError`` and ``StudyError`` for what ``guards`` refuses.
    """
    guards.refuse_recipe(recipe)
    left_out: Counter[str] = Counter()
    usable = guards.finished(traces, left_out)
    guards.refuse_none(usable, traces, left_out, arm)
    guards.refuse_tested(usable, problems, arm)
    turn = Turn.of(tokenizer)
    guards.refuse_turn(tokenizer, turn, usable, arm)
    kept = [trace for trace in usable if not _holds(turn.tags, trace)]
    left_out["tags within the text"] += len(usable) - len(kept)
    prompts = [problems[trace.problem_id].prompt for trace in kept]
    turns = [turn.write(trace.reasoning, trace.response) for trace in kept]
    examples = list(_encoded(tokenizer, turn, prompts, turns, recipe, arm, left_out))
    guards.refuse_none(examples, traces, left_out, arm)
    learned = [example for example in examples if any(example.weights)]
    guards.refuse_empty(len(learned), recipe, arm)
    left_out["nothing to learn"] += len(examples) - len(learned)
    fitting = _short(learned, recipe, limit, arm)
    left_out["too long"] += len(learned) - len(fitting)
    guards.refuse_none(fitting, traces, left_out, arm)
    return Prepared(fitting, +left_out)


def _holds(tags: tuple[str, str], trace: Trace) -> bool:
    """Whether a tag stands in the text itself, where it would end or begin the reasoning once more."""
    return tags[1] in (trace.reasoning or "") or any(tag in trace.response for tag in tags)


def _short(examples: list[Example], recipe: Recipe, limit: int | None, arm: str) -> list[Example]:
    bounds = [bound for bound in (limit, recipe.max_length) if bound is not None]
    if not bounds:
        return examples
    if recipe.overlong == "refuse":
        guards.refuse_overlong([len(example.ids) for example in examples], min(bounds), arm)
    return [example for example in examples if len(example.ids) <= min(bounds)]


def _encoded(
    tokenizer: Any,
    turn: Turn,
    prompts: Sequence[str],
    turns: Sequence[Written],
    recipe: Recipe,
    arm: str,
    left_out: Counter[str],
) -> Iterator[Example]:
    """The examples but for those in whose text a control token stands, such as the end of a turn."""
    apart = recipe.loss != "completion" or recipe.reasoning_weight != 1
    if apart and not tokenizer.is_fast:
        raise StudyError(
            f"the tokenizer of {tokenizer.name_or_path} does not say where in a text its tokens stand",
            "loss: completion and reasoning_weight: 1 need no such places",
        )
    special = _special(tokenizer, turn)
    usual = {thinks: _count(tokenizer, turn, thinks, special) for thinks in {bool(one.answer) for one in turns}}
    for start in range(0, len(turns), ROWS):
        some = turns[start : start + ROWS]
        texts = [written.text for written in some]
        asked = encode_prompts(tokenizer, prompts[start : start + ROWS])
        found = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=apart)
        rows, places = found["input_ids"], found["offset_mapping"] if apart else [[]] * len(some)
        guards.refuse_unwritable(tokenizer, texts, rows, arm)
        guards.refuse_lossy(tokenizer, texts, rows, arm)
        for prompt, ids, spans, written in zip(asked, rows, places, some, strict=True):
            if sum(map(special.__contains__, ids)) != usual[bool(written.answer)]:
                left_out["control tokens within the text"] += 1
                continue
            weights = _weights(spans, written, recipe) if apart else [1.0] * len(ids)
            yield Example([*prompt, *ids], [0.0] * len(prompt) + weights)


def _special(tokenizer: Any, turn: Turn) -> frozenset[int]:
    """Tokens that are no text: those that the tokenizer has a name for, and those that are only marked so."""
    marked = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    ends = set() if turn.stop is None else {turn.stop}
    return frozenset((marked | ends | set(tokenizer.all_special_ids)) - {tokenizer.unk_token_id})


def _count(tokenizer: Any, turn: Turn, thinks: bool, special: frozenset[int]) -> int:
    """Control tokens of a turn, without any in its text."""
    text = turn.write("a" if thinks else None, "a").text
    return sum(map(special.__contains__, tokenizer(text, add_special_tokens=False)["input_ids"]))


def _weights(spans: Sequence[tuple[int, int]], written: Written, recipe: Recipe) -> list[float]:
    """What each token weighs; one that begins in the reasoning, or in its tags, is of the reasoning."""
    reasoning = 0.0 if recipe.loss == "answer" else recipe.reasoning_weight
    answer = 0.0 if recipe.loss == "reasoning" else 1.0
    return [reasoning if start < written.answer else answer for start, _ in spans]
