"""The generated part of the documentation: ``docs/reference/*.md``, read from the code.

    make docs           # python docs/generate.py

What a command, an entry, a table or a study file takes is said once, in the code. A test compares these pages with
what the code says now, so that they cannot drift.
"""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import polars as pl
import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import understudy
from understudy import config, registry, tables
from understudy.cli import app
from understudy.registry import SHELVES, Piece
from understudy.types import Recipe, Trace

REFERENCE = Path(__file__).parent / "reference"
WIDTH = 88
NOTE = "<!-- Written by docs/generate.py; run `make docs` after a change of the code. -->\n\n"
NEEDED = "*needed*"


def pages() -> dict[str, str]:
    """Every generated page by file name."""
    made = {"commands": commands, "shelves": shelves, "tables": all_tables, "studies": studies, "api": api}
    return {f"{name}.md": NOTE + "\n".join(page()).rstrip() + "\n" for name, page in made.items()}


def main() -> None:
    """Write every page."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
        print(f"docs/reference/{name}")


def commands() -> Iterator[str]:
    """The help text of every command."""
    yield "# Commands\n"
    yield "Data goes to stdout, progress and messages to stderr. [Exit codes](../concepts/errors.md).\n"
    group = typer.main.get_command(app)
    context = group.make_context("understudy", [], resilient_parsing=True, terminal_width=WIDTH)
    yield f"```text\n{group.get_help(context)}\n```\n"
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        below = command.make_context(name, [], parent=context, resilient_parsing=True, terminal_width=WIDTH)
        yield f"## understudy {name}\n\n```text\n{command.get_help(below)}\n```\n"


def shelves() -> Iterator[str]:
    """Every entry of every shelf."""
    yield "# Shelves\n"
    yield "What a study file can name. A field that the study fills in (its task, its data folder) is not listed.\n"
    for shelf in SHELVES:
        yield f"## {shelf}\n\n{_prose(import_module(f'understudy.{shelf}').__doc__)}\n"
        for name in registry.modules(shelf):
            yield f"### {name}\n\n{_prose(registry.describe(shelf, name))}\n"
            yield f"{_prose(registry.load(shelf, name).__doc__)}\n"
            yield from _declared(registry.load(shelf, name))
            yield from _table(["parameter", "type", "default"], _parameters(registry.load(shelf, name)))


def all_tables() -> Iterator[str]:
    """The columns of every table of a run directory."""
    from understudy import profile
    from understudy.compare.outcomes import OUTCOMES
    from understudy.report.contents import TRAINING
    from understudy.vary import CHECKS

    yield "# Tables\n"
    yield f"Parquet, schema version {tables.VERSION} (`understudy.schema` in a file's metadata). Missing is null.\n"
    yield f"{_prose(tables.__doc__)}\n"
    for kind, schema in tables.SCHEMAS.items():
        yield from _columns(kind.__name__, kind.__doc__, schema)
    empty = pl.DataFrame(schema=tables.SCHEMAS[Trace])
    yield from _columns("Outcome", _said_of("compare.outcomes", "OUTCOMES"), OUTCOMES)
    yield from _columns("Style", _of(profile.style), profile.style(empty).schema)
    yield from _columns("Style, summarised", _of(profile.summarise), profile.summarise(profile.style(empty)).schema)
    yield from _columns("Check", _of(import_module("understudy.vary").check), CHECKS)
    yield from _columns("Training", _of(import_module("understudy.stages").gather_training), TRAINING)


def studies() -> Iterator[str]:
    """The keys of a study file."""
    yield "# Study files\n"
    yield f"{_prose(config.__doc__)}\n"
    yield "An *entry* is a name, or `{name: {parameter: value}}`; see [the shelves](shelves.md).\n"
    parts: dict[str, type[BaseModel]] = {
        "the top": config.Study,
        "problems": config.Problems,
        "sample: NAME": config.Sample,
    }
    parts |= {"arms: NAME": config.Arm, "compare": config.Compare}
    for heading, part in parts.items():
        yield f"## {heading}\n\n{_prose(part.__doc__)}\n"
        yield from _table(["key", "type", "default"], _keys(part))
    yield f"## train\n\n{_prose(Recipe.__doc__)}\n"
    yield from _table(["key", "type", "default"], _parameters(Recipe))


def api() -> Iterator[str]:
    """The public names of the package."""
    yield "# Python API\n"
    yield f"{_prose(understudy.__doc__)}\n"
    for name in understudy.__all__[1:]:
        home = import_module(f"understudy.{understudy._HOMES[name]}")
        value = getattr(home, name)
        yield f"## {name}\n\n`from {home.__name__} import {name}`\n"
        yield f"```python\n{_signature(name, value)}\n```\n\n{_prose(_first(value.__doc__))}\n"


def _declared(cls: type[Any]) -> Iterator[str]:
    """What a variant keeps and makes, what a task calls a right trace."""
    for name in ("keeps", "makes"):
        if isinstance(claims := getattr(cls, name, None), frozenset):
            yield f"{name.capitalize()}: {', '.join(sorted(claims)) or 'nothing'}.\n"
    if rule := getattr(cls, "trace_rule", None):
        yield f"A trace is right if {rule}.\n"


def _parameters(cls: type[Any]) -> Iterator[list[str]]:
    """What a study file can set; a function is nothing that it could write."""
    types = get_type_hints(cls)
    for field in fields(cls):
        if field.name not in registry.FILLED_IN and not callable(field.default):
            default = NEEDED if field.default is MISSING else _literal(field.default)
            yield [f"`{field.name}`", _key_type(types[field.name]), default]


def _keys(part: type[BaseModel]) -> Iterator[list[str]]:
    for name, field in part.model_fields.items():
        default = NEEDED if field.is_required() else _key_default(field)
        yield [f"`{field.alias or name}`", _key_type(field.annotation, field.metadata), default]


def _key_default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, Mapping):
        return f"`{{{', '.join(f'{key}: {{}}' for key in value)}}}`"
    return _literal(list(value) if isinstance(value, tuple) else value)


NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false", NoneType: "null", Any: "value"}


def _key_type(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """A type in the words of a study file, with its lower bound."""
    least = [str(value) for bound in metadata if (value := getattr(bound, "ge", None)) is not None]
    more = f" ≥ {least[0]}" if least else ""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        known = [bound for one in inner[1:] for bound in getattr(one, "metadata", [one])]
        return _key_type(inner[0], known) + more
    if origin in (Union, UnionType):
        return " or ".join(map(_key_type, inner)) + more
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in inner)
    if origin is tuple and inner[0] is Piece:
        return "entry or list of entries"
    if origin is tuple:
        each = ", ".join(_key_type(one) for one in inner if one is not ...)
        return f"list of {each}s" if inner[-1] is ... else f"[{each}] pair"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"mapping of names to {_key_type(inner[1])}"
    if annotation is Piece:
        return "entry"
    if annotation in NAMES:
        return NAMES[annotation] + more
    return f"[{annotation.__name__.lower()}](#{_anchor(annotation)})"


def _anchor(part: type[Any]) -> str:
    return {"Arm": "arms-name", "Sample": "sample-name"}.get(part.__name__, part.__name__.lower())


def _signature(name: str, value: Any) -> str:
    """The call, one argument a line if it is long, with the names of types but not their modules."""
    if isinstance(value, type):
        types = get_type_hints(value)
        called = inspect.signature(value).parameters.values()
        signature = inspect.Signature([p.replace(annotation=types.get(p.name, p.annotation)) for p in called])
    else:
        signature = inspect.signature(value)
    arguments = [_bare(str(parameter)) for parameter in signature.parameters.values()]
    returned = signature.return_annotation
    result = "" if returned is inspect.Signature.empty else f" -> {_bare(inspect.formatannotation(returned))}"
    line = f"{name}({', '.join(arguments)}){result}"
    if len(line) <= WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {argument},\n" for argument in arguments) + f"){result}"


def _bare(text: str) -> str:
    text = re.sub(r"<factory>|<class '[\w.]+'>", "...", text)
    text = re.sub(r"Optional\[(Literal\[[^]]*\])\]", r"\1 | None", text)
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])|~", "", text)


def _literal(value: Any) -> str:
    """A default as a study file would write it."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return "empty" if value == "" else f"`{value}`"


