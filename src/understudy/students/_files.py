"""Checkpoints of others: where they are found, and how a run gets its own without a second copy of the weights.

source = found("Qwen/Qwen3-1.7B", None, Path())        # a folder: a local one, or of the hub's cache
link(source, Path("students/start-0"))
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfile
from typing import Any

from understudy.errors import InputError
from understudy.models._checkpoint import first_line
from understudy.publish.hub import NAME
from understudy.registry import require
from understudy.train.adapters import CONFIG as ADAPTER_CONFIG
from understudy.train.recipes import weights_of

PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken", "README.md", "LICENSE*", "NOTICE*")
IGNORED = ("consolidated*", "*/*")
"""The same weights in another layout, which some repositories hold besides."""
KEPT = ("config.json", "generation_config.json", "model.safetensors.index.json", "LICENSE*", "NOTICE*", "USE_POLICY*")
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_FETCH = """
import sys
from huggingface_hub import snapshot_download
name, revision, patterns, ignored = sys.argv[1], sys.argv[2] or None, sys.argv[3].split(), sys.argv[4].split()
snapshot_download(name, revision=revision, allow_patterns=patterns, ignore_patterns=ignored)
"""


def found(path: str, revision: str | None, root: Path) -> Path:
    """The folder of a checkpoint or an adapter: a local one, one of the hub's cache, or one that is downloaded.

    Raises ``InputError`` if there is none.
    """
    if is_local(path, root):
        return root / path
    refuse_no_name(path, root)
    require("hub", "huggingface_hub")
    return cached(path, revision) or _downloaded(path, revision)


def refuse_no_name(path: str, root: Path) -> None:
    """Raise ``InputError`` if a path that is no checkpoint cannot be the name of one on a hub, either."""
    if not NAME.fullmatch(path) or (root / path).is_dir():
        hint = "path: a directory with config.json, weights as safetensors and the tokenizer, or OWNER/NAME on a hub"
        raise InputError(f"{root / path} is no checkpoint: it holds no config.json", hint)


def is_local(path: str, root: Path) -> bool:
    """Whether the path is a directory that holds a checkpoint, or an adapter of one."""
    return any((root / path / name).is_file() for name in ("config.json", ADAPTER_CONFIG))


def cached(name: str, revision: str | None) -> Path | None:
    """The folder of a model in the hub's cache, or null if it is not there with all of its weights."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True, allow_patterns=list(PATTERNS)))
    except (LocalEntryNotFoundError, ValueError, OSError):
        return None
    weights = weights_of(folder) or [folder / ADAPTER_CONFIG]
    return folder if all(file.is_file() for file in weights) else None


def link(source: Path, directory: Path) -> None:
    """Give ``directory`` the weights and the configuration of a checkpoint; weights are linked where they can be.

    Raises ``InputError`` if they are pickled, or not all there.
    """
    if not (source / "config.json").is_file():
        raise InputError(f"{source} is no checkpoint: it holds no config.json")
    for file in whole(source):
        _link(file.resolve(), directory / file.name)
    for pattern in KEPT:
        for file in source.glob(pattern):
            copyfile(file, directory / file.name)


def whole(source: Path) -> list[Path]:
    """The files of a checkpoint's weights. Raises ``InputError`` as ``link`` does."""
    try:
        weights = weights_of(source)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"{source}: model.safetensors.index.json cannot be read", "copy the checkpoint again"
        ) from None
    if missing := [file.name for file in weights if not file.is_file()]:
        hint = "copy the checkpoint again"
        raise InputError(f"{source} lacks {len(missing):,} of {len(weights):,} files of weights ({missing[0]})", hint)
    if not weights:
        pickled = next((file.name for pattern in PICKLED for file in sorted(source.glob(pattern))), None)
        said = (
            f"its weights are pickled ({pickled}), which is never read" if pickled else "it holds no model.safetensors"
        )
        hint = (
            "take a revision with safetensors, or convert it where you trust it: save_pretrained of transformers does"
        )
        raise InputError(f"{source}: {said}", hint)
    for file in weights:
        _refuse_cut(file)
    return weights


def origin(path: str, revision: str | None, source: Path) -> dict[str, Any]:
    """Where a checkpoint is from: path, revision, the hub's commit and the licence, null where nobody says."""
    commit = source.name if source.parent.name == "snapshots" else None
    return {"path": path, "revision": revision, "commit": commit, "license": _licence(source / "README.md")}


def _refuse_cut(weights: Path) -> None:
    """Raise ``InputError`` if a file is cut off or no safetensors; only its head is read."""
    from safetensors import safe_open

    try:
        with safe_open(str(weights), framework="np"):
            pass
    except Exception as error:  # what is read decides what is raised
        raise InputError(f"{weights} is not whole ({first_line(error)})", "copy the checkpoint again") from None


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that knows no links
        copyfile(source, target)


def _downloaded(name: str, revision: str | None) -> Path:
    """In a process of its own, because workers have told the hub's library to stay offline. The user named it."""
    command = [sys.executable, "-c", _FETCH, name, revision or "", " ".join(PATTERNS), " ".join(IGNORED)]
    said = "TRANSFORMERS_OFFLINE is set"
    if os.environ.get("TRANSFORMERS_OFFLINE", "").lower() not in ("1", "true", "yes", "on"):
        environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        folder = cached(name, revision)
        if done.returncode == 0 and folder is not None:
            return folder
        said = _last_line(done.stderr.splitlines()) or "it holds no model.safetensors"
    version = f" --revision {revision}" if revision else ""
    raise InputError(
        f"{name} is no directory here, not in the hub's cache, and could not be downloaded ({said})",
        f"where there is a network: hf download {name}{version} --local-dir DIR; then path: DIR",
    )


def _last_line(lines: Sequence[str]) -> str:
    return next((" ".join(line.split())[:300].rstrip(".") for line in reversed(lines) if line.strip()), "")


def _licence(card: Path) -> str | None:
    """What the header of a model card says."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if not card.is_file():
        return None
    _, opened, rest = card.read_text(encoding="utf-8", errors="replace").partition("---\n")
    try:
        header = YAML(typ="safe", pure=True).load(rest.partition("\n---")[0]) if opened else None
    except (YAMLError, ValueError):
        return None
    licence = header.get("license") if isinstance(header, dict) else None
    return licence if isinstance(licence, str) else None
