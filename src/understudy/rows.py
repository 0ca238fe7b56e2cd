"""Files of rows that others wrote: JSON lines or one JSON array, gzipped or not.

    from understudy.rows import read_rows
    rows, unreadable = read_rows(Path("traces.jsonl.gz"))

A row that cannot be read is data: it is returned with its number and the reason.
"""

import gzip
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.errors import InputError
from understudy.tables import to_json

Row = tuple[int, dict[str, Any]]
"""A row with its number: the line, or the place in the array, counted from 1."""
Unreadable = tuple[int, str]
"""The number of a row that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Census:
    """What became of the rows of a file: rows = traces + duplicates + unmatched + unreadable.

    ``unreadable`` holds the number of each such row and the reason. ``errors`` counts the traces that are stored
    errors of an endpoint, ``unanswered`` the problems without any trace.
    """

    rows: int
    traces: int
    duplicates: int
    unmatched: int
    unreadable: tuple[Unreadable, ...]
    errors: int
    unanswered: int


def present(file: Path) -> None:
    """Raise ``InputError`` if there is no such file."""
    if not file.is_file():
        raise InputError(f"there is no file {file.resolve()}", "--set data=DIR says where the data lies")


def read_rows(file: Path) -> tuple[list[Row], list[Unreadable]]:
    """The objects of a file of JSON lines or of one JSON array, and the rows that are none.

    Blank lines are no rows.
    Raises ``InputError`` if the file is missing or empty, or if no row is readable.
    """
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    for number, value in _values(_content(file), file):
        fault = _fault(value)
        if fault is None:
            rows.append((number, value))
        else:
            unreadable.append((number, fault))
    if not rows:
        reason = f"row {unreadable[0][0]}: {unreadable[0][1]}" if unreadable else "it is empty"
        raise InputError(f"{file.resolve()} holds no row that can be read ({reason})", _WANTED)
    return rows, unreadable


class _NotJson(str):
    """Why a line is not JSON, in place of its value."""

    __slots__ = ()


_WANTED = "it should hold one JSON object a line, or one JSON array of objects"


def _content(file: Path) -> bytes:
    present(file)
    try:
        content = file.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file.resolve()} cannot be read ({error})") from error


def _values(content: bytes, file: Path) -> Iterable[tuple[int, Any]]:
    if content.lstrip()[:1] != b"[":
        lines = enumerate(content.split(b"\n"), 1)
        return ((number, _parsed(line)) for number, line in lines if line.strip())
    array = _parsed(content)
    if isinstance(array, _NotJson):
        raise InputError(f"{file.resolve()} is no JSON array ({array})", _WANTED)
    return enumerate(array, 1)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return _NotJson(f"it is no JSON ({error})")


def _fault(value: Any) -> str | None:
    """Why a row cannot be used. A lone surrogate is legal JSON, but no table can hold it."""
    if not isinstance(value, dict):
        return value if isinstance(value, _NotJson) else "it is no JSON object"
    try:
        to_json(value).encode()
    except (ValueError, RecursionError):
        return "it is no valid Unicode"
    return None
