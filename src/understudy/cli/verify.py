"""understudy verify: are the answers in files of traces right?"""

from pathlib import Path
from typing import Annotated, Any

import typer


def verify(
    files: Annotated[list[Path], typer.Argument(help="Files of traces: JSONL or JSON, gzipped or not.")],
    task: Annotated[str, typer.Option(help="The task with its parameters, as in a study file.")],
    response: Annotated[str | None, typer.Option(help="The field with the response; guessed without it.")] = None,
    prompt: Annotated[str | None, typer.Option(help="The field with the prompt; guessed without it.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the scores to this Parquet file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Grade traces, joined to their problems by the prompt's id, and count what could not be graded apart.

    understudy verify TRACES.jsonl --task '{gsm8k: {test: QUESTIONS.jsonl}}'
    """
    from understudy import tables
    from understudy.cli.screen import print_table
    from understudy.types import Score

    scores: list[Score] = []
    rows = [_one(file, _piece(task), {"response": response, "prompt": prompt}, scores) for file in files]
    if out:
        tables.write_records(Score, scores, out)
    if json:
        print(tables.to_json(rows))
        return
    counts = [[str(value) for value in row.values()] for row in rows]
    print_table(list(rows[0]), counts, right=range(1, len(rows[0])))


def _one(file: Path, piece: Any, fields: dict[str, str | None], scores: list[Any]) -> dict[str, Any]:
    from understudy.collect import collect
    from understudy.compare import STATUSES
    from understudy.registry import Piece, build
    from understudy.types import Sampling
    from understudy.verify import outcomes
    from understudy.verify import verify as score

    task = build("tasks", piece, root=Path())
    problems = task.problems("test", None, 0)
    parameters = {"path": str(file), **{name: field for name, field in fields.items() if field}}
    traces = collect(problems, build("models", Piece("file", parameters), root=Path()), Sampling(), file.name)
    found = score(traces, {problem.problem_id: problem for problem in problems}, task)
    scores += found
    frame = outcomes(traces, found, file.name, 0, "collected")
    statuses = {status: int((frame["status"] == status).sum()) for status in STATUSES[1:]}
    right = int((frame["answer"] == 1).sum())
    unscored = frame["answer"].null_count()
    bounds = [f"{100 * count / len(frame):.1f}" for count in (right, right + unscored)]
    row = {
        "file": file.name,
        "traces": len(frame),
        "right": right,
        "wrong": int((frame["answer"] == 0).sum()),
    }
    return {**row, **statuses, "accuracy %": bounds[0], "if unscored were right": bounds[1]}


def _piece(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from understudy.errors import StudyError
    from understudy.registry import Piece

    try:
        return Piece.parse(YAML(typ="safe", pure=True).load(text))
    except YAMLError:
        raise StudyError(
            f"--task {text!r} is not valid YAML", "write a name, or '{name: {parameter: value}}'"
        ) from None
