"""understudy profile: what style traces have, and how two corpora of them differ."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from understudy.report.profile import Corpus


def profile(
    files: Annotated[list[Path], typer.Argument(help="Files of traces of any layout, tables, run directories.")],
    against: Annotated[list[Path] | None, typer.Option(help="Files of the traces to compare with.")] = None,
    by: Annotated[str | None, typer.Option(help="Part the traces: by model, task or correct.")] = None,
    names: Annotated[str | None, typer.Option(help="What to call the two corpora: A,B.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with figures and examples.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write summaries and comparison as JSON; '-' prints it.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write the measures, one row a trace.")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help="ROLE=FIELD, as for import.")] = None,
    keep_readable: Annotated[bool, typer.Option("--keep-readable", help="Take what a damaged file still has.")] = False,
    tokenizer: Annotated[Path | None, typer.Option(help="Count tokens by this tokenizer.json.")] = None,
    core: Annotated[bool, typer.Option("--core", help="Leave out coherence, diversity and efficiency.")] = False,
) -> None:
    """Measure the style of traces, and compare two corpora: effect sizes raw and length-controlled, distance, AUC.

    understudy profile r1.jsonl.gz --against gpt4o.jsonl.gz --html page.html
    """
    from understudy import rundir
    from understudy.cli import profiling
    from understudy.cli.import_ import mapping
    from understudy.cli.screen import print_table

    called = profiling.names(files, against, names)
    fields = mapping(map_ or [])
    found: dict[str, Corpus] = {}
    for name, group in zip(called, [files, *([against] if against else [])], strict=True):
        found |= profiling.read(group, name, fields, by, core, tokenizer, keep_readable, texts=html is not None)
    contrast = profiling.compare(found)
    if str(json) == "-":
        print(profiling.as_json(found, contrast))
        json = None
    else:
        print_table(*profiling.table(found), right=range(1, len(found) + 1))
        if contrast:
            print()
            print_table(*profiling.differences(contrast), right=range(1, 6))
            print(profiling.verdict(contrast))
    for file, make in ((html, profiling.as_html), (json, profiling.as_json)):
        if file:
            rundir.write_text(file, make(found, contrast))
    if parquet:
        profiling.write_measures(parquet, found)