def _columns(heading: str, text: str | None, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {heading}\n\n{_prose(text)}\n"
    yield from _table(["column", "type"], [[f"`{name}`", f"`{kind}`"] for name, kind in schema.items()])


def _of(function: Any) -> str | None:
    text: str | None = function.__doc__
    return text


def _said_of(module: str, name: str) -> str:
    """The text below a constant, which Python does not keep."""
    source = inspect.getsource(import_module(f"understudy.{module}"))
    body = ast.parse(source).body
    for node, after in pairwise(body):
        named = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name
        if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return str(after.value.value)
    raise LookupError(f"nothing is said of {module}.{name}")


def _prose(text: str | None) -> str:
    """A docstring as Markdown: literals in single backticks, indented examples fenced, no HTML."""
    return "\n\n".join(map(_paragraph, inspect.cleandoc(text or "").split("\n\n")))


def _paragraph(text: str) -> str:
    if text.startswith("    "):
        return f"```text\n{inspect.cleandoc(text)}\n```"
    parts = re.split(r"(``.+?``)", text)
    return "".join(part[1:-1] if part.startswith("``") else part.replace("<", "&lt;") for part in parts)


def _first(text: str | None) -> str:
    """The first paragraph, and what it announces with a colon."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(paragraphs[: 2 if paragraphs[0].endswith(":") else 1])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if lines:
        yield "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines, ""])


if __name__ == "__main__":
    main()
