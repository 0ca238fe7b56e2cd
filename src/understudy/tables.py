"""The tables between the rooms: one Polars schema a record, written as Parquet that any tool can open.

    import polars as pl; pl.read_parquet("runs/quickstart/estimates.parquet")

Free-form fields (``metadata``) are JSON text with sorted keys. Column order, types and compression are fixed, so
that the same records always give the same bytes.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields
from itertools import chain
from operator import attrgetter
from pathlib import Path
from queue import Full, Queue
from typing import Any, TypeVar

import orjson
import polars as pl

from understudy.errors import InputError
from understudy.types import Estimate, Problem, Score, Step, Trace, Usage

VERSION = 2
"""Of the schemas below; written into every file, and checked when one is read."""

Record = Problem | Trace | Step | Score | Estimate
R = TypeVar("R", Problem, Trace, Step, Score, Estimate)

_TEXT, _INT, _REAL = pl.String(), pl.Int64(), pl.Float64()
SCHEMAS: Mapping[type[Record], pl.Schema] = {
    Problem: pl.Schema(
        {
            "problem_id": _TEXT,
            "task": _TEXT,
            "prompt": _TEXT,
            "answer": _TEXT,
            "split": _TEXT,
            "metadata": _TEXT,
        }
    ),
    Trace: pl.Schema(
        {
            **dict.fromkeys(("trace_id", "problem_id", "model", "response", "reasoning"), _TEXT),
            **dict.fromkeys(("variant", "parent_id"), _TEXT),
            "sample": _INT,
            "finish_reason": _TEXT,
            "usage": pl.Struct({"prompt_tokens": _INT, "completion_tokens": _INT}),
            "error": _TEXT,
            "metadata": _TEXT,
        }
    ),
    Step: pl.Schema(
        {
            "trace_id": _TEXT,
            **dict.fromkeys(("index", "start", "end"), _INT),
            **dict.fromkeys(("episode", "stage", "pivot"), _TEXT),
            **dict.fromkeys(("branch", "depth"), _INT),
            "abandoned": pl.Boolean(),
        }
    ),
    Score: pl.Schema({"trace_id": _TEXT, "grader": _TEXT, "value": _REAL, "answer": _TEXT, "explanation": _TEXT}),
    Estimate: pl.Schema(
        {
            **dict.fromkeys(("name", "arm", "versus", "sampling"), _TEXT),
            **dict.fromkeys(("value", "lower", "upper"), _REAL),
            **dict.fromkeys(("n", "n_clusters"), _INT),
            "method": _TEXT,
            "seed": _INT,
            "p_value": _REAL,
            "p_adjusted": _REAL,
        }
    ),
}


def to_json(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, Unicode as it is."""
    return _JSON.encode(value)


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def to_frame(kind: type[R], records: Iterable[R]) -> pl.DataFrame:
    """The records as a table of their kind, also when there are none."""
    rows = list(records)
    return from_columns(kind, (list(map(attrgetter(field.name), rows)) for field in fields(kind)))


def from_columns(kind: type[R], columns: Iterable[Sequence[Any]]) -> pl.DataFrame:
    """A table from the values of each field of its record, in the order of the fields."""
    named: dict[str, Sequence[Any]] = dict(zip(SCHEMAS[kind].names(), columns, strict=True))
    if "metadata" in named:
        named["metadata"] = list(map(_metadata_text, named["metadata"]))
    if "usage" in named:
        named["usage"] = [(value.prompt_tokens, value.completion_tokens) for value in named["usage"]]
    return pl.DataFrame(named, schema=SCHEMAS[kind])


def _metadata_text(metadata: Mapping[str, Any]) -> str:
    """As ``to_json``. orjson takes a tenth of the time, and writes the same but for fractions and what it refuses."""
    if _ALIKE.issuperset(map(type, metadata.values())):
        with suppress(TypeError):
            return orjson.dumps(metadata, option=orjson.OPT_SORT_KEYS).decode()
    return to_json(dict(metadata))


