"""understudy rescore: what do somebody's raw outputs say, scored by rules that are written down?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from understudy.rescore import Rescored

MOST = 30
"""Comparisons, and rows of a file without gold, that are printed; all are in the JSON and on the page."""


def rescore(
    outputs: Annotated[list[Path], typer.Argument(help="Files of outputs: JSONL or JSON, gzipped or not.")],
    task: Annotated[str, typer.Option(help="The task with its parameters, as in a study file.")],
    gold: Annotated[list[Path] | None, typer.Option(help="Files of the task's problems; repeat it for more.")] = None,
    against: Annotated[list[Path] | None, typer.Option(help="Compare with this file only; repeat it for more.")] = None,
    rule: Annotated[str | None, typer.Option(help="When a trace is right: all-facts, any-fact or exact-facts.")] = None,
    answer: Annotated[
        str | None, typer.Option(help="When an answer is right; the task's first rule without it.")
    ] = None,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Leave rows out that have no gold.")] = False,
    keep_first: Annotated[
        bool, typer.Option("--keep-first", help="Of rows that answer one problem, keep the first.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Write everything as JSON; '-' prints it.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with a mosaic of each 2×2.")] = None,
) -> None:
    """Score outputs that others made: answers under each rule, traces, and whether right traces go with right answers.

    understudy rescore OUTPUTS.jsonl.gz --task cotempqa --gold GOLD.jsonl.gz --html page.html
    """
    from understudy import tables
    from understudy.cli.grading import piece
    from understudy.rescore import rescore
    from understudy.rescore.plain import as_dict
    from understudy.rundir import write_text

    found = rescore(outputs, piece(task, "--task"), gold or [], against or [], rule, answer, allow_missing, keep_first)
    if html:
        from understudy.report.rescore import build

        write_text(html, build(found))
    if json and str(json) != "-":
        write_text(json, tables.to_json(as_dict(found)))
    if json and str(json) == "-":
        print(tables.to_json(as_dict(found)))
    else:
        _print(found)


def _print(found: "Rescored") -> None:
    """The tables of the headline rules; the rest is in the JSON and on the page."""
    from understudy.cli.screen import messages, visible
    from understudy.cli.wide import print_wide
    from understudy.report.rescore import tables

    print_wide(tables.outputs(found))
    print_wide(tables.answers(found))
    print_wide(tables.parts(found))
    if found.trace_rule:
        print(f"T: trace right by {found.trace_rule}, A: answer right by {found.answer_rule}")
        print_wide(tables.counts(found, found.trace_rule))
        print_wide(tables.association(found, found.trace_rule))
    if len(found.comparisons) <= MOST:
        print_wide(tables.comparisons(found))
    else:
        messages().print(f"{len(found.comparisons)} comparisons: --json or --html has them, --against makes them fewer")
    for scores in found.files:
        for note in [*tables.left_out(scores, MOST), *tables.notes(scores, found.task)]:
            messages().print(visible(f"{scores.name}: {note}"))
