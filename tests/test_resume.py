"""A training that goes on after a kill, and one in several processes."""

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from understudy.errors import RunError
from understudy.protocols import silent

torch = pytest.importorskip("torch", reason="the extra train is not installed")
transformers = pytest.importorskip("transformers", reason="the extra train is not installed")

from test_training import RECIPE, Killed, content, kill_at, make, plain, tokenizer, train, weights  # noqa: E402
from understudy.train import fitting  # noqa: E402

__all__ = ["plain", "tokenizer"]


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
