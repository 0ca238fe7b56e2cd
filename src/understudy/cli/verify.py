"""understudy verify: are the answers in files of traces right?"""

from pathlib import Path
from typing import Annotated, Any

import typer


def verify(
    files: Annotated[list[Path], typer.Argument(help="Files of traces: JSONL or JSON, gzipped or not.")],
    task: Annotated[str | None, typer.Option(help="The task with its parameters, as in a study file.")] = None,
    grader: Annotated[str | None, typer.Option(help="A grader with its parameters, in place of the task's.")] = None,
    answer: Annotated[str | None, typer.Option(help="Without a task: the field with the reference.")] = None,
    judge: Annotated[str | None, typer.Option(help="A second grader, to see how far the two agree.")] = None,
    response: Annotated[str | None, typer.Option(help="The field with the response; guessed without it.")] = None,
    prompt: Annotated[str | None, typer.Option(help="The field with the prompt; guessed without it.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the scores to this Parquet file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Grade traces, joined to their problems by id, and count what could not be graded apart.

    understudy verify TRACES.jsonl --task '{gsm8k: {test: QUESTIONS.jsonl}}'

    understudy verify TRACES.jsonl --grader math --answer gold
    """
    from understudy import tables
    from understudy.types import Score

    fields = {"prompt": prompt, "response": response, "answer": answer}
    rules = _rules(task, grader, judge, answer)
    scores: list[Score] = []
    rows = [_one(file, fields, *rules, scores) for file in files]
    if out:
        tables.write_records(Score, scores, out)
    if json:
        print(tables.to_json(rows))
    else:
        _print(rows)


def _rules(task: str | None, grader: str | None, judge: str | None, answer: str | None) -> tuple[Any, Any, Any]:
    """Task, rule and judge. Raises ``StudyError`` if there is no rule, or no use for ``answer``."""
    from understudy.cli.grading import piece
    from understudy.errors import StudyError
    from understudy.registry import build

    if task is None and grader is None:
        raise StudyError("there is no rule to grade by", "--task TASK, or --grader GRADER with the answers in the file")
    if task is not None and answer is not None:
        raise StudyError("--answer is of no use with --task, which knows the answers", "leave one of them out")
    known = build("tasks", piece(task, "--task"), root=Path()) if task else None
    rule = build("graders", piece(grader, "--grader"), root=Path()) if grader else known
    return known, rule, build("graders", piece(judge, "--judge"), root=Path()) if judge else None


def _one(
    file: Path, fields: dict[str, str | None], task: Any, rule: Any, judge: Any, scores: list[Any]
) -> dict[str, Any]:
    from dataclasses import replace

    from understudy.cli.grading import figures, with_rows, with_task
    from understudy.verify import agreement
    from understudy.verify import verify as score

    traces, problems = with_task(file, task, fields) if task else with_rows(file, fields)
    found = score(traces, problems, rule)
    scores += found
    row = figures(file.name, traces, found)
    if judge:
        judged = score(traces, problems, judge)
        scores += [replace(one, grader="judge") for one in judged]
        row["judge"] = agreement(found, judged)._asdict()
    return row


def _print(rows: list[dict[str, Any]]) -> None:
    from understudy.cli.screen import print_table

    judged = [(row["file"], row.pop("judge")) for row in rows if "judge" in row]
    headings = list(dict.fromkeys(name for row in rows for name in row))
    print_table(headings, [[str(row.get(name, 0)) for name in headings] for row in rows], range(1, len(headings)))
    if judged:
        print()
        shown = [[file, *(_figure(value) for value in found.values())] for file, found in judged]
        print_table(["the judge and the rule", "both scored", "agree", "Cohen's kappa"], shown, (1, 2, 3))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
