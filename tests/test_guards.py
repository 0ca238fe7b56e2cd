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
from understudy.train.turns import Turn

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


# --- how a turn is written ---

ASKED = "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("template", "prompt", "thought", "bare"),
    [
        (small.CHATML, ASKED, "<think>\nR\n</think>\n\nA<|im_end|>", "A<|im_end|>"),
        (small.QWEN3, ASKED, "<think>\nR\n</think>\n\nA<|im_end|>", "<think>\n\n</think>\n\nA<|im_end|>"),
        (small.THINKING, f"{ASKED}<think>\n", "R\n</think>\n\nA<|im_end|>", "\n</think>\n\nA<|im_end|>"),
        (small.R1, "<|User|>Q<|Assistant|><think>\n", "R\n</think>\n\nA<|endoftext|>", "\n</think>\n\nA<|endoftext|>"),
        (small.MISTRAL, "[INST] Q [/INST]", " <think>\nR\n</think>\n\nA<|endoftext|>", " A<|endoftext|>"),
        (small.MUTE, "Q\n", "<think>\nR\n</think>\n\nA\n<|endoftext|>", "A\n<|endoftext|>"),
    ],
    ids=["inline", "field", "opened and kept", "opened and stripped", "space", "no end of its own"],
)
def test_a_turn_is_written_as_its_template_writes_it(template: str, prompt: str, thought: str, bare: str) -> None:
    tokenizer = small.words("qwen2", template)
    turn = Turn.of(tokenizer)
    assert (turn.write(" R\n", "A ").text, turn.write(None, "A").text, turn.flaw) == (thought, bare, None)
    trace = replace(TRACE, reasoning="R", response="A")
    problems = {TRACE.problem_id: replace(PROBLEMS[TRACE.problem_id], prompt="Q")}
    (example,) = prepare(tokenizer, [trace], problems, "ST", None, Recipe()).examples
    assert tokenizer.decode(example.ids) == prompt + thought
    written = [token for token, weight in zip(example.ids, example.weights, strict=True) if weight]
    assert tokenizer.decode(written) == thought and written[-1] == turn.stop


def test_tags_that_the_tokenizer_knows_are_taken() -> None:
    tokenizer = small.words("mistral", tags=False)
    assert Turn.of(tokenizer).tags == ("<think>", "</think>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["[THINK]", "[/THINK]"]})
    assert Turn.of(tokenizer).write("R", "A").text == " [THINK]\nR\n[/THINK]\n\nA</s>"
    assert prepared(tokenizer=tokenizer).left_out == {}


@settings(max_examples=60, deadline=None)
@given(
    reasoning=st.none() | st.text(alphabet=st.characters(codec="utf-8"), max_size=40),
    response=st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.strip),
    template=st.sampled_from([small.CHATML, small.QWEN3, small.THINKING, small.R1, small.MISTRAL]),
)
def test_what_is_learned_is_read_back_as_the_trace(reasoning: str | None, response: str, template: str) -> None:
    """A student that wrote exactly what it was trained on would give the trace's own reasoning and response."""
    from understudy import markers

    tokenizer = small.words("qwen2", template)
    problems = {TRACE.problem_id: replace(PROBLEMS[TRACE.problem_id], prompt="Q")}
    trace = replace(TRACE, reasoning=reasoning, response=response)
    (example,) = prepare(tokenizer, [trace], problems, "ST", None, Recipe()).examples
    ids = [token for token, weight in zip(example.ids, example.weights, strict=True) if weight]
    parts = markers.split(tokenizer.decode(ids[:-1]), template in (small.THINKING, small.R1))
    assert (parts.reasoning or "") == (reasoning or "").strip() and parts.response == response.strip()


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


# --- templates ---


@pytest.mark.parametrize(
    ("template", "said"),
    [(small.STRIPS, "strips the reasoning from a turn"), (small.CLOSED, "closes the reasoning with </think>")],
)
def test_a_template_without_a_place_for_reasoning_is_refused_where_there_is_some(template: str, said: str) -> None:
    tokenizer = small.words("qwen2", template)
    with pytest.raises(StudyError, match=f"{said}.*, which arm 'ST' trains on") as raised:
        prepared(tokenizer=tokenizer)
    assert "chat_template: plain" in raised.value.hint
    assert len(prepared(small.BARE, tokenizer).examples) == len(small.BARE)


@pytest.mark.parametrize(
    ("template", "kind", "said"),
    [
        (small.OTHER, StudyError, "asks for an answer in another way than it writes one"),
        ("{% if add_generation_prompt %}x{% endif %}", StudyError, "asks for an answer in another way"),
        ("{{ raise_exception('only for tools') }}", InputError, r"fails \(only for tools\)"),
        (None, InputError, "has no chat template"),
    ],
)
def test_a_template_that_says_two_things_is_refused(template: str | None, kind: type, said: str) -> None:
    with pytest.raises(kind, match=said) as raised:
        prepared(tokenizer=small.words("qwen2", template))
    assert raised.value.hint and "\n" not in raised.value.message


def test_a_tokenizer_without_an_end_is_refused() -> None:
    tokenizer = small.words("qwen2", small.MUTE)
    tokenizer.eos_token = None
    with pytest.raises(StudyError, match="has no token that ends a text"):
        prepared(tokenizer=tokenizer)


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
        ("lora_dropout", 1.0),
        ("reasoning_weight", float("nan")),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(name: str, value: float) -> None:
    with pytest.raises(StudyError, match=f"{name} cannot be {value}"):
        prepared(recipe=replace(Recipe(), **{name: value}))


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
