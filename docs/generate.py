"""The generated part of the documentation: ``docs/reference/*.md``, read from the code.

    make docs           # python docs/generate.py

What a command, an entry, a table or a study file takes is said once, in the code. A test compares these pages with
what the code says now, so that they cannot drift.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import measures
import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from wording import columns, first, of, prose, said_of, table

import understudy
from understudy import config, registry, tables
from understudy.cli import app
from understudy.registry import SHELVES, Piece
from understudy.types import Recipe

REFERENCE = Path(__file__).parent / "reference"
WIDTH = 88
NOTE = "<!-- Written by docs/generate.py; run `make docs` after a change of the code. -->\n\n"
NEEDED = "*needed*"


def pages() -> dict[str, str]:
    """Every generated page by file name."""
    made = {"commands": commands, "shelves": shelves, "tables": all_tables, "measures": measures.page}
    made |= {"studies": studies, "api": api}
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
        yield f"## {shelf}\n\n{prose(import_module(f'understudy.{shelf}').__doc__)}\n"
        for name in registry.modules(shelf):
            yield f"### {name}\n\n{prose(registry.describe(shelf, name))}\n"
            yield f"{prose(registry.load(shelf, name).__doc__)}\n"
            yield from _declared(registry.load(shelf, name))
            yield from table(["parameter", "type", "default"], _parameters(registry.load(shelf, name)))


def all_tables() -> Iterator[str]:
    """The columns of every table of a run directory, and of those that ``profile`` makes."""
    from understudy import contrast, profile
    from understudy.compare.outcomes import OUTCOMES
    from understudy.train.summary import TRAINED
    from understudy.uptake import UPTAKE
    from understudy.vary import ALIGNED, CHECKS, MOVED

    yield "# Tables\n"
    yield f"Parquet, schema version {tables.VERSION} (`understudy.schema` in a file's metadata). Missing is null.\n"
    yield f"{prose(tables.__doc__)}\n"
    for kind, schema in tables.SCHEMAS.items():
        yield from columns(kind.__name__, kind.__doc__, schema)
    yield from columns("Outcome", said_of("compare.outcomes", "OUTCOMES"), OUTCOMES)
    yield from columns("Measures", said_of("profile", "MEASURES"), profile.MEASURES)
    yield "[What each is](measures.md). `understudy profile --parquet` adds `corpus`, the name of a trace's corpus.\n"
    summary = profile.summarise(profile.MEASURES.to_frame()).schema
    yield from columns("Measures, summarised", of(profile.summarise), summary)
    yield from columns("Check", of(import_module("understudy.vary").check), CHECKS)
    yield from columns("Moved", said_of("vary", "MOVED"), MOVED)
    yield from columns("Aligned", said_of("vary", "ALIGNED"), ALIGNED)
    yield from columns("Uptake", said_of("uptake", "UPTAKE"), UPTAKE)
    yield from columns("Training", said_of("train.summary", "TRAINED"), TRAINED)
    yield "The tables of a comparison of two corpora (`understudy.contrast`), which are in no run directory:\n"
    for heading, name in {"Contrast": "ROWS", "Carriers": "CARRIERS", "Changes": "CHANGES"}.items():
        yield from columns(heading, said_of("contrast", name), getattr(contrast, name))


def studies() -> Iterator[str]:
    """The keys of a study file."""
    yield "# Study files\n"
    yield f"{prose(config.__doc__)}\n"
    yield "An *entry* is a name, or `{name: {parameter: value}}`; see [the shelves](shelves.md).\n"
    parts: dict[str, type[BaseModel]] = {
        "the top": config.Study,
        "problems": config.Problems,
        "sample: NAME": config.Sample,
    }
    parts |= {"arms: NAME": config.Arm, "compare": config.Compare}
    for heading, part in parts.items():
        yield f"## {heading}\n\n{prose(part.__doc__)}\n"
        yield from table(["key", "type", "default"], _keys(part))
    yield f"## train\n\n{prose(Recipe.__doc__)}\n"
    yield from table(["key", "type", "default"], _parameters(Recipe))


def api() -> Iterator[str]:
    """The public names of the package."""
    yield "# Python API\n"
    yield f"{prose(understudy.__doc__)}\n"
    for name in understudy.__all__[1:]:
        home = import_module(f"understudy.{understudy._HOMES[name]}")
        value = getattr(home, name)
        yield f"## {name}\n\n`from {home.__name__} import {name}`\n"
        yield f"```python\n{_signature(name, value)}\n```\n\n{prose(first(value.__doc__))}\n"


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
    if origin in (tuple, Sequence):
        each = ", ".join(_key_type(one) for one in inner if one is not ...)
        many = origin is Sequence or inner[-1] is ...
        plural = each if "`" in each else f"{each}s"
        return f"list of {plural}" if many else f"[{each}] pair"
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


if __name__ == "__main__":
    main()
