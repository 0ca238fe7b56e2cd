"""Training: the steps, the loss however a step is cut, going on after a kill, and what stops it."""

import hashlib
import json
import multiprocessing
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import RunError, StudyError
from understudy.protocols import silent
from understudy.train.batches import plan, share, size
from understudy.types import Recipe

torch = pytest.importorskip("torch", reason="the extra train is not installed")
transformers = pytest.importorskip("transformers", reason="the extra train is not installed")

from understudy.train import fitting, loss  # noqa: E402
from understudy.train.examples import Example  # noqa: E402
from understudy.train.fitting import fit  # noqa: E402
from understudy.train.loss import collate, learning  # noqa: E402

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


class Killed(Exception):
    pass


def kill_at(step: int) -> Any:
    def report(done: int, total: int, note: str = "") -> None:
        if done >= step:
            raise Killed

    return report


# --- the steps ---


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 200), min_size=1, max_size=80), epochs=st.integers(1, 3), seed=st.integers())
def test_every_epoch_holds_every_example_once_within_the_budget_of_a_step(lengths, epochs, seed) -> None:
    steps = plan(lengths, Recipe(tokens_per_step=256, num_train_epochs=epochs), seed)
    assert sorted(index for step in steps for index in step) == sorted(list(range(len(lengths))) * epochs)
    for step in steps:
        assert len(step) == 1 or len(step) * max(lengths[i] for i in step) <= 256


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, tokens=st.integers(1, 5000))
def test_a_budget_of_tokens_is_met_within_a_step(lengths, tokens) -> None:
    steps = plan(lengths, Recipe(tokens_per_step=100), 0, tokens)
    sizes = [sum(lengths[i] for i in step) for step in steps]
    assert sum(sizes) >= tokens > sum(sizes[:-1])


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, batch=st.integers(1, 9), packing=st.booleans())
def test_a_step_holds_as_many_examples_as_asked(lengths, batch, packing) -> None:
    steps = plan(lengths, Recipe(train_batch_size=batch, packing=packing, num_train_epochs=2), 0)
    half = len(steps) // 2
    for epoch in (steps[:half], steps[half:]):
        assert sorted(index for step in epoch for index in step) == list(range(len(lengths)))
        assert {len(step) for step in epoch[:-1]} <= {batch} and 0 < len(epoch[-1]) <= batch


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, limit=st.integers(60, 200))
def test_packed_steps_are_full_of_tokens_not_of_padding(lengths, limit) -> None:
    steps = plan(lengths, Recipe(tokens_per_step=limit, packing=True, num_train_epochs=1), 0)
    totals = [sum(lengths[i] for i in step) for step in steps]
    assert all(total <= limit for total in totals)
    assert all(total + lengths[after[0]] > limit for total, after in zip(totals, steps[1:], strict=False))


def test_the_order_follows_from_the_seed() -> None:
    lengths = [n % 17 + 1 for n in range(200)]
    for recipe in (Recipe(tokens_per_step=64), Recipe(train_batch_size=8), Recipe(tokens_per_step=64, packing=True)):
        assert plan(lengths, recipe, 1) == plan(lengths, recipe, 1) != plan(lengths, recipe, 2)


def test_half_an_epoch_is_half_the_steps() -> None:
    lengths = [10] * 100
    assert len(plan(lengths, Recipe(tokens_per_step=100, num_train_epochs=0.5), 0)) == 5
    assert len(plan(lengths, Recipe(tokens_per_step=100, num_train_epochs=1.5), 0)) == 15


@settings(max_examples=100, deadline=None)
@given(lengths=LENGTHS, limit=st.integers(60, 150), processes=st.integers(1, 4), packing=st.booleans())
def test_a_step_is_shared_without_loss_within_what_memory_holds(lengths, limit, processes, packing) -> None:
    recipe = Recipe(tokens_per_batch=limit, num_processes=processes, packing=packing)
    step = list(range(len(lengths)))
    shares = share(step, lengths, recipe)
    assert sorted(index for batches in shares for batch in batches for index in batch) == step
    assert len({len(batches) for batches in shares}) == 1 and len(shares) == processes
    assert all(size(batch, lengths, packing) <= limit for batches in shares for batch in batches)
    if len(step) >= processes and packing and processes > 1 and len(shares[0]) == 1:
        held = [sum(lengths[i] for i in batches[0]) for batches in shares]
        assert max(held) - min(held) <= max(lengths), "they are not balanced"


