"""Curate: from raw traces to a data set that is ready to train on.

    understudy curate traces.parquet --out kept.parquet --dropped dropped.parquet --dedupe near \\
        --task '{gsm8k: {train: train.jsonl}}' --keep right --against gsm8k_test.jsonl --n 10000

Traces pass these steps in order, and the first one that has a reason to drops a trace: verify, filter, exact
(duplicates), near (duplicates), decontaminate, sample. In = kept + dropped, and what was dropped keeps its reason.

Of traces that duplicate each other the first is kept, but one whose answer is right comes before all others. Traces
are read once and lie on disk meanwhile. In memory are a batch of them and, for each trace, about 1 kB: its digest, its
minima, what became of it. The same input gives the same bytes.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from understudy import rundir, tables
from understudy.curate.curation import Curation
from understudy.curate.decide import WHY, decide
from understudy.curate.examine import Examined
from understudy.curate.funnel import Funnel
from understudy.errors import StudyError
from understudy.rows import table_rows
from understudy.types import Trace

__all__ = ["Curation", "Funnel", "curate"]

KEPT = tables.SCHEMAS[Trace]
DROPPED = pl.Schema({**KEPT, **WHY})
"""The table of dropped traces: a table of traces, with why."""


def curate(frames: Iterable[pl.DataFrame], curation: Curation, out: Path, dropped: Path | None = None) -> Funnel:
    """Curate traces that come batch by batch, write those that are kept to ``out`` and the others to ``dropped``.

    Both are tables of traces in the order of the input, and there whole or not at all; kept traces that were verified
    have their ``score`` in the metadata. Raises ``InputError`` if no trace has a field that they are to be drawn by.
    """
    if dropped and dropped.resolve() == out.resolve():
        raise StudyError(f"{out} cannot hold both the traces that are kept and the others", "name another --dropped")
    with rundir.whole(out) as partial, TemporaryDirectory(prefix=".curate-", dir=partial.parent) as folder:
        examined, read = Examined(curation), Path(folder) / "read.parquet"
        tables.write_frames(examined.examine(frames), KEPT, read, None)
        why = decide(examined, curation)
        tables.write_frames(_kept(read, why), KEPT, partial, "trace")
        if dropped:
            with rundir.whole(dropped) as other:
                tables.write_frames(_dropped(read, why), DROPPED, other, "trace")
    return Funnel.of(examined.total, curation.steps, why, examined.unprompted)


def _kept(read: Path, why: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The traces that are not dropped."""
    for frame, gone in _numbered(read, why):
        yield frame.join(gone, "row", "anti", maintain_order="left").select(KEPT.names())


def _dropped(read: Path, why: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The traces that are dropped, with why."""
    for frame, gone in _numbered(read, why):
        yield frame.join(gone, "row", "inner", maintain_order="left").select(DROPPED.names())


def _numbered(read: Path, why: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The traces with their numbers, batch by batch, and why those of them are dropped that are."""
    first = 0
    for frame in table_rows.frames(read):
        end = first + frame.height
        begin, past = (int(why["row"].search_sorted(number)) for number in (first, end))
        yield frame.with_columns(row=pl.int_range(first, end, dtype=pl.Int64)), why.slice(begin, past - begin)
        first = end
