"""The tables between the rooms: one Polars schema a record, written as Parquet that any tool can open.

    import polars as pl; pl.read_parquet("runs/quickstart/estimates.parquet")

Free-form fields (``metadata``) are JSON text with sorted keys. Column order, types and compression are fixed, so
that the same records always give the same bytes.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from understudy.errors import InputError
from understudy.types import Estimate, Problem, Score, Step, Trace, Usage

VERSION = 1
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
    Step: pl.Schema({"trace_id": _TEXT, "index": _INT, "start": _INT, "end": _INT, "stage": _TEXT, "pivot": _TEXT}),
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
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def to_frame(kind: type[R], records: Iterable[R]) -> pl.DataFrame:
    """The records as a table of their kind, also when there are none."""
    names = [field.name for field in fields(kind)]
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for record in records:
        for name in names:
            columns[name].append(_cell(getattr(record, name)))
    return pl.DataFrame(columns, schema=SCHEMAS[kind])


def to_records(kind: type[R], frame: pl.DataFrame) -> list[R]:
    """The rows of a table as records; columns that the record does not have are left out."""
    names = [field.name for field in fields(kind)]
    return [kind(**{name: _value(name, row[name]) for name in names}) for row in frame.iter_rows(named=True)]


def write(frame: pl.DataFrame, path: Path, name: str) -> None:
    """Write a Parquet file that says which table it is and the version of its schema."""
    metadata = {"understudy.table": name, "understudy.schema": str(VERSION)}
    frame.write_parquet(path, compression="zstd", statistics=False, metadata=metadata)


def write_records(kind: type[R], records: Iterable[R], path: Path) -> None:
    """Write records as the table of their kind."""
    write(to_frame(kind, records), path, kind.__name__.lower())


def read(path: Path) -> pl.DataFrame:
    """Read a table of ours. Raises ``InputError`` if it is missing, not Parquet, or of another schema version."""
    try:
        version = pl.read_parquet_metadata(path).get("understudy.schema")
        frame = pl.read_parquet(path)
    except FileNotFoundError:
        raise InputError(f"there is no table {path}") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} cannot be read as Parquet ({error})") from error
    if version not in (None, str(VERSION)):
        raise InputError(
            f"{path} has schema version {version}, this understudy reads {VERSION}",
            "run the study again into a new directory with --out",
        )
    return frame


def read_records(kind: type[R], path: Path) -> list[R]:
    """Read a table of ours back into records."""
    frame = read(path)
    missing = [column for column in SCHEMAS[kind] if column not in frame.columns]
    if missing:
        raise InputError(f"{path} is no table of {kind.__name__.lower()}s: it has no column '{missing[0]}'")
    return to_records(kind, frame)


def _cell(value: Any) -> Any:
    if isinstance(value, Usage):
        return {"prompt_tokens": value.prompt_tokens, "completion_tokens": value.completion_tokens}
    return to_json(dict(value)) if isinstance(value, Mapping) else value


def _value(name: str, cell: Any) -> Any:
    if name == "metadata":
        return json.loads(cell)
    return Usage(**cell) if name == "usage" else cell