def test_an_example_that_memory_cannot_hold_is_refused() -> None:
    with pytest.raises(StudyError, match="longest example has 60 tokens, and tokens_per_batch is 50"):
        plan([5, 60], Recipe(tokens_per_batch=50), 0)


# --- the loss ---

KINDS = {
    "llama": {},
    "tied": {"kind": "llama", "tie_word_embeddings": True},
    "qwen2": {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1},
    "qwen3": {},
    "mistral": {"sliding_window": 7},
    "granite": {"logits_scaling": 4.0},
    "gemma3": {"kind": "gemma3_text", "sliding_window": 7, "final_logit_softcapping": 1.0},
}
CUTS = {"one by one": [[n] for n in range(5)], "at once": [list(range(5))], "in two": [[0, 1], [2, 3, 4]]}


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


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_and_its_gradient_do_not_depend_on_how_a_step_is_cut(kind: str, monkeypatch) -> None:
    settings = dict(KINDS[kind])
    model = make(settings.pop("kind", kind), **settings)
    examples = EXAMPLES[:5]
    norm = sum(sum(example.weights[1:]) for example in examples)
    wanted, slope = reference(model, examples)
    for chunk in (loss.CHUNK, 4 * WORDS):  # the head at once, and in chunks
        monkeypatch.setattr(loss, "CHUNK", chunk)
        for packing in (False, True):
            for name, cut in CUTS.items():
                model.zero_grad()
                total = 0.0
                with learning(model, packing):
                    for part in cut:
                        batch = collate([examples[n] for n in part], norm, packing, pad=0)
                        value = model(**batch)["loss"]
                        value.backward()
                        total += value.item()
                assert total == pytest.approx(wanted, rel=1e-5), (name, packing, chunk)
                torch.testing.assert_close(gradients(model), slope, rtol=1e-4, atol=1e-6)


def test_models_that_change_their_logits_are_told_from_those_that_do_not() -> None:
    kinds = {"llama": True, "qwen3": True, "mistral": True, "granite": False, "cohere": False, "gemma2": False}
    small = {"eos_token_id": 2, "pad_token_id": 0, "bos_token_id": 1}
    shape = {**SHAPE, **small, "num_hidden_layers": 1}
    configs = {kind: transformers.AutoConfig.for_model(kind, **shape) for kind in kinds}
    found = {k: loss._plain_head(transformers.AutoModelForCausalLM.from_config(c)) for k, c in configs.items()}
    assert found == kinds


def test_a_model_is_as_it_was_after_training() -> None:
    model = make()
    before = model(input_ids=torch.tensor([EXAMPLES[0].ids])).logits
    with learning(model, packing=True):
        pass
    assert model.config._attn_implementation == "sdpa"
    assert torch.equal(model(input_ids=torch.tensor([EXAMPLES[0].ids])).logits, before)


@pytest.mark.parametrize(
    ("kind", "settings", "why"),
    [
        ("bloom", {}, "does not let its attention be replaced"),
        ("mamba", {}, "would mix packed examples"),
        ("gemma2", {}, "caps its attention"),
        ("qwen3_next", {"layer_types": ["linear_attention", "full_attention"]}, "would mix packed examples"),
    ],
)
def test_a_model_that_would_mix_packed_examples_is_refused(kind: str, settings: Any, why: str) -> None:
    with pytest.raises(StudyError, match=why) as caught, learning(make(kind, **settings), packing=True):
        pass
    assert "packing: false" in caught.value.hint


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


# --- going on ---


def adapted(directory: Path, dropout: float = 0.2) -> Any:
    peft = pytest.importorskip("peft", reason="peft is not installed")
    if not directory.exists():
        make().save_pretrained(directory)
    model = transformers.AutoModelForCausalLM.from_pretrained(directory)
    torch.manual_seed(1)
    return peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules="all-linear", lora_dropout=dropout))


