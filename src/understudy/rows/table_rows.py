"""Rows of tables: CSV (commas, semicolons or tabs) and Parquet."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from understudy.rows.compressed import Damaged
from understudy.rows.json_rows import CUT, LONGEST, NO_UNICODE, Item, lines

PARQUET = b"PAR1"
BATCH = 1024
"""Rows of a Parquet file that are objects at a time."""


def csv_rows(chunks: Iterable[bytes]) -> Iterator[Item]:
    """Rows of CSV with a heading, numbered from 1 after it. Every cell is text; a line end in quotes is part of it."""
    csv.field_size_limit(LONGEST)
    texts = (_text(line) for _, line in lines(chunks))
    first = next((text for text in texts if text.strip()), "")
    delimiter = max(",;\t", key=first.count)

    def again() -> Iterator[str]:
        yield first
        yield from texts

    reader = csv.reader(again(), delimiter=delimiter)
    try:
        names = next(reader, [])
        "".join(names).encode()
    except (csv.Error, UnicodeEncodeError):
        raise Damaged("has no heading that can be read", wholly=True) from None
    if len(set(names)) < len(names):
        raise Damaged(f"names the column '{max(names, key=names.count)}' twice", wholly=True)
    last: Item | None = None
    try:
        for number, row in enumerate(_cells(reader, names), 1):
            if last:
                yield last
            last = number, row
    except Damaged:
        if last:  # it looks whole, but its last cell may be cut
            yield last[0], CUT
        raise
    if last:
        yield last


def _cells(reader: Any, names: list[str]) -> Iterator[dict[str, Any] | str]:
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield f"it is no CSV ({error})"
            continue
        if cells is None:
            return
        if cells:
            yield _named(names, cells)


def parquet(file: Path) -> Iterator[Item]:
    """Rows of Parquet. What JSON has no type for becomes text. A file without its end raises ``Damaged``."""
    number = 0
    try:
        for frame in frames(file):
            for row in frame.with_columns(*_as_text(frame.schema)).iter_rows(named=True):
                number += 1
                yield number, row
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise Damaged(f"cannot be read as Parquet ({_first_line(error)})") from None


def frames(file: Path) -> Iterator[pl.DataFrame]:
    """A Parquet file in pieces of ``BATCH`` rows or fewer, one row group after another."""
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - len(PARQUET)))
        if opened.read() != PARQUET:
            raise Damaged("is a Parquet file that ends early: the part that says where its rows are is missing", True)
    for frame in pl.scan_parquet(file, glob=False).collect_batches(chunk_size=BATCH, maintain_order=True):
        yield from frame.iter_slices(BATCH)


def _text(line: bytes | None) -> str:
    if line is None:
        raise Damaged(f"has a line of more than {LONGEST >> 20} MiB", wholly=True)
    return line.decode("utf-8", "surrogateescape") + "\n"


def _named(names: list[str], cells: list[str]) -> dict[str, Any] | str:
    if len(cells) != len(names):
        return f"it has another number of cells than the heading ({len(cells)}, not {len(names)})"
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return NO_UNICODE
    return dict(zip(names, cells, strict=True))


def _as_text(schema: pl.Schema) -> Iterator[pl.Expr]:
    """Bytes are text that some writers do not mark as such; dates, times and decimals are written out."""
    for name, kind in schema.items():
        if kind == pl.Binary or kind.is_temporal() or kind.is_decimal():
            yield pl.col(name).cast(pl.String, strict=False)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
