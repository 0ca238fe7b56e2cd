"""Training: what it does to the weights, what it says of itself, and what stops it."""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from understudy.errors import RunError, StudyError
from understudy.protocols import silent
from understudy.types import Recipe

torch = pytest.importorskip("torch", reason="the extra train is not installed")
transformers = pytest.importorskip("transformers", reason="the extra train is not installed")

from understudy.train import fitting  # noqa: E402
from understudy.train.examples import Example  # noqa: E402
from understudy.train.fitting import fit  # noqa: E402

WORDS = 97
SHAPE = {"vocab_size": WORDS, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "head_dim": 8}
SHAPE |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128}
SHAPE |= {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40)


def make(kind: str = "llama", **settings: Any) -> Any:
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(kind, **SHAPE, **settings))


def made(lengths: Sequence[int], seed: int = 0) -> list[Example]:
    """Examples of random tokens; a third of each is read only, and some of the rest weigh less."""
    rng = random.Random(seed)
    ids = [[rng.randrange(3, WORDS) for _ in range(length)] for length in lengths]
    return [
        Example(row, [0.0 if n <= len(row) // 3 else rng.choice([1.0, 1.0, 0.3]) for n in range(len(row))])
        for row in ids
    ]


EXAMPLES = made([5, 30, 9, 17, 9, 41, 5, 23, 9, 12, 60, 8, 30])


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from tokenizers import Tokenizer, models

    words = {f"w{n}": n for n in range(WORDS)}
    inner = Tokenizer(models.WordLevel(words, unk_token="w0"))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="w0", eos_token="w2", unk_token="w0")


def content(directory: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in directory.iterdir() if p.is_file()}


def weights(directory: Path) -> Any:
    from safetensors.torch import load_file

    found = load_file(directory / "model.safetensors")
    return torch.cat([found[name].flatten() for name in sorted(found)])


def gradients(model: Any) -> Any:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def reference(model: Any, examples: Sequence[Example]) -> tuple[float, Any]:
    """Each example alone through the library's own forward, and the formula."""
    total = torch.zeros(())
    norm = sum(sum(example.weights[1:]) for example in examples)
    for example in examples:
        logits = model(input_ids=torch.tensor([example.ids])).logits[0, :-1]
        nll = torch.nn.functional.cross_entropy(logits, torch.tensor(example.ids[1:]), reduction="none")
        total = total + (nll * torch.tensor(example.weights[1:])).sum() / norm
    model.zero_grad()
    total.backward()
    return total.item(), gradients(model)


class Killed(Exception):
    pass


def kill_at(step: int) -> Any:
    def report(done: int, total: int, note: str = "") -> None:
        if done >= step:
            raise Killed

    return report


# --- a training ---

RECIPE = Recipe(train_batch_size=4, num_train_epochs=9, learning_rate=1e-2)


def train(directory: Path, tokenizer: Any, recipe: Recipe, report: Any = silent, model: Any = None, **more: Any) -> Any:
    return fit(make() if model is None else model, tokenizer, EXAMPLES, recipe, 0, directory, report, **more)


@pytest.fixture(scope="module")
def plain(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on padded batches, a whole step at a time."""
    directory = tmp_path_factory.mktemp("plain") / "student"
    train(directory, tokenizer, RECIPE)
    return directory


@pytest.mark.parametrize(
    "change",
    [
        {"packing": True},
        {"packing": True, "tokens_per_batch": 64},
        {"tokens_per_batch": 64},
        {"packing": True, "gradient_checkpointing": True},
    ],
    ids=str,
)
def test_memory_settings_change_no_weight(change: Any, plain: Path, tokenizer: Any, tmp_path: Path) -> None:
    train(tmp_path / "s", tokenizer, replace(RECIPE, **change))
    torch.testing.assert_close(weights(tmp_path / "s"), weights(plain), rtol=1e-3, atol=2e-4)


def test_training_lowers_the_loss_and_says_what_it_took(plain: Path) -> None:
    summary = json.loads((plain / "training.json").read_text())
    assert summary["steps"] == 36 and summary["examples"] == 13 and summary["epochs"] == 9
    assert summary["tokens"] == 9 * sum(len(example.ids) for example in EXAMPLES)
    trained = transformers.AutoModelForCausalLM.from_pretrained(plain)
    assert reference(trained, EXAMPLES)[0] < reference(make(), EXAMPLES)[0] - 1
    assert not plain.with_name("student.training").exists()


def test_progress_tells_speed_and_loss(tokenizer: Any, tmp_path: Path) -> None:
    told: list[Any] = []
    train(tmp_path / "s", tokenizer, RECIPE, lambda *progress: told.append(progress))
    assert [done for done, _, _ in told if done % 10 == 0] == [10, 20, 30] and {total for _, total, _ in told} == {36}
    speed, said = told[-1][2].split(" tokens/s, loss ")
    assert float(speed.replace(",", "")) > 0 and 0 < float(said) < 5


def test_bfloat16_sums_learn_the_same_to_their_precision(plain: Path, tokenizer: Any, tmp_path: Path) -> None:
    train(tmp_path / "s", tokenizer, replace(RECIPE, bf16=True, packing=True))
    wanted = reference(transformers.AutoModelForCausalLM.from_pretrained(plain), EXAMPLES)[0]
    found = reference(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "s"), EXAMPLES)[0]
    assert found == pytest.approx(wanted, abs=0.2)


def test_weights_are_relative(plain: Path, tokenizer: Any, tmp_path: Path) -> None:
    doubled = [Example(example.ids, [2 * weight for weight in example.weights]) for example in EXAMPLES]
    fit(make(), tokenizer, doubled, RECIPE, 0, tmp_path / "s", silent)
    torch.testing.assert_close(weights(tmp_path / "s"), weights(plain), rtol=1e-3, atol=2e-4)


# --- what stops it ---


def test_a_loss_that_is_no_number_stops_at_once_and_is_not_tried_again(
    tokenizer: Any, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(fitting, "SAVE_STEPS", 1)
    model = make()
    inner, calls = model.model.forward, []

    def poisoned(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        states = inner(*args, **kwargs)
        return states if len(calls) < 5 else (states[0] * float("nan"),)

    model.model.forward = poisoned
    with pytest.raises(RunError, match=r"the loss of step 5 is nan, at a learning rate of 0\.00") as caught:
        train(tmp_path / "s", tokenizer, RECIPE, model=model)
    assert "lower learning_rate" in caught.value.hint and "the last good checkpoint is in" in caught.value.hint
    work = tmp_path / "s.training"
    kept = transformers.AutoModelForCausalLM.from_pretrained(work / "checkpoint-4")
    assert all(bool(parameter.isfinite().all()) for parameter in kept.parameters())
    with pytest.raises(RunError, match="stopped before: the loss of step 5 is nan") as caught:
        train(tmp_path / "s", tokenizer, RECIPE, kill_at(0))
    assert str(work) in caught.value.hint


@pytest.mark.parametrize("where", ["cpu", "gpu"])
def test_out_of_memory_says_what_to_lower(where: str, tokenizer: Any, tmp_path: Path) -> None:
    model = make()

    def too_much(*_: Any) -> None:
        if where == "gpu":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        torch.empty(2**60)

    model.model.register_forward_pre_hook(too_much)
    with pytest.raises(RunError, match="memory ran out in step 1") as caught:
        train(tmp_path / "s", tokenizer, replace(RECIPE, tokens_per_batch=100), model=model)
    for word in ("tokens_per_batch (it is 100; the longest example has 60 tokens)", "gradient_checkpointing", "lora"):
        assert word in caught.value.hint


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"fsdp": True}, "num_processes is 1"),
        ({"fsdp": True, "num_processes": 2, "method": "qlora"}, "four-bit weights"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: Any, why: str, tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=why):
        train(tmp_path / "s", tokenizer, replace(RECIPE, **change))


@pytest.mark.parametrize("watcher", ["tensorboard", "wandb", "trackio"])
def test_a_watcher_that_is_not_installed_is_named(watcher: str, tokenizer: Any, tmp_path: Path) -> None:
    from importlib.util import find_spec

    if find_spec(watcher) is not None:
        pytest.skip(f"{watcher} is installed")
    with pytest.raises(StudyError, match="is not installed") as caught:
        train(tmp_path / "s", tokenizer, replace(RECIPE, report_to=watcher))
    assert caught.value.hint == f"pip install {watcher}"
