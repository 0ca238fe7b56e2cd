"""understudy import: traces that others wrote, as our table."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

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
    """The batches of a reading, with a bar on a terminal if it takes more than two seconds."""
    from understudy.cli.screen import bar

    with bar("reading", reading.size) as move:
        for frame in reading:
            move(reading.position)
            yield frame


def show(counts: "Iterable[Count]") -> None:
    """The table at the end of an import: rows = used + duplicates + dropped; then why rows were dropped."""
    from collections import Counter

    from understudy.cli.screen import print_table

    plain = [_plain(count) for count in counts]
    figures = (*HEADINGS[2:], *TRACES)
    rows = [[one["file"], one["format"], *(f"{one[name]:,}" for name in figures)] for one in plain]
    if len(rows) > 1:
        rows.append(["all", "", *(f"{sum(one[name] for one in plain):,}" for name in figures)])
    print_table([*HEADINGS, *TRACES], rows, right=range(2, 11))
    reasons: Counter[str] = sum((Counter(one["reasons"]) for one in plain), Counter())
    for reason, number in reasons.most_common():
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
