"""understudy import: traces that others wrote, as our table."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections import Counter

    import polars as pl

    from understudy.errors import InputError
    from understudy.exchange import Count, Reading

HEADINGS = ("file", "format", "rows", "used", "duplicates", "dropped")
TRACES = ("traces", "errors", "truncated", "no reasoning", "empty")


def import_(
    files: Annotated[list[Path], typer.Argument(help="JSONL, JSON, CSV (gzipped or not), Parquet, run directories.")],
    out: Annotated[Path | None, typer.Option(help="Write the traces to this Parquet file; else only count.")] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="ROLE=FIELD: the field with the prompt, response, reasoning, …")
    ] = None,
    form: Annotated[str | None, typer.Option("--format", help="A format of the shelf; recognised without it.")] = None,
    task: Annotated[str, typer.Option(help="The task whose problems these are, for their ids.")] = "imported",
    keep_readable: Annotated[bool, typer.Option("--keep-readable", help="Take what a damaged file still has.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Read traces of nearly any layout, and say what became of every row.

    understudy import rows.jsonl.gz --out traces.parquet --map reasoning=thoughts
    """
    from understudy import exchange, tables
    from understudy.cli.screen import messages

    reading = exchange.traces(files, form=form, mapping=mapping(map_ or []), task=task, keep_readable=keep_readable)
    frames = watched(reading)
    if out:
        exchange.write(frames, out)
    else:
        for _ in frames:
            pass
    if json:
        print(tables.to_json([_plain(count) for count in reading.counts]))
    else:
        show(reading.counts)
    for count in reading.counts:
        if count.damage:
            messages().print(f"{count.file} {count.damage}: what stands before that was read")


def watched(reading: "Reading") -> "Iterator[pl.DataFrame]":
    """The batches of a reading, with a bar on a terminal if it takes more than two seconds.

    Raises ``InputError`` at the end if there was no trace at all.
    """
    from understudy.cli.screen import bar

    with bar("reading", reading.size) as move:
        for frame in reading:
            move(reading.position)
            yield frame
    if not any(count.traces for count in reading.counts):
        raise _no_trace(reading.counts)


def _no_trace(counts: "Sequence[Count]") -> "InputError":
    """The error, with the reason that most rows have."""
    from understudy.errors import InputError

    where = f"{counts[0].file} holds no trace" if len(counts) == 1 else f"none of the {len(counts)} files holds a trace"
    reasons = _reasons(counts).most_common(1)
    why = "".join(f"; {number:,} rows dropped: {reason}" for reason, number in reasons)
    return InputError(where + why, "if a field holds responses, name it: --map response=FIELD")


def _reasons(counts: "Iterable[Count]") -> "Counter[str]":
    from collections import Counter

    return sum((count.dropped for count in counts), Counter())


def show(counts: "Sequence[Count]") -> None:
    """The table at the end of an import: rows = used + duplicates + dropped; then why rows were dropped."""
    from understudy.cli.screen import print_table

    plain = [_plain(count) for count in counts]
    figures = (*HEADINGS[2:], *TRACES)
    rows = [[one["file"], one["format"], *(f"{one[name]:,}" for name in figures)] for one in plain]
    if len(rows) > 1:
        rows.append(["all", "", *(f"{sum(one[name] for one in plain):,}" for name in figures)])
    print_table([*HEADINGS, *TRACES], rows, right=range(2, 11))
    for reason, number in _reasons(counts).most_common():
        print(f"{number:,} dropped: {reason}")


def _plain(count: "Count") -> dict[str, Any]:
    names = ("file", "format", "rows", "used", "duplicates", "traces", "errors", "truncated", "empty", "damage")
    plain = {name: getattr(count, name) for name in names}
    return {
        **plain,
        "no reasoning": count.unreasoned,
        "dropped": count.dropped.total(),
        "reasons": dict(count.dropped),
    }


def mapping(pairs: list[str]) -> dict[str, str]:
    from understudy.errors import StudyError

    for pair in pairs:
        if not all(pair.partition("=")):
            raise StudyError(f"--map {pair!r} maps nothing", "write --map ROLE=FIELD, for instance --map reasoning=cot")
    return dict(pair.split("=", 1) for pair in pairs)
