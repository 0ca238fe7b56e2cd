"""What ``understudy verify`` does with one file: its traces, their problems, and the row of figures.

with_rows(Path("outputs.jsonl"), {"answer": "gold"})     # each row is a problem, with its reference answer
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from understudy.errors import InputError, StudyError, did_you_mean
from understudy.registry import Piece, build
from understudy.types import Problem, Sampling, Score, Skip, Trace

Fields = Mapping[str, str | None]
"""The names of the fields ``prompt``, ``response`` and ``answer``; null: guessed."""
Graded = tuple[list[Trace], dict[str, Problem]]


def with_task(file: Path, task: Any, fields: Fields) -> Graded:
    """The traces that belong to the task's problems, joined by the prompt's id. Raises ``InputError`` if none does."""
    from understudy.collect import collect

    problems = task.problems("test", None, 0)
    parameters = {"path": str(file), **{name: fields[name] for name in ("prompt", "response") if fields[name]}}
    traces = collect(problems, build("models", Piece("file", parameters), root=Path()), Sampling(), file.name)
    return traces, {problem.problem_id: problem for problem in problems}


def with_rows(file: Path, fields: Fields) -> Graded:
    """Every row as a problem of its own with the reference answer that stands in it, and its traces.

    Raises ``InputError`` if no row holds a trace, or the field of the answer.
    """
    from understudy import formats
    from understudy.rows import read_rows

    rows, _ = read_rows(file)
    known = [row for _, row in rows]
    _refuse_missing(file, known, fields)
    form = _form(known, fields)
    thinks = formats.thinks(known[:256])
    traces, problems = [], {}
    for number, row in rows:
        found = form.read(row, thinks)
        name = f"{file.name} row {number}"
        for trace in () if isinstance(found, Skip) else found:
            gold = _text(row.get(fields["answer"])) if fields["answer"] else trace.metadata.get("answer")
            problems[name] = Problem(name, "rows", str(trace.metadata.get("prompt") or ""), gold, "test")
            place = f"{name}/{trace.model}/{trace.sample}" if trace.model else f"{name}/{trace.sample}"
            traces.append(replace(trace, trace_id=place, problem_id=name))
    if not traces:
        raise InputError(f"{file.resolve()} holds no trace", "--response FIELD says where the responses are")
    if all(problem.answer is None for problem in problems.values()):
        raise InputError(f"{file.resolve()} holds no reference answer", "--answer FIELD says where they are")
    return traces, problems


def _refuse_missing(file: Path, rows: Sequence[Mapping[str, Any]], fields: Fields) -> None:
    names = {name for row in rows for name in row}
    for role, field in fields.items():
        if field is not None and field not in names:
            raise InputError(f"{file.resolve()} has no field '{field}'", f"--{role}: {did_you_mean(field, names)}")


def _form(rows: Sequence[Mapping[str, Any]], fields: Fields) -> Any:
    from understudy import formats
    from understudy.formats.fields import Fields as Plain

    if fields["prompt"] or fields["response"]:
        return Plain(prompt=fields["prompt"], response=fields["response"])
    return formats.recognise(rows[:256])


def _text(value: object) -> str | None:
    """A reference as text: a list of one is that one, several are JSON."""
    from understudy.tables import to_json

    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if value is None or isinstance(value, str) else to_json(value)


def figures(name: str, traces: Sequence[Trace], scores: Sequence[Score]) -> dict[str, Any]:
    """One row: how the traces ended, how many are right, and the accuracy in % with its interval and bounds."""
    from understudy.compare import STATUSES
    from understudy.verify import accuracy, outcomes

    frame = outcomes(traces, scores, name, 0, "collected")
    values = frame["answer"].to_list()
    found = accuracy(values)
    row = {"file": name, "traces": len(values)}
    row["right"], row["wrong"] = (sum(value == points for value in values) for points in (1, 0))
    if partly := sum(value not in (None, 0, 1) for value in values):
        row["partly"] = partly
    row |= {status: int((frame["status"] == status).sum()) for status in STATUSES[1:]}
    row["not comparable"] = int(((frame["status"] == "finished") & frame["answer"].is_null()).sum())
    interval = "–".join(f"{100 * end:.1f}" for end in found.interval) if found.interval else "-"
    return row | {
        "accuracy %": f"{100 * found.value:.1f}",
        "95 % interval": interval,
        "if unscored were right": f"{100 * found.upper:.1f}",
    }


def piece(text: str, option: str) -> Piece:
    """An entry as a study file writes it. Raises ``StudyError`` if it is no YAML, or no entry."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return Piece.parse(YAML(typ="safe", pure=True).load(text))
    except YAMLError:
        hint = "write a name, or '{name: {parameter: value}}'"
        raise StudyError(f"{option} {text!r} is not valid YAML", hint) from None
