"""understudy export: traces as rows for trainers and other tools, or as a data set to publish."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections import Counter

    import polars as pl

    from understudy.exchange import Reading


def export(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="TRACES...", help="Tables of traces, run directories, or any file of traces."),
    ],
    form: Annotated[str, typer.Option("--format", help="The layout of the rows: understudy list formats.")],
    out: Annotated[
        Path, typer.Option(help="The file to write: .jsonl, .jsonl.gz or .parquet; with --card, a new directory.")
    ],
    only: Annotated[
        str | None,
        typer.Option(help="finished: leave out what failed, was cut off or has no response, as to train on."),
    ] = None,
    card: Annotated[bool, typer.Option("--card", help="Write a data set: Parquet shards and a data card.")] = False,
    licence: Annotated[
        str | None, typer.Option(help="Of the data set: cc-by-4.0, …, or other:NAME. Unknown without it.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="NAME=LICENCE of a data set or a model it is from; repeat it for more.")
    ] = None,
    language: Annotated[list[str] | None, typer.Option(help="Its code, such as en; repeat it for more.")] = None,
    funnel: Annotated[Path | None, typer.Option(help="The JSON that curate wrote about these traces.")] = None,
    push: Annotated[str | None, typer.Option(help="Send the data set to this hub repository: OWNER/NAME.")] = None,
) -> None:
    """Write traces as rows of a format; importing them again gives the same traces.

    understudy export traces.parquet --format messages --out rows.jsonl.gz --only finished
    """
    from collections import Counter

    from understudy import exchange
    from understudy.cli.import_ import show
    from understudy.cli.screen import visible
    from understudy.errors import StudyError

    if only not in (None, "finished"):
        raise StudyError(f"--only {only!r} is not known", "--only finished")
    about = {"licence": licence, "source": source, "language": language, "funnel": funnel, "push": push}
    if not card and (given := [name for name, value in about.items() if value]):
        raise StudyError(f"--{given[0]} is about a data set with a card", "add --card, and a directory as --out")
    reading = exchange.traces(files)
    left_out: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    frames = _chosen(reading, only, left_out, lost)
    if card:
        from understudy.publish import Statement, hub, publish, statement

        said = Statement.of(licence, source or (), language or (), funnel)
        statement.refuse_unlicensed(files, said)
        if push:
            hub.check(push)
        total = publish(frames, form, out, said, lost, push)
    else:
        total = exchange.export(frames, form, out)
    if any(count.format != "understudy" for count in reading.counts):
        show(reading.counts)
    print(f"{total:,} traces written to {out}")
    if left_out:
        print(f"{left_out.total():,} left out: {', '.join(f'{n:,} {reason}' for reason, n in left_out.most_common())}")
    if push:
        print(visible(hub.push(out, push)))


def _chosen(
    reading: "Reading", only: str | None, left_out: "Counter[str]", lost: "Counter[str]"
) -> "Iterator[pl.DataFrame]":
    """The traces to write, with a bar on a terminal; at the end, ``lost`` counts rows of the files too."""
    from understudy import exchange
    from understudy.cli.import_ import watched

    frames = watched(reading)
    yield from exchange.finished(frames, left_out) if only else frames
    lost.update(left_out)
    for count in reading.counts:
        lost.update(count.dropped)
        lost["duplicate rows"] += count.duplicates
