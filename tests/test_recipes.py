"""Published recipes: by the size of the student, which is read from its weights or its name."""

from pathlib import Path

import pytest

from understudy.types import Recipe

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")
pytest.importorskip("peft", reason="the extra train is not installed")


from test_hf import family, model, qwen  # noqa: E402
from understudy.students.hf import Hf  # noqa: E402
from understudy.train import recipes  # noqa: E402

__all__ = ["family", "model", "qwen"]


# --- recipes ---


@pytest.mark.parametrize(
    ("billions", "rate"), [(0.5, 6e-5), (3.2, 6e-5), (8, 4e-5), (14, 4e-5), (17, 1e-5), (70, 1e-5)]
)
def test_the_learning_rate_is_that_of_the_nearest_published_size(billions: float, rate: float) -> None:
    advised = recipes.choose("style-over-substance", int(billions * 1e9))
    assert advised.settings["learning_rate"] == rate and advised.settings["num_train_epochs"] == 5
    assert bool(advised.note) == (billions not in (3.2, 8))


def test_recipes_are_settings_of_a_training(qwen: Path) -> None:
    for name in recipes.RECIPES:
        recipe = Recipe(**Hf(str(qwen), recipe=name).advised())
        assert recipe.train_batch_size == 16 and recipe.min_lr_rate == 0
    assert (recipe.method, recipe.lora_r, recipe.lora_alpha, recipe.lora_dropout) == ("qlora", 16, 32, 0.05)
    assert (recipe.learning_rate, recipe.warmup_ratio, recipe.max_length) == (2e-4, 0.1, 1024)
    assert len(recipe.target_modules or ()) == 7 and Hf(str(qwen)).advised() == {}


def test_the_table_of_recipes_says_who_says_so() -> None:
    table = {(recipe, setting): (value, source) for recipe, setting, value, source in recipes.rows()}
    value, source = table["style-over-substance", "learning_rate"]
    assert value == "6e-05 (3B), 4e-05 (8B), 1e-05 (32B)" and "2504.01738" in source
    assert table["style-over-substance", "train_batch_size"][1] == "understudy"
    assert "2505.13792" in table["interpretable-traces", "lora_r"][1]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("meta-llama/Llama-3.2-3B-Instruct", 3e9),
        ("Qwen/Qwen3-0.6B", 0.6e9),
        ("Qwen/Qwen3-1.7B-Base", 1.7e9),
        ("mistralai/Ministral-8B-Instruct-2410", 8e9),
        ("HuggingFaceTB/SmolLM2-135M", 135e6),
        ("Qwen/Qwen3-30B-A3B", 30e9),
        ("gpt2", None),
        ("me/model-4bit", None),
    ],
)
def test_the_size_of_a_model_is_read_from_its_name(name: str, size: float | None) -> None:
    assert recipes.size_in(name) == (None if size is None else int(size))


def test_parameters_are_counted_without_reading_the_weights(model: Path) -> None:
    from transformers import AutoModelForCausalLM

    assert recipes.parameters_of(model) == AutoModelForCausalLM.from_pretrained(model).num_parameters()
    assert recipes.parameters_of(model.parent) is None
