"""How a turn is written: as its chat template writes it, and which templates are refused."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import InputError, StudyError
from understudy.types import Recipe

pytest.importorskip("transformers", reason="the extra train is not installed")

from tests import small

from test_guards import PROBLEMS, TRACE, prepared
from understudy.train.examples import prepare
from understudy.train.turns import Turn

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
