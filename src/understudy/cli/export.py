"""understudy export: traces as rows for trainers and other tools."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="TRACES...", help="Tables of traces, run directories, or any file of traces."),
    ],
    form: Annotated[str, typer.Option("--format", help="The layout of the rows: understudy list formats.")],
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl, .jsonl.gz or .parquet.")],
) -> None:
    """Write traces as rows of a format; importing them again gives the same traces.

    understudy export traces.parquet --format messages --out rows.jsonl.gz
    """
    from understudy import exchange
    from understudy.cli.import_ import show, watched

    reading = exchange.traces(files)
    total = exchange.export(watched(reading), form, out)
    if any(count.format != "understudy" for count in reading.counts):
        show(reading.counts)
    print(f"{total:,} traces written to {out}")
