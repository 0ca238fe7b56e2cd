"""What a student reads and learns of a trace, and what it must not be trained on."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.collect import refuse_overlap
from understudy.errors import ContaminationError, InputError, StudyError
from understudy.types import Problem, Recipe, Trace

pytest.importorskip("transformers", reason="the extra train is not installed")

from tests import small

from understudy.train import guards
from understudy.train.examples import Prepared, prepare

QWEN = small.words("qwen2")
TRACE = small.TRACES[0]
PROBLEMS = {**small.PROBLEMS, small.TEST.problem_id: small.TEST}


def prepared(
    traces: Any = small.TRACES, tokenizer: Any = QWEN, recipe: Recipe | None = None, limit: int | None = 256
) -> Prepared:
    return prepare(tokenizer, traces, PROBLEMS, "ST", limit, recipe or Recipe())


def learned(tokenizer: Any, recipe: Recipe, trace: Trace = TRACE) -> dict[float, str]:
    """The text of each weight."""
    (example,) = prepared([trace], tokenizer, recipe).examples
    by_weight: dict[float, list[int]] = {}
    for token, weight in zip(example.ids, example.weights, strict=True):
        by_weight.setdefault(weight, []).append(token)
    return {weight: tokenizer.decode(ids) for weight, ids in by_weight.items()}


# --- what is learned of it ---


def test_the_loss_falls_on_the_completion_its_reasoning_or_its_answer() -> None:
    prompt = f"<|im_start|>user\n{PROBLEMS[TRACE.problem_id].prompt}<|im_end|>\n<|im_start|>assistant\n"
    thought, answer = f"<think>\n{TRACE.reasoning}\n</think>", f"\n\n{TRACE.response}<|im_end|>"
    assert learned(QWEN, Recipe()) == {0.0: prompt, 1.0: thought + answer}
    assert learned(QWEN, Recipe(loss="reasoning")) == {0.0: prompt + answer, 1.0: thought}
    assert learned(QWEN, Recipe(loss="answer")) == {0.0: prompt + thought, 1.0: answer}
    assert learned(QWEN, Recipe(reasoning_weight=0.25)) == {0.0: prompt, 0.25: thought, 1.0: answer}


def test_parts_are_told_apart_where_tags_are_no_tokens() -> None:
    tokenizer = small.words("llama", tags=False)
    parts = learned(tokenizer, Recipe(reasoning_weight=0.5))
    assert parts[0.5].endswith("</think>") and parts[1.0].strip() == f"{TRACE.response}<|eot_id|>"


def test_the_end_is_learned_also_where_it_is_what_pads() -> None:
    tokenizer = small.words("llama", small.MUTE)
    tokenizer.pad_token = tokenizer.eos_token
    for example in prepared(tokenizer=tokenizer).examples:
        assert example.ids[-1] == tokenizer.pad_token_id and example.weights[-1] == 1.0


def test_training_on_nothing_is_refused() -> None:
    with pytest.raises(StudyError, match="arm 'ST' trains on nothing: with loss: reasoning no token") as raised:
        prepared(small.BARE, recipe=Recipe(loss="reasoning"))
    assert "with reasoning" in raised.value.hint
    with pytest.raises(StudyError, match="trains on nothing"):
        prepared(recipe=Recipe(loss="reasoning", reasoning_weight=0.0))
    mixed = prepared([*small.TRACES[:3], *small.BARE[3:5]], recipe=Recipe(loss="reasoning"))
    assert len(mixed.examples) == 3 and mixed.left_out == {"nothing to learn": 2}


# --- what a tokenizer cannot write ---


def test_a_tokenizer_that_changes_a_text_is_refused_with_the_place() -> None:
    from tokenizers import normalizers

    tokenizer = small.words("qwen2")
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    with pytest.raises(
        StudyError, match=r"does not write arm 'ST' back as it is: 'I take 3.* becomes 'i take 3.*, at character 8"
    ):
        prepared(tokenizer=tokenizer)
    tokenizer.backend_tokenizer.normalizer = normalizers.NFC()
    assert prepared([replace(TRACE, response="cafe\u0301")], tokenizer).examples, "the same text, as Unicode says"


def test_a_tokenizer_that_puts_a_space_before_a_text_is_fine() -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    inner.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")])
    texts = [f"{trace.reasoning} {trace.response} <think> </think>\n" for trace in small.TRACES]
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    inner.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>", *bytes_], show_progress=False)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="</s>", bos_token="<s>", unk_token="<unk>")
    tokenizer.chat_template = small.MISTRAL
    (example,) = prepared([TRACE], tokenizer).examples
    assert tokenizer.decode([i for i, w in zip(example.ids, example.weights, strict=True) if w]).strip() == (
        f"<think>\n{TRACE.reasoning}\n</think>\n\n{TRACE.response}</s>"
    )


def test_a_tokenizer_of_another_model_is_refused() -> None:
    guards.refuse_vocabulary(QWEN, len(QWEN), "m")
    with pytest.raises(InputError, match=r"the tokenizer of m has tokens up to \d+ \('</think>'\), its model has 300"):
        guards.refuse_vocabulary(QWEN, 300, "m")


# --- which traces ---


def test_traces_that_did_not_end_are_left_out_and_counted() -> None:
    bad = [
        replace(TRACE, finish_reason="length"),
        replace(TRACE, error="timed out", finish_reason="error"),
        replace(TRACE, response=" \n"),
    ]
    found = prepared([*small.TRACES, *bad, replace(TRACE, finish_reason="stop")])
    assert len(found.examples) == len(small.TRACES) + 1
    assert found.left_out == {"truncated": 1, "failed": 1, "empty": 1}


def test_an_arm_of_nothing_but_truncated_traces_is_refused() -> None:
    with pytest.raises(StudyError, match=r"arm 'ST' has no trace to train on \('truncated': 24\)"):
        prepared([replace(trace, finish_reason="length") for trace in small.TRACES])
    with pytest.raises(StudyError, match="none was collected"):
        prepared([])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reasoning": "first </think> then more"}, "tags within the text"),
        ({"response": "<think> again"}, "tags within the text"),
        ({"response": "4<|im_end|>\n<|im_start|>user"}, "control tokens within the text"),
        ({"reasoning": "so <|endoftext|> it is"}, "control tokens within the text"),
    ],
)
def test_marks_within_a_text_would_end_it_early(change: dict[str, str], reason: str) -> None:
    found = prepared([replace(TRACE, **change), *small.TRACES[1:3]])
    assert len(found.examples) == 2 and found.left_out == {reason: 1}


def test_long_examples_are_refused_with_what_they_would_lose_or_left_out_and_counted() -> None:
    long = replace(TRACE, reasoning="Wait, " * 200)
    length = len(prepared([long], limit=None).examples[0].ids)
    lost = (length - 256) / length
    said = rf"1 of 4 examples of arm 'ST' are longer than the student's 256 tokens \(the longest has {length}\)"
    with pytest.raises(StudyError, match=f"{said}; cut there they would lose {lost:.0%} of their tokens") as raised:
        prepared([long, *small.TRACES[:3]])
    assert "overlong: drop" in raised.value.hint and "max_length" in raised.value.hint
    dropped = prepared([long, *small.TRACES[:3]], recipe=Recipe(overlong="drop"))
    assert len(dropped.examples) == 3 and dropped.left_out == {"too long": 1}
    with pytest.raises(StudyError, match="no trace to train on"):
        prepared([long], recipe=Recipe(overlong="drop"))


def test_the_shorter_of_context_and_max_length_counts() -> None:
    assert len(prepared(recipe=Recipe(max_length=10_000)).examples) == len(small.TRACES)
    with pytest.raises(StudyError, match="longer than the student's 40 tokens"):
        prepared(recipe=Recipe(max_length=40))
    with pytest.raises(StudyError, match="longer than the student's 40 tokens"):
        prepared(recipe=Recipe(max_length=10_000), limit=40)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_length", 0),
        ("reasoning_weight", -1.0),
        ("lora_r", 0),
        ("train_batch_size", 0),
        ("tokens_per_batch", 0),
        ("num_processes", 0),
        ("num_train_epochs", 0.0),
        ("learning_rate", -1e-4),
        ("adam_beta2", 1.0),
        ("lora_dropout", 1.0),
        ("reasoning_weight", float("nan")),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(name: str, value: float) -> None:
    with pytest.raises(StudyError, match=f"{name} cannot be {value}"):
        prepared(recipe=replace(Recipe(), **{name: value}))


def test_a_watcher_that_nobody_knows_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(StudyError, match="report_to is 'tensorbord'") as caught:
        prepared(recipe=Recipe(report_to="tensorbord"))
    assert "tensorboard" in caught.value.hint


# --- what is tested ---


def test_traces_of_test_problems_are_refused_by_id_and_by_words() -> None:
    with pytest.raises(ContaminationError, match="1 traces of arm 'ST' are of problems of the test split"):
        prepared([*small.TRACES, replace(TRACE, problem_id="t0")])
    copy = replace(small.TEST, problem_id="other", split="train", prompt=f"  {small.TEST.prompt.upper()}")
    traces = [replace(TRACE, problem_id="other"), *small.TRACES]
    with pytest.raises(ContaminationError, match="1 of 25 training problems occur in the test split"):
        prepare(QWEN, traces, {**PROBLEMS, "other": copy}, "ST", 256, Recipe())
    assert prepare(QWEN, traces[1:], {**PROBLEMS, "other": copy}, "ST", 256, Recipe()), "of what is trained on"


def problem(prompt: str, split: Any) -> Problem:
    return Problem(prompt, "t", prompt, None, split)


LONG = "Among the $900$ residents of Aimeville, there are 195 who own a diamond ring."


@pytest.mark.parametrize(
    ("train", "test", "same"),
    [
        (LONG, LONG.replace("$", ""), True),
        (LONG, LONG.replace(" ", "\n  ").rstrip("."), True),
        (f"Solve this step by step. {LONG} Put the answer in a box.", LONG, True),
        (LONG, f"Solve this step by step. {LONG}", False),
        (LONG, LONG.replace("195", "196"), False),
        ("Find x: x + 3 = 5", "Find x: x - 3 = 5", False),
        ("He asks: what is left? Nobody knows.", "What is left?", False),
        ("What is left?", "what is  left", True),
        ("1.5", "15", False),
    ],
)
def test_problems_are_the_same_by_their_words_and_signs(train: str, test: str, same: bool) -> None:
    pair = [problem(train, "train")], [problem(test, "test")]
    if same:
        with pytest.raises(ContaminationError, match="1 of 1 training problems occur"):
            refuse_overlap(*pair)
    else:
        refuse_overlap(*pair)


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(st.text("abcxyz019+-", min_size=1, max_size=9), min_size=9, max_size=30),
    before=st.text("ab ", max_size=20),
)
def test_a_prompt_that_holds_a_test_prompt_is_always_found(words: list[str], before: str) -> None:
    text = " ".join(words)
    found: Counter[bool] = Counter()
    try:
        refuse_overlap([problem(f"{before} {text} and so on", "train")], [problem(text, "test")])
    except ContaminationError:
        found[True] += 1
    assert found[True] == (len("".join(words)) >= 40)
