"""Cells and rows of the files of questions over facts: lists that are lists, or that stand in text."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.errors import InputError
from understudy.rows import read_rows

LONGEST = 4_000_000
"""Characters of a cell that is still read as a list."""
DAMAGED = "get the file again: questions of a part of it would not be those of the file"


def rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a file, each with where it stands. Raises ``InputError`` if one cannot be read."""
    try:
        found, unreadable = read_rows(file)
    except InputError as error:
        raise InputError(error.message, DAMAGED if "--keep-readable" in error.hint else error.hint) from None
    if unreadable:
        number, reason = unreadable[0]
        raise InputError(f"{file.resolve()}, row {number}: {reason}")
    for number, row in found:
        yield f"{file.name}:{number}", row


def first(row: Mapping[str, Any], *names: str) -> Any:
    """The value of the first of these fields that the row has, or null."""
    return next((row[name] for name in names if row.get(name) is not None), None)


def texts(value: Any) -> tuple[str, ...] | None:
    """A list of texts, also where it stands in a text as a literal of Python, as CSV files have it; else null.

    Only a literal of no more than ``LONGEST`` characters is read, and nothing is evaluated.
    """
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value.strip()) if len(value) <= LONGEST else None
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(value)
