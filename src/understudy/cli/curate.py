"""understudy curate: from raw traces to a data set that is ready to train on."""

from pathlib import Path
from typing import Annotated

import typer


def curate(
    files: Annotated[list[Path], typer.Argument(help="Files of traces of any layout, tables, run directories.")],
    out: Annotated[Path, typer.Option(help="Write the traces that are kept to this Parquet file.")],
    task: Annotated[str | None, typer.Option(help="Verify by this task with its parameters.")] = None,
    grader: Annotated[
        str | None, typer.Option(help="Verify by this grader, without a task by the references in the files.")
    ] = None,
    keep: Annotated[str | None, typer.Option(help="Of verified traces: right (the default), or all.")] = None,
    drop: Annotated[
        str, typer.Option(help="Of failed, truncated, empty, no-reasoning, loops, with commas; or none.")
    ] = "failed,truncated,empty,loops",
    dedupe: Annotated[str, typer.Option(help="exact, near (exact ones too) or none.")] = "exact",
    similarity: Annotated[float, typer.Option(help="From which similarity on traces are near duplicates.")] = 0.8,
    against: Annotated[
        list[Path] | None, typer.Option(help="Drop what holds a question of this file; repeat it for more.")
    ] = None,
    words: Annotated[int, typer.Option(help="Length of the runs of words that are looked for.")] = 13,
    overlap: Annotated[float, typer.Option(help="Least share of a question's words that they cover.")] = 0.4,
    n: Annotated[int | None, typer.Option("--n", help="Draw so many of what is left.")] = None,
    by: Annotated[
        str | None, typer.Option(help="In proportion of these fields: model, or of metadata: domain,difficulty.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    dropped: Annotated[
        Path | None, typer.Option(help="Write the other traces, with why, to this Parquet file.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the funnel as JSON; '-' prints it.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the funnel: .svg, .png or .html.")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help="ROLE=FIELD, as for import.")] = None,
    keep_readable: Annotated[bool, typer.Option("--keep-readable", help="Take what a damaged file still has.")] = False,
) -> None:
    """Verify, filter, deduplicate, decontaminate and draw traces; every trace that is dropped keeps its reason.

    understudy curate traces.parquet --out kept.parquet --dedupe near --against gsm8k_test.jsonl --dropped why.parquet
    """
    from understudy import exchange
    from understudy.cli import curating
    from understudy.cli.import_ import mapping, watched
    from understudy.curate import Curation
    from understudy.curate import curate as run
    from understudy.curate.decontaminate import Benchmarks

    curating.check(plot, keep, dedupe)
    verifier = curating.verifier(task, grader)
    curation = Curation(
        verifier=verifier,
        keep=keep or ("right" if verifier else "all"),  # type: ignore[arg-type]
        drop=() if drop == "none" else curating.listed(drop),
        dedupe=None if dedupe == "none" else dedupe,  # type: ignore[arg-type]
        similarity=similarity,
        benchmarks=Benchmarks.read(against, words, overlap) if against else None,
        n=n,
        by=curating.listed(by or ""),
        seed=seed,
    )
    reading = exchange.traces(files, mapping=mapping(map_ or []), keep_readable=keep_readable)
    funnel = run(watched(reading), curation, out, dropped)
    curating.show(funnel, curation, reading.counts, json, plot)
