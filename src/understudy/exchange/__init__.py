"""Traces of others in, traces out: any file of traces becomes our table, and our table any usual layout of rows.

    understudy import rows.jsonl.gz --out traces.parquet
    understudy export traces.parquet --format messages --out rows.jsonl.gz

Everything is streamed: a batch of rows is in memory, and a digest of each row to know a duplicate by. What became of
every row is counted, file by file: rows = used + duplicates + dropped, and what was dropped has a reason. A stored
error of an endpoint is a trace, of an attempt that failed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from understudy import formats, registry
from understudy.exchange.reading import Count, Reading
from understudy.exchange.writing import UNFINISHED, WHY_UNFINISHED, export, finished, write

__all__ = ["UNFINISHED", "WHY_UNFINISHED", "Count", "Reading", "export", "finished", "traces", "write"]


def traces(
    files: Sequence[Path],
    *,
    form: str | None = None,
    mapping: Mapping[str, str] | None = None,
    task: str = "imported",
    keep_readable: bool = False,
) -> Reading:
    """The traces of files that others wrote, of our own tables and of run directories (but intermediate ones).

    ``form`` names an entry of the shelf ``formats`` (default: recognised, file by file), ``mapping`` the fields to
    read, by role (``{"reasoning": "thoughts"}``), ``task`` the task whose problems the ids are to be of.
    ``keep_readable`` takes what can be read of a damaged file. Tables of ours are passed on as they are. Going through
    the reading raises ``InputError`` for a file that is missing, damaged, without a row or of no known layout.
    """
    made = None
    if form or mapping:
        made = registry.build("formats", registry.Piece(form or formats.LAST, mapping or {}))
    return Reading(files, made, mapping or {}, task, keep_readable)
