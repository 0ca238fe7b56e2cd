"""understudy collect: traces of a model, asked as often as needed and paid for once."""

from pathlib import Path
from typing import Annotated

import typer


def collect(
    model: Annotated[str, typer.Option(help="A model with its parameters, as in a study; with --base-url its name.")],
    task: Annotated[str | None, typer.Option(help="The task with its parameters, as in a study file.")] = None,
    questions: Annotated[Path | None, typer.Option(help="Ask the questions of this file, instead of a task's.")] = None,
    base_url: Annotated[str | None, typer.Option(help="The address of an OpenAI-compatible endpoint.")] = None,
    split: Annotated[str, typer.Option(help="train or test: the task's problems to ask.")] = "test",
    n: Annotated[int | None, typer.Option(min=1, help="How many problems; without it, all there are.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="How often each problem is asked.")] = 1,
    seed: Annotated[int, typer.Option(help="The seed that problems are drawn with.")] = 0,
    out: Annotated[Path | None, typer.Option(help="The table of traces; the journal lies beside it.")] = None,
    max_cost: Annotated[float | None, typer.Option(help="Stop before all of it costs more dollars.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Stop before prompts and answers take more tokens.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show a request and what all would cost.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Ask a model, and keep its traces. Run again to go on: nothing that was answered is asked twice.

    understudy collect --task gsm8k --model qwen3-8b --base-url http://localhost:8000/v1 --out traces.parquet
    """
    from understudy.cli import collecting
    from understudy.errors import StudyError
    from understudy.types import Sampling

    budget = {"max_cost": max_cost, "max_total_tokens": max_tokens}
    piece = collecting.piece(model, base_url, {name: most for name, most in budget.items() if most is not None})
    if not dry_run and (out is None or out.suffix != ".parquet"):
        raise StudyError("--out names no Parquet file", "--out traces.parquet: where the table of traces goes")
    table = out or Path("traces.parquet")
    journal = table.with_suffix(".journal.jsonl")
    problems = collecting.problems(task, questions, split, n, seed)
    sampling = Sampling("collected", samples=samples, seed=seed)
    if dry_run:
        collecting.describe(collecting.build(piece, task, journal), problems, sampling)
        return
    with collecting.Progress() as progress:
        made = collecting.build(piece, task, journal, progress.show)
        collecting.write(made, problems, sampling, table)
    collecting.summary(table, progress.tally, json)
