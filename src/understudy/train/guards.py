"""What a student must not be trained on, or in which way: each refused with one sentence before a step is taken.

    refuse_tested(traces, problems, "ST")     # what it is tested on
    refuse_lossy(tokenizer, texts, rows)      # what its tokenizer cannot write

That no end is ever learned is refused where it could happen: where no token ends a text. A padding token that is the
end of a text, too, does no harm here: what is padding is told by its place and not by its token.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from os.path import commonprefix
from typing import Any
from unicodedata import normalize

import polars as pl

from understudy.asking.settings import refuse_below
from understudy.collect import refuse_overlap
from understudy.errors import ContaminationError, InputError, StudyError, did_you_mean
from understudy.exchange import WHY_UNFINISHED
from understudy.train.turns import TEMPLATE_HINT, Turn
from understudy.types import Problem, Recipe, Trace

TRUNCATED_HINT = "understudy curate says what else is wrong with them"
SHOWN = 24
"""Characters of a text that are shown."""
SHARES = ("lora_dropout", "adam_beta1", "adam_beta2", "warmup_ratio")
LEAST = {
    0: ("reasoning_weight", "weight_decay", "min_lr_rate", "max_grad_norm", *SHARES),
    1: ("train_batch_size", "tokens_per_step", "tokens_per_batch", "max_length", "lora_r", "num_processes"),
}
WATCHERS = {"tensorboard": "tensorboard", "wandb": "wandb", "trackio": "trackio"}
"""What ``report_to`` can name, and the package that it needs."""
POSITIVE = ("learning_rate", "num_train_epochs", "lora_alpha")


def finished(traces: Sequence[Trace], left_out: Counter[str]) -> list[Trace]:
    """The traces that ended with a response. Failed, truncated and empty ones are counted, and never trained on."""
    names = ("error", "finish_reason", "response")
    columns = {name: [getattr(trace, name) for trace in traces] for name in names}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String()))
    reasons = frame.select(reason=WHY_UNFINISHED)["reason"].to_list()
    left_out.update(reason for reason in reasons if reason)
    return [trace for trace, reason in zip(traces, reasons, strict=True) if reason is None]


def refuse_none(kept: Sequence[object], traces: Sequence[Trace], left_out: Counter[str], arm: str) -> None:
    """Raise ``StudyError``, with the reasons, if nothing is left to train on."""
    if kept:
        return
    errors = Counter(trace.error for trace in traces if trace.error)
    reasons = {**{name: n for name, n in left_out.items() if n and (name != "failed" or not errors)}, **errors}
    said = ", ".join(f"{name!r}: {n:,}" for name, n in reasons.items()) or "none was collected"
    raise StudyError(f"arm '{arm}' has no trace to train on ({said})", TRUNCATED_HINT if traces else "")


def refuse_tested(traces: Sequence[Trace], problems: Mapping[str, Problem], arm: str) -> None:
    """Raise ``ContaminationError`` if a trace is of a test problem, by its id and split or by its words."""
    trained = {trace.problem_id: problems[trace.problem_id] for trace in traces}
    tested = [trace for trace in traces if trained[trace.problem_id].split == "test"]
    if tested:
        raise ContaminationError(
            f"{len(tested):,} traces of arm '{arm}' are of problems of the test split, for instance "
            f"{tested[0].problem_id}",
            "a student must not be tested on what it was trained on",
        )
    refuse_overlap(list(trained.values()), [problem for problem in problems.values() if problem.split == "test"])


def refuse_recipe(recipe: Recipe) -> None:
    """Raise ``StudyError`` if a setting cannot be meant."""
    for least, names in LEAST.items():
        for name in names:
            refuse_below(name, getattr(recipe, name), least)
    for name in POSITIVE:
        refuse_below(name, getattr(recipe, name), 0, exclusive=True)
    if recipe.report_to not in ("none", *WATCHERS):
        raise StudyError(f"report_to is {recipe.report_to!r}", did_you_mean(recipe.report_to, ["none", *WATCHERS]))
    for name in SHARES:
        if not (share := getattr(recipe, name)) < 1:
            raise StudyError(f"{name} cannot be {share}", "it is a share of less than 1")


def refuse_turn(tokenizer: Any, turn: Turn, traces: Sequence[Trace], arm: str) -> None:
    """Raise ``StudyError`` if the chat template has no place for reasoning that there is, or nothing ends a turn."""
    if turn.flaw and any(trace.reasoning is not None for trace in traces):
        raise StudyError(f"the chat template of {tokenizer.name_or_path} {turn.flaw}, which arm '{arm}' trains on",
                         f"take a template that keeps it: {TEMPLATE_HINT}")  # fmt: skip
    if turn.stop is None:
        raise StudyError(
            f"the tokenizer of {tokenizer.name_or_path} has no token that ends a text: its student would never stop",
            "name an eos_token in tokenizer_config.json",
        )


def refuse_vocabulary(tokenizer: Any, tokens: int, where: object) -> None:
    """Raise ``InputError`` if a tokenizer has more tokens than the model has embeddings: it is another's."""
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest >= tokens:
        word = tokenizer.convert_ids_to_tokens(largest)
        raise InputError(
            f"the tokenizer of {where} has tokens up to {largest:,} ({word!r}), its model has {tokens:,}",
            "take the tokenizer that belongs to the model",
        )


