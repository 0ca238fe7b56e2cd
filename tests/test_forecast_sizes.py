"""What a forecast is of: the sizes of models, and devices."""

import json
from pathlib import Path

import pytest

from test_forecast import PUBLISHED, config, model
from understudy.errors import InputError, StudyError, UnderstudyError
from understudy.forecast.devices import DEVICES, Device, parse
from understudy.forecast.shapes import FAMILIES, KNOWN, of_config, shape_of

# --- sizes ---


def test_parameters_of_known_models_are_the_published_ones() -> None:
    assert {name: shape.parameters for name, shape in KNOWN.items()} == PUBLISHED


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", FAMILIES)
def test_parameters_follow_exactly(kind: str, tied: bool) -> None:
    said = config(kind, tie_word_embeddings=tied)
    built = model(said)
    assert of_config(said).parameters == built.num_parameters() == sum(p.numel() for p in set(built.parameters()))


def test_another_architecture_is_counted_without_memory() -> None:
    said = config("gemma", vocab_size=2_000_000)
    built = model({**said, "vocab_size": 300})
    assert of_config(said).parameters == built.num_parameters() + (2_000_000 - 300) * 64 * 2
    with pytest.raises(UnderstudyError, match="'nothing' is not known"):
        of_config({**said, "model_type": "nothing"})


def test_a_checkpoint_is_read_from_its_directory_and_an_adapter_from_its_base(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text(json.dumps(config("qwen3")))
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text('{"base_model_name_or_path": "base"}')
    for name in ("base", "adapter"):
        shape, how = shape_of(name, tmp_path)
        assert shape == of_config(config("qwen3")) and how == "its config.json"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("meta-llama/Llama-3.2-3B-Instruct", "llama-3.2-3b"),
        ("mistralai/Ministral-8B-Instruct-2410", "ministral-8b"),
        ("Qwen/Qwen3-4B-Thinking-2507", "qwen3-4b"),
        ("Qwen/Qwen2.5-32B-Instruct", "qwen2.5-32b"),
    ],
)
def test_a_name_that_is_not_here_is_looked_up(name: str, known: str) -> None:
    assert shape_of(name) == (KNOWN[known], f"the published configuration of {known}")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the size of x/Qwen3-5B is not known[^$]*did you mean 'qwen3-8b'"):
        shape_of("x/Qwen3-5B")
    (tmp_path / "config.json").write_text('{"model_type": "llama", "hidden_size": 64}')
    with pytest.raises(InputError, match="has no 'intermediate_size'"):
        shape_of(str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        shape_of(str(tmp_path))


# --- devices ---


def test_devices_by_name_and_by_their_numbers() -> None:
    assert parse("H100") == DEVICES["h100"]
    assert parse("mine=48/181/864") == Device("mine", 48, 181, 864)
    assert parse("mine=48/181").bandwidth > 0
    here = parse("cpu")
    assert not here.gpu and here.memory > 0


@pytest.mark.parametrize("text", ["h10", "", "mine=", "mine=0/1/1", "mine=48", "mine=4.8.1/3", "=1/1/1", "a=-1/2"])
def test_other_texts_are_no_device(text: str) -> None:
    with pytest.raises(StudyError, match="there is no GPU"):
        parse(text)
