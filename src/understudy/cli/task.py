"""understudy task: what a task's problems are worth, before anything is run on them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from understudy.tasks._benchmark_validation import Checked
    from understudy.types import Split

task = typer.Typer(help="Tasks: can every problem be answered right?", add_completion=False)


@task.callback()
def about() -> None:
    """Tasks: can every problem be answered right?"""


@task.command("validate")
def validate(
    name: Annotated[str, typer.Argument(metavar="TASK", help="The task with its parameters, as in a study file.")],
    split: Annotated[str, typer.Option(help="test or train.")] = "test",
    most: Annotated[int, typer.Option(help="Rows that are printed at most; --json has all.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    r"""Grade the reference answer of every problem, written in a \boxed{} and as it stands: does it score 1?

    Exit status 1 if there are problems whose reference answer scores 1 in neither way.

    understudy task validate '{math500: {test: math500.jsonl}}'
    """
    from understudy import tables
    from understudy.cli.grading import piece
    from understudy.registry import build
    from understudy.tasks._benchmark_validation import validate as checked

    wanted = piece(name, "TASK")
    made = build("tasks", wanted, root=Path())
    found = checked(made, made.problems(_split(split), None, 0))
    figures = _figures(wanted.name, split, found)
    worst_first = sorted(found, key=lambda one: (not one.ungradable, not one.text_only))
    rows = [_row(one) for one in worst_first if one.failed or one.text_only]
    if json:
        print(tables.to_json({**figures, "failed": rows}))
    else:
        _print(figures, rows, most)
    if figures["ungradable"]:
        raise typer.Exit(1)


def _split(name: str) -> "Split":
    from understudy.errors import StudyError

    if name not in ("train", "test"):
        raise StudyError(f"there is no split '{name}'", "--split is train or test")
    return "train" if name == "train" else "test"


def _figures(name: str, split: str, found: list["Checked"]) -> dict[str, Any]:
    """Problems, the rows that they are from, and how many of them score 1 in each way and in none."""
    right = {way: sum(way not in one.failed for one in found) for way in ("boxed", "bare")}
    rows = sum(one.problem.metadata.get("copies", 1) for one in found)
    bad = {
        "text only": sum(one.text_only is not None for one in found),
        "ungradable": sum(one.ungradable for one in found),
    }
    return {"task": name, "split": split, "rows": rows, "problems": len(found), **right, **bad}


def _row(one: "Checked") -> dict[str, Any]:
    place = one.problem.metadata.get("row", one.problem.problem_id)
    fails = [*one.failed, *(["other forms"] if one.text_only else [])]
    return {"row": place, "gold": one.problem.answer, "fails": fails, "why": one.why}


def _print(figures: dict[str, Any], rows: list[dict[str, Any]], most: int) -> None:
    from understudy.cli.screen import messages, print_table

    print_table(list(figures), [[str(value) for value in figures.values()]], range(2, len(figures)))
    if shown := rows[:most]:
        print()
        cells = [[row["row"], _short(row["gold"]), ", ".join(row["fails"]), _short(row["why"])] for row in shown]
        print_table(["row", "gold", "fails", "why"], cells)
    if left := len(rows) - len(shown):
        messages().print(f"{left:,} more rows: --most shows more, --json all")


def _short(text: str | None) -> str:
    line = " ".join((text or "-").split())
    return line if len(line) <= 160 else f"{line[:159]}…"
