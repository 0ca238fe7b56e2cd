"""Rows that hold attempts one or more levels down, below their model's name or beside other objects."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from understudy.formats._names import HOLDERS, columns, roles

DEEPEST = 3
NO_MODELS = frozenset(
    (
        *HOLDERS,
        "base_solution",
        "message",
        "choices",
        "samples",
        "attempts",
        "rollouts",
        "results",
        "traces",
        "candidates",
    )
)
"""Names that lead to attempts and are no model's."""
ALSO = "solution"
"""A response down here, although it is the reference where it stands beside the question."""


class Nested(NamedTuple):
    """An attempt as a flat row: its own fields, and those around it that hold one value each."""

    model: str
    sample: int
    row: dict[str, Any]


def nested(row: Mapping[str, Any]) -> list[Nested]:
    """Every attempt below the top level of a row."""
    return list(_below(row, {}, ()))


def _below(row: Mapping[str, Any], around: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Nested]:
    objects = {name: found for name, value in row.items() if (found := _objects(value))}
    here = {**around, **{name: value for name, value in row.items() if name not in objects}}
    attempts = {name for name, found in objects.items() if any(map(_is_attempt, found))}
    for name in objects:
        if attempts and name not in attempts and isinstance(row[name], Mapping):
            here = {**row[name], **here}
    for name, found in objects.items():
        model = "" if name in NO_MODELS else name
        for sample, item in enumerate(found):
            if name in attempts:
                if _is_attempt(item):
                    yield Nested(model, sample, _flat(item, here, path))
            elif not attempts and len(path) + 1 < DEEPEST:
                yield from _below(item, here, (*path, name))


def _objects(value: object) -> list[Mapping[str, Any]]:
    """The objects that a value is or lists; none, if it holds anything else."""
    items = value if isinstance(value, list) else [value]
    objects = [item for item in items if isinstance(item, Mapping)]
    return objects if len(objects) == len(items) else []


def _is_attempt(item: Mapping[str, Any]) -> bool:
    """Of the turns of a conversation, only the assistant's are."""
    fields = tuple(item)
    solved = ALSO in item and "prompt" not in roles(fields)
    return item.get("role") in (None, "assistant") and (solved or bool(columns(fields)))


def _flat(item: Mapping[str, Any], around: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    flat = {**around, **({"key": "/".join(path)} if path else {}), **item}
    if not columns(tuple(item)):
        flat["response"] = flat.pop(ALSO)
    return flat
