"""understudy show: one entry, its parameters and a sample."""

import json
from dataclasses import MISSING, Field
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer


def show(
    name: Annotated[str, typer.Argument(help="An entry of any shelf, or a study; SHELF/NAME where two share a name.")],
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show what an entry does, its parameters, and a sample of it."""
    from understudy.cli.screen import print_table, visible
    from understudy.config import bundled
    from understudy.registry import describe, load, parameters
    from understudy.tables import to_json

    shelf, entry = _find(name)
    if shelf == "studies":
        print(bundled()[entry].read_text(encoding="utf-8"), end="")
        return
    rows = [[field.name, _type(field), _default(field)] for field in parameters(shelf, entry).values()]
    if json:
        keys = ("name", "type", "default")
        found = [dict(zip(keys, row, strict=True)) for row in rows]
        print(to_json({"shelf": shelf, "name": entry, "description": describe(shelf, entry), "parameters": found}))
        return
    made = load(shelf, entry)
    about = import_module(made.__module__).__doc__ or ""
    print(f"{entry} ({shelf}): {about.strip()}\n\n{cleandoc(made.__doc__ or '')}\n")
    if rows:
        print_table(["parameter", "type", "default"], rows)
    if prompt := _prompt(made):
        print(f"\nthe prompt ({made.prompt}):\n\n{visible(prompt)}")
    for heading, text in _sample(shelf, entry):
        print(f"\n{heading}:\n  {visible(text)}")


def _find(name: str) -> tuple[str, str]:
    from understudy.config import bundled
    from understudy.errors import UnknownName, did_you_mean
    from understudy.registry import SHELVES, modules

    shelves = {shelf: list(modules(shelf)) for shelf in SHELVES} | {"studies": list(bundled())}
    asked, _, entry = name.rpartition("/")
    found = [(shelf, entry) for shelf, names in shelves.items() if entry in names and asked in ("", shelf)]
    if not found:
        raise UnknownName(
            f"there is no entry '{name}'", did_you_mean(entry, [n for ns in shelves.values() for n in ns])
        )
    if len(found) > 1:
        raise UnknownName(f"'{name}' is on several shelves", f"one of {', '.join('/'.join(f) for f in found)}")
    return found[0]


def _prompt(made: type[Any]) -> str:
    """What a model is asked by an entry that has one, as it stands in the file beside it; else nothing."""
    name = getattr(made, "prompt", None)
    home = import_module(made.__module__).__file__
    return Path(home).with_name(name).read_text(encoding="utf-8").strip() if isinstance(name, str) and home else ""


def _sample(shelf: str, entry: str) -> list[tuple[str, str]]:
    """Headings and texts; empty for an entry that needs a parameter that only the user knows."""
    from understudy.registry import Piece, build, parameters

    if any(f.default is MISSING and f.default_factory is MISSING for f in parameters(shelf, entry).values()):
        return []
    task = build("tasks", Piece("reach", {}))
    made = build(shelf, Piece(entry, {}), task=task)
    if shelf == "tasks":
        problem = made.problems("train", 1, 0)[0]
        return [("a problem", problem.prompt), ("its answer", problem.answer)]
    if shelf == "models":
        return _trace("what it writes", next(iter(made.generate(task.problems("train", 1, 0), _sampling()))))
    if shelf == "variants":
        return _varied(made, task)
    if shelf == "formats":
        return [("a trace in it", _row(made))]
    if shelf == "graders":
        return _graded(made)
    return [("a lesson of its first course", " ".join(text for text, _ in task.lesson(Random(1))))]


def _row(layout: Any) -> str:
    from understudy.types import Trace

    metadata = {"prompt": "What is 3 and 4?"}
    trace = Trace("row-1", "sum-1", "teacher", "The answer is 7.", "3 and 4 make 7.", metadata=metadata)
    return json.dumps(layout.write(trace), indent=2, ensure_ascii=False)


def _varied(variant: Any, task: Any) -> list[tuple[str, str]]:
    from understudy.registry import Piece, build
    from understudy.types import Skip

    problem = task.problems("train", 1, 0)[0]
    trace = next(iter(build("models", Piece("template", {}), task=task).generate([problem], _sampling())))
    changed = variant.vary(trace, problem, Random(0))
    after = [("skipped", changed.reason)] if isinstance(changed, Skip) else _trace("after", changed)
    return [("the problem", problem.prompt), *_trace("before", trace), *after]


def _graded(grader: Any) -> list[tuple[str, str]]:
    from understudy.types import Problem

    problem = Problem("sample", "sample", "How many is 3 times 6?", "18", "test")
    response = "So that makes 3 * 6 = 18 in all."
    score = grader.grade(problem, response)
    return [
        ("a response", response),
        ("its score", f"{score.value} (read: {score.answer}; {score.explanation})"),
    ]


def _trace(heading: str, trace: Any) -> list[tuple[str, str]]:
    return [(heading, f"<think> {trace.reasoning or ''} </think> {trace.response}")]


def _sampling() -> Any:
    from understudy.types import Sampling

    return Sampling()


def _type(field: Field[Any]) -> str:
    return field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))


def _default(field: Field[Any]) -> str:
    return "(needed)" if field.default is MISSING else str(field.default)