@pytest.mark.parametrize("adapters", [False, True], ids=["full", "lora"])
def test_a_killed_training_ends_with_the_same_bytes(
    adapters: bool, tokenizer: Any, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(fitting, "SAVE_STEPS", 7)
    recipe = replace(RECIPE, packing=True, tokens_per_batch=64)

    def once(name: str, report: Any) -> None:
        model = adapted(tmp_path / "base") if adapters else make()
        finish = (lambda model: model.merge_and_unload()) if adapters else None
        train(tmp_path / name, tokenizer, recipe, report, model, finish=finish)

    once("whole", silent)
    with pytest.raises(Killed):
        once("cut", kill_at(20))
    steps: list[int] = []
    once("cut", lambda done, *_: steps.append(done))
    assert min(steps) >= 15, "it started again from the beginning"
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def cut(directory: Path, tokenizer: Any, monkeypatch: Any, at: int) -> Path:
    """The work folder of a training that was killed."""
    monkeypatch.setattr(fitting, "SAVE_STEPS", 7)
    with pytest.raises(Killed):
        train(directory, tokenizer, RECIPE, kill_at(at))
    return directory.with_name(f"{directory.name}.training")


def test_a_broken_checkpoint_is_passed_over(plain: Path, tokenizer: Any, tmp_path: Path, monkeypatch) -> None:
    work = cut(tmp_path / "s", tokenizer, monkeypatch, 20)
    file = work / "checkpoint-14" / "optimizer.pt"
    file.write_bytes(file.read_bytes()[:-100])
    steps: list[int] = []
    monkeypatch.setattr(fitting, "REPORT_STEPS", 1)
    train(tmp_path / "s", tokenizer, RECIPE, lambda done, *_: steps.append(done))
    assert steps[0] == 8
    assert content(tmp_path / "s") == content(plain)


@pytest.mark.parametrize("how", ["changed", "missing", "unreadable"])
def test_where_no_checkpoint_is_whole_the_folder_is_named(
    how: str, tokenizer: Any, tmp_path: Path, monkeypatch
) -> None:
    work = cut(tmp_path / "s", tokenizer, monkeypatch, 10)
    assert [path.name for path in work.glob("checkpoint-*")] == ["checkpoint-7"]
    file = work / "checkpoint-7" / "model.safetensors"
    if how == "changed":
        file.write_bytes(bytes(file.stat().st_size))
    elif how == "missing":
        file.unlink()
    else:
        (work / "checkpoint-7" / "complete").write_bytes(b"\xff")
    with pytest.raises(RunError, match="checkpoint-7 cannot be gone on with") as caught:
        train(tmp_path / "s", tokenizer, RECIPE)
    assert str(work) in caught.value.hint


def test_another_training_does_not_go_on_with_it(plain: Path, tokenizer: Any, tmp_path: Path, monkeypatch) -> None:
    cut(tmp_path / "s", tokenizer, monkeypatch, 20)
    monkeypatch.setattr(fitting, "REPORT_STEPS", 1)
    steps: list[int] = []
    train(tmp_path / "s", tokenizer, replace(RECIPE, learning_rate=5e-3), lambda done, *_: steps.append(done))
    assert steps[0] == 1


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
    assert "lower learning_rate" in caught.value.hint
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
        ({"report_to": "tensorbord"}, "report_to is 'tensorbord'"),
        ({"fsdp": True}, "num_processes is 1"),
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


# --- several processes ---


def agree(directory: Path, other: Path) -> None:
    torch.testing.assert_close(weights(directory), weights(other), rtol=1e-3, atol=2e-4)
    losses = [json.loads((path / "training.json").read_text())["final_loss"] for path in (directory, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_two_processes_learn_what_one_does(plain: Path, tokenizer: Any, tmp_path: Path) -> None:
    told: list[int] = []
    recipe = replace(RECIPE, packing=True, num_processes=2, tokens_per_batch=64)
    train(tmp_path / "s", tokenizer, recipe, lambda done, *_: told.append(done))
    agree(tmp_path / "s", plain)
    assert told[-1] == 30 and not multiprocessing.active_children()


def test_adapters_over_shared_out_weights_learn_what_one_process_teaches_them(tokenizer: Any, tmp_path: Path) -> None:
    recipe = replace(RECIPE, packing=True, num_train_epochs=5)
    together = replace(recipe, num_processes=2, fsdp=True, gradient_checkpointing=True)
    for name, one in (("alone", recipe), ("together", together)):
        model = adapted(tmp_path / "base", dropout=0.0)
        train(tmp_path / name, tokenizer, one, model=model, finish=lambda model: model.merge_and_unload())
    agree(tmp_path / "together", tmp_path / "alone")
    assert float((weights(tmp_path / "alone") - weights(tmp_path / "base")).abs().max()) > 1e-2


def test_two_processes_end_with_the_one_that_started_them(tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(tmp_path / "s", tokenizer, replace(RECIPE, num_processes=2), kill_at(1))
    assert not multiprocessing.active_children()
