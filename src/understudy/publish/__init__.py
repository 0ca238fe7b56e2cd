"""Publish: traces as a data set directory that `datasets` loads, with a data card whose figures are counted.

    understudy export kept.parquet --format messages --card --licence cc-by-4.0 --out gsm8k-traces
    datasets.load_dataset("gsm8k-traces")

The directory holds ``data/train-*.parquet`` and ``README.md``: a header for the hub, and below it counts, models,
sources, style and funnel. What nobody said is called unknown there. The same input gives the same bytes; sending it to
a hub is ``understudy.publish.hub``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

import polars as pl

from understudy import rundir
from understudy.errors import InputError, RunError
from understudy.publish import card, shards
from understudy.publish.statement import Statement
from understudy.publish.statistics import Statistics

__all__ = ["Statement", "publish"]


def publish(
    frames: Iterable[pl.DataFrame],
    form: str,
    out: Path,
    statement: Statement,
    left_out: Counter[str] | None = None,
    name: str | None = None,
    limit: int = shards.LIMIT,
) -> int:
    """Write batches of traces as a data set of rows of a format, whole or not at all. Returns how many.

    ``left_out`` counts traces by why they are not in ``frames``; it is looked at once these were gone through.
    ``name``: OWNER/NAME, if the data set is to be on a hub. ``limit``: bytes of a shard before compression.

    Raises ``RunError`` if ``out`` holds files already, ``InputError`` if there is no trace or the statement's funnel is
    of another number of them.
    """
    found, out = Statistics(), out.absolute()
    with _whole(out) as partial:
        made = shards.write(found.watching(frames), form, partial / "data", limit)
        left = left_out or Counter()
        if not made.rows:
            raise InputError("no trace is left to publish", "see what was left out with: understudy export --out FILE")
        _refuse_other(statement, made.rows + left.total())
        text = card.readme(name or out.name, form, made, found, statement, left)
        rundir.write_text(partial / "README.md", text)
    return made.rows


def _refuse_other(statement: Statement, traces: int) -> None:
    """The funnel must be that of these traces."""
    funnel = statement.funnel
    if funnel and funnel.kept != traces:
        raise InputError(
            f"the funnel says that {funnel.kept:,} traces were kept, and {traces:,} were read",
            "give the JSON that curate wrote together with these traces",
        )


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """Where to write a directory that is to be there whole or not at all. Raises ``RunError`` if it holds files."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise RunError(f"{out} is there already", "remove it, or choose another --out")
    partial = out.with_name(f".{out.name}.partial")
    rmtree(partial, ignore_errors=True)  # of an attempt that was killed
    try:
        yield partial
        partial.replace(out)
    finally:
        rmtree(partial, ignore_errors=True)
