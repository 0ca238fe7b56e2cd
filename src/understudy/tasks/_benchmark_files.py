"""Rows of a benchmark's files: any that ``rows`` reads, and directories that ``datasets`` wrote.

    rows_of(Path("math500"), "test")     # of Dataset.save_to_disk, DatasetDict.save_to_disk, or a copy of a repository

Arrow files are read by Polars, so ``datasets`` itself is not needed. Nothing is downloaded.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from understudy.errors import InputError
from understudy.rows import Row, present, read_rows
from understudy.types import Split

KINDS = (".parquet", ".jsonl", ".jsonl.gz", ".json", ".json.gz", ".csv", ".csv.gz")
SAVED, SAVED_SPLITS = "state.json", "dataset_dict.json"
"""What marks a directory of ``Dataset.save_to_disk`` and of ``DatasetDict.save_to_disk``."""


def check(path: Path) -> None:
    """Raise ``InputError`` if there is neither such a file nor such a directory."""
    if not path.is_dir():
        present(path)


def rows_of(path: Path, split: Split) -> Iterable[Row]:
    """The rows of a file or a directory, numbered from 1. Raises ``InputError`` if one cannot be read."""
    if not path.is_dir():
        return _file(path)
    if (path / SAVED_SPLITS).is_file():
        path = path / split
    if (path / SAVED).is_file():
        return enumerate(_arrow(path), 1)
    files = sorted(file for file in path.rglob(f"{split}*") if file.name.endswith(KINDS))
    if not files:
        hint = f"name a file in it, or a directory with {SAVED}, {SAVED_SPLITS} or files called {split}*.parquet"
        raise InputError(f"{path.resolve()} is no directory of a data set with the split '{split}'", hint)
    return enumerate((row for file in files for _, row in _file(file)), 1)


def _file(path: Path) -> list[Row]:
    rows, unreadable = read_rows(path)
    if unreadable:
        number, reason = unreadable[0]
        raise InputError(f"{path.resolve()}, row {number}: {reason}")
    return rows


def _arrow(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a saved data set: ``state.json`` names its Arrow streams in order."""
    try:
        state = json.loads((path / SAVED).read_text(encoding="utf-8"))
        for file in state["_data_files"]:
            yield from pl.read_ipc_stream(path / file["filename"]).iter_rows(named=True)
    except (OSError, ValueError, LookupError, TypeError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path.resolve()} cannot be read as a saved data set ({reason})") from None
