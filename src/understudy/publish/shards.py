"""The rows of a data set as Parquet files of bounded size, named as hubs name them.

    write(frames, "messages", Path("traces/data")).files     # [.../train-00000-of-00002.parquet, …]

All shards have the same columns, also where the traces of one leave a column empty.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from understudy import registry, rundir, tables
from understudy.protocols import Format
from understudy.types import Trace

LIMIT = 500_000_000
"""Bytes of a shard in memory, which compression only makes fewer: the limit that hubs count by."""
EXAMPLE = Trace("1", "1", "m", "4", "2 + 2", error="", finish_reason="stop", metadata={"prompt": "?", "answer": "4"})
"""A trace without a null, so that its row shows the type of every column."""


@dataclass
class Shards:
    """What was written: the columns, the files in their order, rows, and bytes in memory."""

    schema: pl.Schema
    files: list[Path]
    rows: int = 0
    size: int = 0

    @property
    def stored(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.files)


def write(frames: Iterable[pl.DataFrame], form: str, folder: Path, limit: int = LIMIT) -> Shards:
    """Write batches of traces as rows of a format. No file, if there are none. A row is never cut in two.

    Raises ``UnknownName`` if there is no such format.
    """
    layout: Format = registry.build("formats", registry.Piece(form, {}))
    made = Shards(_schema(layout), [])
    for number, shard in groupby(_numbered(_rows(frames, layout, made), limit), itemgetter(0)):
        with rundir.whole(folder / f"{number:05d}.parquet") as partial:
            tables.write_frames(map(itemgetter(1), shard), made.schema, partial, form)
        made.files.append(folder / f"{number:05d}.parquet")
    for number, file in enumerate(made.files):
        named = folder / f"train-{number:05d}-of-{len(made.files):05d}.parquet"
        made.files[number] = file.replace(named)
    return made


def _rows(frames: Iterable[pl.DataFrame], layout: Format, made: Shards) -> Iterator[pl.DataFrame]:
    """The traces as rows, which are counted."""
    for frame in frames:
        rows = pl.DataFrame([layout.write(trace) for trace in tables.to_records(Trace, frame)], schema=made.schema)
        made.rows, made.size = made.rows + rows.height, made.size + _size(rows)
        yield rows


def _numbered(frames: Iterable[pl.DataFrame], limit: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """The frames with the number of the shard that each goes to."""
    number = held = 0
    for frame in frames:
        for part in _parts(frame, limit):
            size = _size(part)
            if held and held + size > limit:
                number, held = number + 1, 0
            held += size
            yield number, part


def _parts(frame: pl.DataFrame, limit: int) -> Iterator[pl.DataFrame]:
    """A frame that is too large for a shard, in pieces that are not, as long as they have two rows."""
    if frame.height < 2 or _size(frame) <= limit:
        yield frame
        return
    half = frame.height // 2
    yield from _parts(frame[:half], limit)
    yield from _parts(frame[half:], limit)


def _size(frame: pl.DataFrame) -> int:
    """Bytes in memory."""
    return int(frame.estimated_size())


def _schema(layout: Format) -> pl.Schema:
    """The columns of a format; one that shows no type in the example is of text."""
    row: dict[str, Any] = layout.write(EXAMPLE)
    known = pl.DataFrame([row]).schema
    return pl.Schema({name: pl.String() if kind == pl.Null else kind for name, kind in known.items()})
