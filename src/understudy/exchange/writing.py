"""Batches of traces, written as one table of ours or as rows of a format that others read."""

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from understudy import registry, rundir, tables
from understudy.errors import InputError
from understudy.protocols import Format
from understudy.types import Trace

NAMES = (".jsonl", ".jsonl.gz", ".parquet")
"""Files that ``export`` writes, by the end of their names."""


def write(frames: Iterable[pl.DataFrame], out: Path) -> None:
    """Write batches of traces as one table, which is there whole or not at all."""
    with rundir.whole(out) as partial:
        tables.write_frames(frames, tables.SCHEMAS[Trace], partial, "trace")


UNFINISHED = {
    "failed": pl.col("error").is_not_null() | (pl.col("finish_reason") == "error").fill_null(False),
    "truncated": (pl.col("finish_reason") == "length").fill_null(False),
    "empty": pl.col("response").str.strip_chars() == "",
}
"""How a trace can have ended otherwise than with a response, in the order in which it is looked for."""
WHY_UNFINISHED = pl.coalesce(pl.when(check).then(pl.lit(name)) for name, check in UNFINISHED.items())
"""The first of these that holds; null of a finished trace."""


def finished(frames: Iterable[pl.DataFrame], left_out: Counter[str]) -> Iterator[pl.DataFrame]:
    """Batches without the traces that failed, were truncated or are empty (no response), which are counted."""
    for frame in frames:
        reasons = frame.select(reason=WHY_UNFINISHED)["reason"]
        left_out.update(reasons.drop_nulls())
        kept = frame.filter(reasons.is_null())
        if len(kept):  # the first batch of a file says which columns it has
            yield kept


def export(frames: Iterable[pl.DataFrame], form: str, out: Path) -> int:
    """Write batches of traces as rows of a format, to JSON lines (gzipped or not) or Parquet. Returns how many.

    Raises ``InputError`` if the name of ``out`` ends in none of ``NAMES``.
    """
    layout: Format = registry.build("formats", registry.Piece(form, {}))
    if not out.name.lower().endswith(NAMES):
        raise InputError(f"{out.name} is no name of a file of rows", f"let it end in {', '.join(NAMES)}")
    total = 0

    def batches() -> Iterator[list[dict[str, Any]]]:
        nonlocal total
        for frame in frames:
            total += len(frame)
            yield [layout.write(trace) for trace in tables.to_records(Trace, frame)]

    with rundir.whole(out) as partial:
        (_write_parquet if out.name.lower().endswith(".parquet") else _write_lines)(batches(), partial, out)
    return total


def _write_lines(batches: Iterable[Sequence[Mapping[str, Any]]], partial: Path, out: Path) -> None:
    with partial.open("wb") as raw:
        zipped = out.name.lower().endswith(".gz")
        file: Any = gzip.GzipFile(out.name, "wb", 6, raw, mtime=0) if zipped else raw
        for rows in batches:
            file.write(b"".join(map(_line, rows)))
        if zipped:
            file.close()


def _line(row: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(row) + b"\n"
    except TypeError:  # a whole number of more than 64 bits
        return tables.to_json(row).encode() + b"\n"


def _write_parquet(batches: Iterable[Sequence[Mapping[str, Any]]], partial: Path, _: Path) -> None:
    following = iter(batches)
    first = next(following, [])
    schema = pl.Schema({name: _known(kind) for name, kind in pl.DataFrame(first).schema.items()})
    rest = (pl.DataFrame(rows, schema=schema) for rows in chain([first], following))
    tables.write_frames(rest, schema, partial, None)


def _known(kind: Any) -> Any:
    """A column of nulls is of text: the first rows of a file need not show what the others hold."""
    if isinstance(kind, pl.List):
        return pl.List(_known(kind.inner))
    if isinstance(kind, pl.Struct):
        return pl.Struct({field.name: _known(field.dtype) for field in kind.fields})
    return pl.String() if kind == pl.Null else kind
