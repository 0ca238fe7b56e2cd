"""understudy vary: files of traces changed by a variant, and whether it did what it declares."""

from pathlib import Path
from typing import Annotated

import typer


def vary(
    files: Annotated[list[Path], typer.Argument(help="Files of traces of any layout, tables, run directories.")],
    variant: Annotated[str, typer.Option(help="The variant with its parameters, as in a study file.")],
    out: Annotated[Path | None, typer.Option(help="Write the traces to this Parquet file; else only measure.")] = None,
    task: Annotated[str | None, typer.Option(help="Their task, where the variant or its check needs one.")] = None,
    seed: Annotated[int, typer.Option(help="The seed of all that is random.")] = 0,
    map_: Annotated[list[str] | None, typer.Option("--map", help="ROLE=FIELD, as for import.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Change traces in a controlled way, and measure what that kept, made and moved.

    understudy vary r1.jsonl.gz --variant '{truncate: {keep: 0.5}}' --out half.parquet
    """
    from understudy.cli import varying
    from understudy.cli.import_ import mapping
    from understudy.errors import StudyError

    if out is not None and out.suffix != ".parquet":
        raise StudyError(f"--out {out} names no Parquet file", "--out traces.parquet")
    made = varying.change(files, variant, task, seed, mapping(map_ or []), out)
    if json:
        print(made.as_json())
    else:
        made.show()
