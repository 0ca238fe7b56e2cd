"""What an entry depends on besides its parameters: the content of the files that they name, and a stranger's source.

    content(Path("data"), "models", Piece("file", {"path": "traces.jsonl"}))   # {"content of file": {"path …": "3f2"}}

A stage whose entry reads a file is done anew when the file changes, wherever it lies.
"""

from collections.abc import Mapping
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from understudy import registry
from understudy.registry import Piece

DIRECTORIES = (
    *("config.json", "adapter_config.json", "tokenizer.json"),
    *("dataset_info.json", "dataset_dict.json", "README.md"),
)
"""What tells the directory of a checkpoint or a data set from another one."""


def content(root: Path, shelf: str, piece: Piece) -> dict[str, Any]:
    """The hashes of the files that a piece names, relative to ``root``, and of its source if it is not ours."""
    named = {name: _texts(value) for name, value in piece.parameters.items()}
    paths = {f"{name} {text}": root / text for name, texts in named.items() for text in texts}
    hashes = {name: _digest(path) for name, path in paths.items() if _is_data(path)}
    source = registry.source_hash(shelf, piece.name)
    if source:
        hashes["source"] = source
    return {f"content of {piece.name}": hashes} if hashes else {}


def _texts(value: object) -> list[str]:
    """What may name a file: a text, or the texts of a list or a mapping, however deep."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) and value else []


def _is_data(path: Path) -> bool:
    """Whether it is a file, or the directory of a checkpoint or a data set."""
    try:
        return path.is_file() or any((path / mark).exists() for mark in DIRECTORIES)
    except (OSError, ValueError):  # no path at all: too long, or with a NUL
        return False


def _digest(path: Path) -> str:
    """A hash of a file, or of all files of a directory with their names."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    digest = sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(f"{file.relative_to(path).as_posix()}\0{file_digest(content, 'sha256').hexdigest()}".encode())
    return digest.hexdigest()
