"""Continuous batching writes what plain decoding writes, whatever shares the batch, also where memory is low."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import RunError, StudyError
from understudy.models.transformers import Transformers
from understudy.types import Problem, Sampling, Trace

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")

from tests import small  # noqa: E402

from understudy.models import _batching  # noqa: E402
from understudy.models._batching import Batch  # noqa: E402
from understudy.models._decoding import Choice  # noqa: E402
from understudy.models._slots import fits  # noqa: E402
from understudy.models._texts import Text  # noqa: E402

torch.set_num_threads(1)

SIZE = 330
SHAPE = {"initializer_range": 0.3, "tie_word_embeddings": False}
WINDOW = {"sliding_window": 24, "layer_types": None}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "qwen3": ("qwen3", {}),
    "mistral with a window": ("mistral", {"sliding_window": 24}),
    "qwen2 with some windows": ("qwen2", {"use_sliding_window": True, "sliding_window": 24, "max_window_layers": 1}),
    "gemma2, eager attention": ("gemma2", {"sliding_window": 24}),
    "gpt2, learned positions": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}),
}
ENDS = list(range(40, 46))
QUESTIONS = [f"What is {a} and {b}?" + " Why?" * (a % 4) for a, b in small.PAIRS[:7]]
PROBLEMS = [Problem(f"p{n}", "t", question, None, "test") for n, question in enumerate(QUESTIONS)]
DRAWN = Sampling("sampled", temperature=0.9, max_tokens=30, samples=3, seed=5)


def random_model(family: str) -> Any:
    kind, options = FAMILIES[family]
    made = small.model(kind, SIZE, **SHAPE | options).eval()
    made.generation_config.eos_token_id, made.generation_config.pad_token_id = None, 0
    return made


@pytest.fixture(scope="module", params=FAMILIES)
def model(request) -> Any:
    return random_model(request.param)


@pytest.fixture(scope="module")
def llama() -> Any:
    return random_model("llama")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = small.checkpoint(tmp_path_factory.mktemp("c") / "m", "qwen3", **SHAPE)
    small.change(directory / "generation_config.json", eos_token_id=ENDS)
    return directory


def texts(number: int = 12, seed: int = 0) -> list[Text]:
    rng = random.Random(seed)
    lengths = [rng.choice([1, 2, 5, 17, 40, 60]) for _ in range(number)]
    prompts = [[rng.randrange(1, 300) for _ in range(length)] for length in lengths]
    return [Text(row, prompt, rng.choice([1, 3, 20, 50]), seed=row) for row, prompt in enumerate(prompts)]


def decoded(model: Any, asked: list[Text], rows: int = 4, tokens: int = 10**6, **options: Any) -> dict[int, list[int]]:
    found = list(Batch(model, ENDS, rows, tokens, **options).decode(asked))
    assert len({text.row for text in found}) == len(found)
    return {text.row: text.written for text in found}


def plainly(model: Any, text: Text) -> list[int]:
    ids = torch.tensor([text.prompt])
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=text.limit,
        do_sample=False,
        eos_token_id=ENDS,
        pad_token_id=0,
    )
    return out[0, len(text.prompt) :].tolist()


def written(path: Path, sampling: Sampling = DRAWN, problems: list[Problem] = PROBLEMS, **options: Any) -> list[Trace]:
    return list(Transformers(str(path), **options).generate(problems, sampling))


# --- continuous batching ---


def test_greedy_texts_are_those_of_generate_alone(model: Any) -> None:
    assert fits(model)
    expected = {text.row: plainly(model, text) for text in texts()}
    assert len({len(ids) for ids in expected.values()}) > 3, "some should end early"
    assert decoded(model, texts()) == expected


@settings(max_examples=6, deadline=None)
@given(rows=st.integers(1, 9), tokens=st.integers(1, 900), seed=st.integers(0, 2))
def test_no_text_depends_on_how_many_share_the_batch_or_on_its_memory(llama, rows, tokens, seed) -> None:
    options = {"choose": Choice(0.9, 0.95), "steps": 50}
    assert decoded(llama, texts(9, seed), rows, tokens, **options) == decoded(llama, texts(9, seed), 1, **options)


def test_a_prompt_is_read_once_for_all_its_samples(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [list(range(1, 31)), list(range(50, 70))]
    asked = [Text(row, prompts[row // 6], 10 + row, seed=row) for row in range(12)]
    read: list[int] = []
    inner = _batching.read
    monkeypatch.setattr(_batching, "read", lambda *a: (read.extend(map(len, a[3])), inner(*a)))
    found = decoded(llama, asked, rows=3, choose=Choice(1.0), steps=40)
    assert sorted(read) == [19, 29]
    apart = [Text(text.row, list(text.prompt), text.limit, text.seed) for text in asked]
    assert found == decoded(llama, apart, rows=3, choose=Choice(1.0), steps=40) and len(read) == 14


def test_where_memory_runs_out_half_as_many_go_on_and_it_is_said(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = decoded(llama, texts())
    inner, sizes = _batching.go_on, []

    def tight(model: Any, slots: Any, token: Any, *rest: Any) -> Any:
        if len(token) > 3:
            raise torch.OutOfMemoryError
        sizes.append(len(token))
        return inner(model, slots, token, *rest)

    monkeypatch.setattr(_batching, "go_on", tight)
    batch = Batch(llama, ENDS, 12, 10**6)
    assert {text.row: text.written for text in batch.decode(texts())} == expected
    assert max(sizes) == 3 and batch.remark == "3 at once for want of memory"


def test_too_little_memory_for_one_text_is_said(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(_batching, "go_on", never)
    with pytest.raises(RunError, match="the GPU has too little memory"):
        written(checkpoint)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mamba", {"state_size": 4}),
        ("bloom", {"n_layer": 2, "n_head": 4}),
        (
            "qwen3_next",
            {"num_experts": 0, "layer_types": ["linear_attention", "full_attention"], "mlp_only_layers": [0, 1]},
        ),
    ],
)
def test_a_model_whose_cache_is_another_is_decoded_by_generate(tmp_path: Path, kind: str, options: Any) -> None:
    from transformers import AutoModelForCausalLM

    words = small.words("qwen3")
    made = small.model(kind, len(words), **SHAPE | options)
    made.generation_config.eos_token_id = ENDS
    made.save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    made = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert not fits(made)
    (trace,) = written(tmp_path, Sampling(max_tokens=9), PROBLEMS[:1])
    prompt = words.apply_chat_template(
        [{"role": "user", "content": QUESTIONS[0]}], add_generation_prompt=True, tokenize=False
    )
    alone = plainly(made, Text(0, words(prompt)["input_ids"], 9))
    assert trace.usage.completion_tokens == len(alone)
    assert trace.response == words.decode(alone[:-1] if alone[-1] in ENDS else alone, skip_special_tokens=True).strip()
    assert len({trace.response for trace in written(tmp_path, DRAWN, PROBLEMS[:2])}) > 2
    with pytest.raises(StudyError, match=f"a model of the type '{kind}' cannot be held to a budget"):
        written(tmp_path, max_thinking=5)


def test_top_p_of_the_sampling_is_that_of_the_entry_and_the_entry_has_the_last_word(checkpoint: Path) -> None:
    narrow = Sampling("sampled", temperature=0.9, max_tokens=30, samples=3, seed=5, top_p=0.3)
    assert written(checkpoint, narrow) == written(checkpoint, DRAWN, top_p=0.3) != written(checkpoint, DRAWN)
    assert written(checkpoint, narrow, top_p=1.0) == written(checkpoint, DRAWN)
