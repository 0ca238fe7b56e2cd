"""What cannot be a pretrained student, and models that are only named on a hub."""

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.errors import InputError, StudyError, UnknownName
from understudy.protocols import silent

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")
pytest.importorskip("peft", reason="the extra train is not installed")

from tests import small  # noqa: E402

from test_hf import qwen  # noqa: E402
from understudy.students.hf import Hf  # noqa: E402
from understudy.train import recipes  # noqa: E402

__all__ = ["qwen"]


# --- what cannot be a student ---


def broken(directory: Path, how: str) -> Path:
    template = None if how == "no template" else ""
    path = small.checkpoint(directory / "m", "qwen2", template, how != "no tokenizer")
    weights = path / "model.safetensors"
    if how in ("pickle", "no weights"):
        weights.unlink()
    if how == "pickle":
        torch.save({}, path / "pytorch_model.bin")
    elif how == "cut off":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "bad index":
        (path / "model.safetensors.index.json").write_text("[]")
    elif how == "unknown type":
        small.change(path / "config.json", model_type="nosuch", auto_map={"AutoConfig": "x.Y"})
    elif how == "other vocabulary":
        small.checkpoint(path, "qwen2", tokenizer=False, vocabulary=300)
    elif how == "other turn":
        (path / "chat_template.jinja").write_text(small.OTHER)
    elif how == "no end":
        tokenizer = small.words("qwen2", small.MUTE)
        tokenizer.eos_token = None
        tokenizer.save_pretrained(path)
    return path


@pytest.mark.parametrize(
    ("how", "kind", "said", "hint"),
    [
        ("no tokenizer", InputError, "has no tokenizer that can be read", "tokenizer.json"),
        ("no template", InputError, "has no chat template", "chat_template: plain"),
        ("pickle", InputError, r"weights are pickled \(pytorch_model.bin\)", "safetensors"),
        ("no weights", InputError, "holds no model.safetensors", "safetensors"),
        ("cut off", InputError, "m/model.safetensors is not whole", "copy"),
        ("bad index", InputError, "index.json cannot be read", "copy"),
        ("unknown type", InputError, "cannot be read", "never run"),
        ("other vocabulary", InputError, r"has tokens up to .* its model has 300", "belongs to the model"),
        ("other turn", StudyError, "asks for an answer in another way than it writes one", "chat_template"),
        ("no end", StudyError, "no token that ends a text", "eos_token"),
    ],
)
def test_what_cannot_be_a_student_is_refused_at_the_start(
    tmp_path: Path, how: str, kind: type, said: str, hint: str
) -> None:
    with pytest.raises(kind, match=said) as raised:
        Hf(str(broken(tmp_path, how))).start(tmp_path / "start", 0, silent)
    assert hint in raised.value.hint and "\n" not in raised.value.message


def test_settings_that_cannot_be_meant_are_refused_at_once(qwen: Path, tmp_path: Path) -> None:
    for path in (str(tmp_path), "nosuch/dir/model", "nosuch"):
        with pytest.raises(InputError, match=r"is no checkpoint: it holds no config\.json"):
            Hf(path)
    with pytest.raises(InputError, match="there is no chat template") as raised:
        Hf(str(qwen), chat_template="nosuch.jinja")
    assert "chat_template: plain" in raised.value.hint
    with pytest.raises(UnknownName, match="no recipe 'style'") as unknown:
        Hf(str(qwen), recipe="style")
    assert "style-over-substance" in unknown.value.hint


def adapter(directory: Path, **config: Any) -> Path:
    path = directory / "adapter"
    from peft import LoraConfig, get_peft_model

    base = small.model("qwen2", len(small.words("qwen2")))
    modules = ["q_proj", "embed_tokens"]
    get_peft_model(base, LoraConfig(r=2, target_modules=modules, task_type="CAUSAL_LM")).save_pretrained(path)
    small.change(path / "adapter_config.json", **config)
    return path


def test_an_adapter_of_another_vocabulary_is_refused(tmp_path: Path) -> None:
    small.checkpoint(tmp_path / "base", "qwen2", vocabulary=640)
    with pytest.raises(InputError, match=r"is of a base with \d+ tokens, this one has 640") as raised:
        Hf(str(adapter(tmp_path, base_model_name_or_path="../base"))).start(tmp_path / "s", 0, silent)
    assert "base_model_name_or_path" in raised.value.hint


def test_an_adapter_whose_base_or_weights_are_not_there_is_refused(tmp_path: Path) -> None:
    path = adapter(tmp_path, base_model_name_or_path="../nosuch")
    with pytest.raises(InputError, match=r"the base of .* is not there") as raised:
        Hf(str(path)).start(tmp_path / "s", 0, silent)
    assert "base_model_name_or_path" in raised.value.hint
    small.checkpoint(tmp_path / "nosuch", "qwen2")
    torch.save({}, path / "adapter_model.bin")
    (path / "adapter_model.safetensors").unlink()
    with pytest.raises(InputError, match=r"holds no adapter_model\.safetensors") as raised:
        Hf(str(path)).start(tmp_path / "s", 0, silent)
    assert "pickled" in raised.value.hint


# --- a hub ---


@pytest.fixture
def hub(tmp_path: Path, monkeypatch) -> Path:
    """A cache of the hub's library, and a hub that nobody answers at."""
    constants = pytest.importorskip("huggingface_hub", reason="the extra hub is not installed").constants
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name, value in (
        ("HF_HUB_CACHE", str(tmp_path / "hub")),
        ("HF_ENDPOINT", "http://127.0.0.1:9"),
        ("HF_HUB_OFFLINE", "1"),
    ):
        monkeypatch.setenv(name, value)
    return tmp_path / "hub"


def cache(hub: Path, name: str) -> str:
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = hub / f"models--{name.replace('/', '--')}"
    small.checkpoint(folder / "snapshots" / commit, "qwen2")
    (folder / "snapshots" / commit / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    return commit


def test_a_name_on_a_hub_is_taken_from_the_cache(hub: Path, tmp_path: Path) -> None:
    commit = cache(hub, "me/tiny-1B")
    student = Hf("me/tiny-1B")
    student.start(tmp_path / "start", 0, silent)
    source = json.loads((tmp_path / "start" / "source.json").read_text())
    assert source == {"path": "me/tiny-1B", "revision": None, "commit": commit, "license": "apache-2.0"}
    assert student.parameters == recipes.parameters_of(tmp_path / "start") < 1e6, "its weights say more than its name"


def test_a_model_that_cannot_be_downloaded_says_how_to_get_it(hub: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="me/nosuch-3B is no directory here, not in the hub's cache, and could not be downloaded"
    ) as raised:
        Hf("me/nosuch-3B", revision="v1").start(tmp_path / "start", 0, silent)
    assert "hf download me/nosuch-3B --revision v1 --local-dir" in raised.value.hint
    assert "\n" not in raised.value.message and not (tmp_path / "start").exists()
    assert Hf("me/nosuch-3B").parameters == 3_000_000_000