def refuse_unwritable(tokenizer: Any, texts: Sequence[str], rows: Sequence[Sequence[int]], arm: str) -> None:
    """Raise ``StudyError`` if a text holds a word that would be learned as 'unknown'."""
    unknown = tokenizer.unk_token_id
    if unknown is None or not any(unknown in row for row in rows):
        return
    text = next(text for text, row in zip(texts, rows, strict=True) if unknown in row)
    words = [word for word in text.split() if unknown in tokenizer(word, add_special_tokens=False)["input_ids"]]
    raise StudyError(
        f"arm '{arm}' holds words that the student's tokenizer cannot write, for instance {' '.join(words[:1])!r}",
        "an embedded student writes only its task's words; take another student for other text",
    )


def refuse_lossy(tokenizer: Any, texts: Sequence[str], rows: Sequence[Sequence[int]], arm: str) -> None:
    """Raise ``StudyError``, with the first place that differs, if a text does not come back from its tokens.

    Texts are equal up to Unicode's canonical equivalence (some tokenizers compose accents) and white space around them
    (some put a space before every text); to a tokenizer of words, up to all white space.
    """
    for text, row in zip(texts, rows, strict=True):
        wanted, found = _same(tokenizer, text), _same(tokenizer, _decoded(tokenizer, row))
        if wanted == found:
            continue
        place = len(commonprefix([wanted, found]))  # noqa: RUF071, of characters
        raise StudyError(
            f"the student's tokenizer does not write arm '{arm}' back as it is: "
            f"{wanted[place : place + SHOWN]!r} becomes {found[place : place + SHOWN]!r}, at character {place:,}",
            "take a student whose tokenizer keeps every character (byte-level BPE does)",
        )


def refuse_overlong(lengths: Sequence[int], limit: int, arm: str) -> None:
    """Raise ``StudyError`` if an example has more tokens than the limit: how many, and what they would lose."""
    longer = [length for length in lengths if length > limit]
    if longer:
        lost = (sum(longer) - limit * len(longer)) / sum(longer)
        raise StudyError(
            f"{len(longer):,} of {len(lengths):,} examples of arm '{arm}' are longer than the student's {limit:,} "
            f"tokens (the longest has {max(longer):,}); cut there they would lose {lost:.0%} of their tokens",
            "raise max_length or take a student with a longer context; overlong: drop leaves them out, and counts them",
        )


def refuse_empty(learned: int, recipe: Recipe, arm: str) -> None:
    """Raise ``StudyError`` if the loss falls on no token."""
    if not learned:
        hint = "loss: reasoning needs traces with reasoning" if recipe.loss == "reasoning" else "reasoning_weight: 1"
        raise StudyError(f"arm '{arm}' trains on nothing: with loss: {recipe.loss} no token of it is learned", hint)


def _decoded(tokenizer: Any, row: Sequence[int]) -> str:
    return str(tokenizer.decode(row, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _same(tokenizer: Any, text: str) -> str:
    text = normalize("NFC", text)
    inner = getattr(tokenizer, "backend_tokenizer", None)
    return " ".join(text.split()) if type(getattr(inner, "model", None)).__name__ == "WordLevel" else text.strip()
