"""A checkpoint in a directory: where its texts end, what of them is reasoning, and what cannot be asked."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")

from test_transformers import (  # noqa: E402
    CHATML,
    LONG,
    OPENED,
    PROBLEMS,
    QUESTIONS,
    SPECIAL,
    llama,
    model,
    save,
    tokenizer,
    writer,
    written,
)
from understudy.errors import InputError  # noqa: E402
from understudy.models.transformers import Transformers  # noqa: E402
from understudy.types import Problem, Sampling  # noqa: E402

__all__ = ["llama"]

# --- where a text ends, and what of it is reasoning ---


@pytest.mark.parametrize("end", ["<|im_end|>", "<|endoftext|>"], ids=["tokenizer", "generation_config"])
def test_any_end_ends_a_text_and_none_is_in_it(tmp_path: Path, end: str) -> None:
    path = writer(tmp_path / "m", "12 legs", end=end)
    for trace in written(path, Sampling()):
        assert (trace.response, trace.reasoning, trace.finish_reason) == ("12 legs", None, "stop")
    tokens = len(tokenizer()("12 legs")["input_ids"]) + 1
    assert trace.usage.completion_tokens == tokens
    cut = written(path, Sampling(max_tokens=tokens - 1))[0]
    assert (cut.response, cut.finish_reason, cut.usage.completion_tokens) == ("12 legs", "length", tokens - 1)


@pytest.mark.parametrize("special", [False, True], ids=["tags", "special-tags"])
@pytest.mark.parametrize(
    ("template", "text", "reasoning", "response"),
    [
        (CHATML, "<think>So a cat</think>12", "So a cat", "12"),
        (OPENED, "So a cat</think>12", "So a cat", "12"),
        (OPENED, "So a cat", "So a cat", ""),
        (CHATML, "<think>So a cat", "So a cat", ""),
        (CHATML, "So a cat", None, "So a cat"),
        (CHATML, "<think>So<|im_start|> a cat</think>1<|im_start|>2".replace("<|im_start|>2", "2"), "So a cat", "12"),
    ],
    ids=["both", "opened by the template", "opened and never closed", "never closed", "none", "special"],
)
def test_reasoning_is_split_off_and_special_tokens_are_left_out(
    tmp_path: Path, special: bool, template: str, text: str, reasoning: str | None, response: str
) -> None:
    path = writer(tmp_path / "m", text, template, special=special)
    (trace,) = written(path, Sampling(), PROBLEMS[:1])
    assert (trace.reasoning, trace.response, trace.finish_reason) == (reasoning, response, "stop")
    cut = written(path, Sampling(max_tokens=2), PROBLEMS[:1])[0]
    assert cut.finish_reason == "length" and (cut.reasoning is None) == (reasoning is None)


def test_no_special_token_is_in_a_random_text(llama: Path) -> None:
    sampling = Sampling("sampled", temperature=3.0, max_tokens=200, samples=5)
    texts = [f"{trace.reasoning} {trace.response}" for trace in written(llama, sampling)]
    assert not [special for special in SPECIAL for text in texts if special in text]


# --- what cannot be asked ---


def test_a_prompt_that_does_not_fit_is_an_error_on_its_row_and_an_answer_ends_at_the_context(llama: Path) -> None:
    long = [
        Problem("long", "t", "cat " * 300, None, "test"),
        PROBLEMS[0],
        Problem("near", "t", "!" * 200, None, "test"),
    ]
    failed, *rest = written(llama, Sampling(max_tokens=1000, samples=1), long)
    assert failed.finish_reason == "error" and failed.response == "" and failed.reasoning is None
    assert "tokens, and prompt and answer must fit into 256" in failed.error
    assert failed.usage.prompt_tokens > 300 and failed.usage.completion_tokens is None
    for trace in rest:
        assert trace.error is None and trace.usage.prompt_tokens + trace.usage.completion_tokens <= 256
        assert trace.finish_reason == "stop" or trace.usage.prompt_tokens + trace.usage.completion_tokens == 256
    assert rest == written(llama, Sampling(max_tokens=1000), long[1:], batch_size=1)


def test_a_tokenizer_of_another_model_is_an_error_on_the_rows_that_show_it(tmp_path: Path) -> None:
    words = tokenizer(template="{{ messages[0]['content'] }}")
    path = save(tmp_path / "m", model("llama", len(words) - 2), words)
    odd = Problem("odd", "t", "2 <think>", None, "test")
    failed, fine = written(path, Sampling(max_tokens=5), [odd, Problem("fine", "t", "2 + 2", None, "test")])
    assert failed.error.startswith("the prompt has the token '<think>', which is none of the model's")
    assert fine.error is None and fine.usage.completion_tokens == 5


def test_tokens_that_the_tokenizer_does_not_have_leave_no_text(tmp_path: Path) -> None:
    words = tokenizer()
    path = save(tmp_path / "m", model("llama", 2000), words)
    traces = written(path, LONG)
    assert all(trace.error is None and len(trace.response) < 200 for trace in traces)


def test_without_a_chat_template_the_plain_one_is_offered_and_taken_when_asked_for(tmp_path: Path) -> None:
    words = tokenizer(template=None)
    path = save(tmp_path / "m", model("llama", len(words)), words)
    with pytest.raises(InputError, match="its tokenizer has no chat template") as raised:
        written(path)
    assert "template: plain" in raised.value.hint
    trace = written(path, template="plain")[0]
    assert trace.usage.prompt_tokens == len(words(f"{QUESTIONS[0]}\n")["input_ids"])


def test_a_chat_template_that_fails_is_said(tmp_path: Path) -> None:
    words = tokenizer(template="{{ raise_exception('only for tools') }}")
    path = save(tmp_path / "m", model("llama", len(words)), words)
    with pytest.raises(InputError, match="its chat template fails \\(only for tools\\)"):
        written(path)


def broken(directory: Path, how: str) -> Path:
    words = tokenizer()
    path = save(directory / "m", model("llama", len(words)), None if how == "no tokenizer" else words)
    weights, config = path / "model.safetensors", path / "config.json"
    if how == "bad tokenizer":
        (path / "tokenizer.json").write_text("{}")
    elif how == "cut weights":
        weights.write_bytes(weights.read_bytes()[:5000])
    elif how == "no weights":
        weights.unlink()
    elif how == "pickle":
        weights.unlink()
        torch.save({}, path / "pytorch_model.bin")
    elif how in ("fewer weights", "other shape", "unknown type", "own code"):
        change = {
            "fewer weights": {"num_hidden_layers": 3},
            "other shape": {"hidden_size": 64},
            "unknown type": {"model_type": "nosuch"},
            "own code": {"model_type": "nosuch", "auto_map": {"AutoConfig": "x.Y", "AutoModelForCausalLM": "x.Z"}},
        }[how]
        config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    elif how == "bad config":
        config.write_text("{")
    return path


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no tokenizer", "has no tokenizer that can be read"),
        ("bad tokenizer", "has no tokenizer that can be read"),
        ("cut weights", "cannot be read .*incomplete"),
        ("no weights", "cannot be read .*no file named model.safetensors"),
        ("pickle", "cannot be read .*no file named model.safetensors"),
        ("fewer weights", "lacks 9 of the model's weights, for instance model.layers.2"),
        ("other shape", "cannot be read"),
        ("unknown type", "cannot be read .*nosuch"),
        ("own code", "cannot be read .*custom code"),
        ("bad config", "cannot be read|no tokenizer"),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_refused(tmp_path: Path, how: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        written(broken(tmp_path, how))
    assert raised.value.hint and "\n" not in raised.value.message


def test_a_name_on_a_hub_is_refused_with_what_to_give() -> None:
    with pytest.raises(InputError, match=r"holds no config\.json") as raised:
        Transformers("Qwen/Qwen3-8B")
    assert "nothing is downloaded" in raised.value.hint