_ALIKE = frozenset((str, int, bool, type(None)))


def to_records(kind: type[R], frame: pl.DataFrame) -> list[R]:
    """The rows of a table as records; columns that the record does not have are left out."""
    names = [field.name for field in fields(kind)]
    return [kind(**{name: _value(name, row[name]) for name in names}) for row in frame.iter_rows(named=True)]


def write(frame: pl.DataFrame, path: Path, name: str) -> None:
    """Write a Parquet file that says which table it is and the version of its schema."""
    frame.write_parquet(path, compression="zstd", statistics=False, metadata=_about(name))


def write_frames(frames: Iterable[pl.DataFrame], schema: pl.Schema, path: Path, name: str | None) -> None:
    """As ``write``, of one frame after another, so that the whole table is never in memory; ``name`` null: not ours.

    The frames are made in this thread and written in another one. Polars holds several row groups at once, so they
    are as long as the first frame, within bounds. Raises what the frames raise, and ``OSError`` if the disk is full.
    """
    following = iter(frames)
    first = next(following, pl.DataFrame(schema=schema))
    group = min(max(len(first), 64), 1024)
    queue: Queue[pl.DataFrame | None] = Queue(2)
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(_sink, queue, schema, path, group, _about(name) if name else None)
        try:
            for frame in chain([first], following):
                _put(queue, frame, written)
        finally:
            _put(queue, None, written)
    written.result()


def _put(queue: "Queue[pl.DataFrame | None]", frame: pl.DataFrame | None, written: "Future[None]") -> None:
    """Wait until there is room, or nobody who would take it."""
    while not written.done():
        with suppress(Full):
            queue.put(frame, timeout=0.1)
            return


def _sink(
    queue: "Queue[pl.DataFrame | None]", schema: pl.Schema, path: Path, group: int, about: dict[str, str] | None
) -> None:
    from polars.io.plugins import register_io_source

    def source(*_: object) -> Iterator[pl.DataFrame]:
        while (frame := queue.get()) is not None:
            yield frame

    table = register_io_source(source, schema=schema)
    try:
        table.sink_parquet(path, compression="zstd", statistics=False, row_group_size=group, metadata=about)
    except pl.exceptions.PolarsError as error:
        if found := re.search(r"\(os error ([0-9]+)\)", str(error)):
            raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from None
        raise


def _about(name: str) -> dict[str, str]:
    return {"understudy.table": name, "understudy.schema": str(VERSION)}


def write_records(kind: type[R], records: Iterable[R], path: Path) -> None:
    """Write records as the table of their kind."""
    write(to_frame(kind, records), path, kind.__name__.lower())


def read(path: Path) -> pl.DataFrame:
    """Read a table of ours. Raises ``InputError`` if it is missing, not Parquet, or of another schema version."""
    try:
        check_version(path)
        return pl.read_parquet(path)
    except FileNotFoundError:
        raise InputError(f"there is no table {path}") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} cannot be read as Parquet ({error})") from error


def check_version(path: Path) -> None:
    """Raise ``InputError`` if a table of ours is of another schema version."""
    version = pl.read_parquet_metadata(path).get("understudy.schema")
    if version not in (None, str(VERSION)):
        raise InputError(
            f"{path} has schema version {version}, this understudy reads {VERSION}",
            "run the study again into a new directory with --out",
        )


def read_records(kind: type[R], path: Path) -> list[R]:
    """Read a table of ours back into records."""
    frame = read(path)
    missing = [column for column in SCHEMAS[kind] if column not in frame.columns]
    if missing:
        raise InputError(f"{path} is no table of {kind.__name__.lower()}s: it has no column '{missing[0]}'")
    return to_records(kind, frame)


def _value(name: str, cell: Any) -> Any:
    if name == "metadata":
        return json.loads(cell)
    return Usage(**cell) if name == "usage" else cell
