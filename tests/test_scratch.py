"""Students from scratch: any architecture, a tokenizer of their own, and what cannot be made."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from understudy import registry
from understudy.errors import InputError, StudyError
from understudy.protocols import silent
from understudy.registry import Piece
from understudy.types import Recipe, Sampling

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")
pytest.importorskip("peft", reason="the extra train is not installed")

from tests import small  # noqa: E402

from test_hf import FAST, REACH, digest, loss, qwen  # noqa: E402
from understudy.train import recipes, train  # noqa: E402
from understudy.train.examples import prepare  # noqa: E402
from understudy.train.turns import Turn  # noqa: E402

__all__ = ["qwen"]


# --- from scratch ---


def scratch(**parameters: Any) -> Any:
    return registry.build("students", Piece("scratch", parameters), task=REACH, root=Path())


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "mistral"])
def test_a_model_from_scratch_learns_by_the_same_way(architecture: str, tmp_path: Path) -> None:
    scratch(architecture=architecture).start(tmp_path / "start", 0, silent)
    assert (recipes.parameters_of(tmp_path / "start") or 0) < 1_000_000
    problems = REACH.problems("train", 8, 0)
    traces = list(registry.build("models", Piece("template", {}), task=REACH).generate(problems, Sampling()))
    known = {problem.problem_id: problem for problem in problems}
    train(
        traces,
        known,
        tmp_path / "start",
        replace(FAST, num_train_epochs=2, train_batch_size=8),
        0,
        "ST",
        tmp_path / "s",
        silent,
    )
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "s")
    examples = prepare(tokenizer, traces, known, "ST", 1024, Recipe()).examples
    assert loss(tmp_path / "s", examples) < loss(tmp_path / "start", examples)


def test_scratch_follows_from_its_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        scratch().start(tmp_path / name, seed, silent)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a")["model.safetensors"] != digest(tmp_path / "c")["model.safetensors"]


def test_scratch_takes_a_configuration_and_a_tokenizer_of_others(qwen: Path, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    scratch(config=str(qwen / "config.json"), tokenizer=str(qwen)).start(tmp_path / "a", 0, silent)
    assert AutoConfig.from_pretrained(tmp_path / "a").model_type == "qwen2"
    assert AutoTokenizer.from_pretrained(tmp_path / "a").chat_template == small.CHATML
    scratch(tokenizer=str(qwen / "tokenizer.json")).start(tmp_path / "b", 0, silent)
    assert Turn.of(AutoTokenizer.from_pretrained(tmp_path / "b")).flaw is None
    with pytest.raises(InputError, match="has tokens up to"):
        scratch(config=str(small.checkpoint(tmp_path / "m", "qwen2", vocabulary=200) / "config.json")).start(
            tmp_path / "c", 0, silent
        )


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"hidden_size": 60}, "cannot have 60 for 4 heads"),
        ({"kv_heads": 3}, "of which 3 have keys"),
        ({"layers": 0}, "layers cannot be 0"),
        ({"vocabulary": 100}, "vocabulary cannot be 100"),
        ({"config": "nosuch.json"}, "there is no nosuch.json"),
    ],
)
def test_scratch_refuses_what_cannot_be_made(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises((StudyError, InputError), match=said):
        scratch(**parameters)


@pytest.mark.parametrize(("name", "said"), [("lama", "no architecture 'lama'"), ("t5", "cannot make 't5'")])
def test_scratch_refuses_an_architecture_that_writes_no_text(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=said):
        scratch(architecture=name).start(tmp_path / "x", 0, silent)
