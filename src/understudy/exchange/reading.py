"""Files of traces, read as batches of our table, with a count of what became of every row."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from understudy import formats, tables
from understudy.errors import InputError, did_you_mean
from understudy.protocols import Format
from understudy.rows import Rows, table_rows
from understudy.rows.compressed import Damaged
from understudy.tasks import problem_id
from understudy.types import Skip, Trace

SCHEMA = tables.SCHEMAS[Trace]
ROWS, TEXT = 4096, 8 << 20
"""A batch ends at so many traces, or characters of their rows."""
SAMPLE = 256
"""Rows by which a file's format is recognised, and whether its model closes its reasoning."""

Numbered = tuple[int, dict[str, Any], int]
"""A row with its number and its length, nearly that of its text in JSON."""


@dataclass
class Count:
    """What became of the rows of one file: rows = used + duplicates + dropped.

    Of the traces, ``errors`` are stored errors of an endpoint, ``truncated`` were cut off, ``unreasoned`` show no
    reasoning and ``empty`` no response (and are no errors). ``damage`` says what is wrong with a file of which only a
    part could be read, ``format`` how its rows were read.
    """

    file: str
    format: str = ""
    rows: int = 0
    used: int = 0
    traces: int = 0
    duplicates: int = 0
    errors: int = 0
    truncated: int = 0
    unreasoned: int = 0
    empty: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    damage: str | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Count the traces of a batch."""
        failed, said = pl.col("error").is_not_null(), pl.col("response").str.strip_chars() != ""
        found = frame.select(
            traces=pl.len(),
            errors=failed.sum(),
            truncated=(pl.col("finish_reason") == "length").sum(),
            unreasoned=(pl.col("reasoning").is_null() & ~failed).sum(),
            empty=(~said & ~failed).sum(),
        )
        for name, count in found.row(0, named=True).items():
            setattr(self, name, getattr(self, name) + count)


class Reading:
    """The traces of some files, as frames of a few megabytes; gone through once, it has a ``Count`` of each file.

    ``position`` of ``size`` bytes were read.
    """

    def __init__(
        self, files: Sequence[Path], form: Format | None, mapping: Mapping[str, str], task: str, keep: bool
    ) -> None:
        self.counts: list[Count] = []
        self._form, self._mapping, self._task, self._keep = form, mapping, task, keep
        self._files = [found for file in files for found in _tables_of(file)]
        self._rows: Rows | None = None
        self._done = 0
        self.size = sum(file.stat().st_size for file, _ in self._files)

    @property
    def position(self) -> int:
        """How many bytes of the files were read."""
        return self._done + (self._rows.position if self._rows else 0)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        stems: set[str] = set()
        ids: set[str] = set()
        for file, name in self._files:
            count = Count(name)
            self.counts.append(count)
            stem = _unique(Path(file.name.removesuffix(".gz")).stem, stems)
            for frame in _ours(file, count) if _is_ours(file) else self._batches(file, stem, count):
                _refuse_twice(frame["trace_id"].to_list(), ids, file)
                count.add(frame)
                yield frame
            self._rows, self._done = None, self._done + file.stat().st_size

    def _batches(self, file: Path, stem: str, count: Count) -> Iterator[pl.DataFrame]:
        self._rows = Rows(file, self._keep)
        rows = _counted(self._rows, count)
        sample = _sample(rows)
        heads = [row for _, row, _ in sample]
        if not heads:
            reason = next(iter(count.dropped), "")
            raise InputError(f"{file.resolve()} holds no row that can be read ({reason})", "look at its first lines")
        form = self._recognised(heads, file)
        count.format = type(form).__module__.rpartition(".")[2].replace("_", "-")
        batch: list[tuple[Any, ...]] = []
        held = 0
        thinks = formats.thinks(heads)
        for number, row, length in chain(sample, rows):
            found = form.read(row, thinks)
            if isinstance(found, Skip):
                count.dropped[found.reason] += 1
                continue
            count.used += 1
            for place, trace in enumerate(found):
                batch.append(self._completed(trace, stem, number, place, len(found), file.name))
            held += length
            if len(batch) >= ROWS or held >= TEXT:
                yield tables.from_columns(Trace, zip(*batch, strict=True))
                batch, held = [], 0
        count.damage = self._rows.damage if self._rows else None
        if batch:
            yield tables.from_columns(Trace, zip(*batch, strict=True))

    def _recognised(self, rows: Sequence[Mapping[str, Any]], file: Path) -> Format:
        fields = dict.fromkeys(name for row in rows for name in row)
        for role, name in self._mapping.items():
            if name not in fields:
                raise InputError(f"{file.resolve()} has no field '{name}' for the {role}", did_you_mean(name, fields))
        if self._form:
            return self._form
        try:
            return formats.recognise(rows)
        except InputError as error:
            raise InputError(f"in {file.resolve()}, {error.message}", error.hint) from None

    def _completed(self, trace: Trace, stem: str, number: int, place: int, of: int, file: str) -> tuple[Any, ...]:
        """The values of the trace with its ids, model and origin. One that ``export`` wrote has them already."""
        if trace.trace_id:
            return _values(trace)
        trace_id, problem, model, *rest, metadata = _values(trace)  # another Trace would take twice as long
        prompt = metadata.get("prompt")
        row = f"{stem}/{number}"
        trace_id = f"{row}/{place}" if of > 1 else row
        problem = problem_id(self._task, prompt) if isinstance(prompt, str) else f"{stem}-{number}"
        return trace_id, problem, model or stem, *rest, {**metadata, "file": file, "row": number}


_values: Callable[[Trace], tuple[Any, ...]] = attrgetter(*SCHEMA.names())


def _tables_of(file: Path) -> list[tuple[Path, str]]:
    """The file with its name, or those of a run directory."""
    if not file.exists():
        raise InputError(f"there is no file {file.resolve()}", f"names are relative to {Path.cwd()}")
    if not file.is_dir():
        return [(file, file.name)]
    folder = file if file.name == "traces" else file / "traces"
    found = [path for path in sorted(folder.rglob("*.parquet")) if "between" not in path.relative_to(folder).parts]
    if not found or not all(map(_is_ours, found)):
        raise InputError(f"{file.resolve()} is a directory, and of no run", f"name the files in it: {file}/*")
    return [(path, str(path.relative_to(folder))) for path in found]


def _is_ours(file: Path) -> bool:
    """Whether it is a table of traces that we wrote."""
    if not file.is_file():
        return False  # a pipe can be read once
    try:
        with file.open("rb") as opened:
            if opened.read(len(table_rows.PARQUET)) != table_rows.PARQUET:
                return False
        return pl.read_parquet_metadata(file).get("understudy.table") == "trace"
    except (pl.exceptions.PolarsError, OSError):
        return False  # Rows says what is wrong with it


def _ours(file: Path, count: Count) -> Iterator[pl.DataFrame]:
    tables.check_version(file)
    count.format = "understudy"
    try:
        for frame in table_rows.frames(file):
            count.rows, count.used = count.rows + len(frame), count.used + len(frame)
            yield frame.select(SCHEMA.names()).cast(SCHEMA)
    except (Damaged, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{file.resolve()} cannot be read as a table of traces ({reason})") from None


def _counted(rows: Rows, count: Count) -> Iterator[Numbered]:
    """The rows that are no duplicates; the others are counted."""
    seen: set[int] = set()
    for number, row in rows:
        count.rows += 1
        if isinstance(row, str):
            count.dropped[row.partition(" (")[0]] += 1
            continue
        known, length = _digest(row)
        if known in seen:
            count.duplicates += 1
            continue
        seen.add(known)
        yield number, row, length


def _digest(row: Mapping[str, Any]) -> tuple[int, int]:
    """What a row is known by, in any order of its fields (64 bits, keyed anew in each process), and its length."""
    texts = {name: value for name, value in row.items() if type(value) is str}  # long, and hashed as they are
    others = {name: value for name, value in row.items() if name not in texts}
    try:
        written = orjson.dumps(others, option=orjson.OPT_SORT_KEYS, default=str)
    except TypeError:
        written = tables.to_json(others).encode()
    length = sum(map(len, texts.values())) + len(written)
    return hash((frozenset(texts.items()), written)) << 32 | length, length


def _sample(rows: Iterator[Numbered]) -> list[Numbered]:
    """The first rows: ``SAMPLE``, or as many as ``TEXT`` characters are."""
    sample: list[Numbered] = []
    held = 0
    for row in rows:
        sample.append(row)
        held += row[2]
        if len(sample) == SAMPLE or held > TEXT:
            break
    return sample


def _refuse_twice(names: Sequence[str], taken: set[str], file: Path) -> None:
    """A trace stands in a table once; a table of ours that is given twice is a mistake."""
    if taken.isdisjoint(names) and len(set(names)) == len(names):
        return taken.update(names)
    twice = next(name for name, times in Counter(names).items() if times > 1 or name in taken)
    raise InputError(f"{file.resolve()} holds the trace '{twice}', which was read before", "name each file once")


def _unique(stem: str, taken: set[str]) -> str:
    """The stem, or with a number if another file has it."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name
