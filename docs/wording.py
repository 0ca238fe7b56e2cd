"""Markdown out of docstrings and schemas, for the pages that ``generate.py`` writes."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any


def columns(heading: str, text: str | None, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {heading}\n\n{prose(text)}\n"
    yield from table(["column", "type"], [[f"`{name}`", f"`{kind}`"] for name, kind in schema.items()])


def of(function: Any) -> str | None:
    text: str | None = function.__doc__
    return text


def said_of(module: str, name: str) -> str:
    """The text below a constant, which Python does not keep."""
    source = inspect.getsource(import_module(f"understudy.{module}"))
    body = ast.parse(source).body
    for node, after in pairwise(body):
        named = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name
        if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return str(after.value.value)
    raise LookupError(f"nothing is said of {module}.{name}")


def prose(text: str | None) -> str:
    """A docstring as Markdown: literals in single backticks, indented examples fenced, no HTML."""
    return "\n\n".join(map(_paragraph, inspect.cleandoc(text or "").split("\n\n")))


def _paragraph(text: str) -> str:
    if text.startswith("    "):
        return f"```text\n{inspect.cleandoc(text)}\n```"
    parts = re.split(r"(``.+?``)", text)
    return "".join(part[1:-1] if part.startswith("``") else part.replace("<", "&lt;") for part in parts)


def first(text: str | None) -> str:
    """The first paragraph, and what it announces with a colon."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(paragraphs[: 2 if paragraphs[0].endswith(":") else 1])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if lines:
        yield "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines, ""])
