"""The shelves: one file is one entry, and nothing else is edited to add it.

    understudy list variants
    understudy show wrong-ending

A shelf is a package (``understudy.variants``); ``wrong_ending.py`` on it is the entry ``wrong-ending``: the one class
that ``@entry`` marks. Its fields are its parameters. Names and descriptions are read from file names and docstrings;
only the entry that is asked for is imported. Other packages put entries on a shelf with an entry point of the group
``understudy.<shelf>`` that names a module of the same form.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from hashlib import sha256
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from understudy.errors import MissingExtra, StudyError, UnknownName, did_you_mean

SHELVES = ("tasks", "models", "selectors", "students", "variants", "graders", "formats")
FILLED_IN = ("task", "root", "report", "journal", "watch", "traces")
"""Fields that the study fills in; a study file cannot set them."""

TASK_HINT = "take another task, or an entry that works with this one"

T = TypeVar("T")


@dataclass(frozen=True)
class Piece:
    """A named entry with its parameters, as a study file writes it: ``name`` or ``{name: {parameter: value}}``."""

    name: str
    parameters: Mapping[str, Any]

    @classmethod
    def parse(cls, value: object) -> "Piece":
        """Read either way of writing. Raises ``StudyError`` on anything else."""
        if isinstance(value, Piece):
            return value
        if isinstance(value, str):
            return cls(value, {})
        if isinstance(value, Mapping) and len(value) == 1:
            ((name, parameters),) = value.items()
            if isinstance(name, str) and (parameters is None or isinstance(parameters, Mapping)):
                return cls(name, dict(parameters or {}))
        raise StudyError(f"{value!r} is no entry", "write a name, or {name: {parameter: value}}")

    def plain(self) -> Any:
        """As a study file writes it."""
        return {self.name: dict(self.parameters)} if self.parameters else self.name


def entry(cls: type[T]) -> type[T]:
    """Mark the one class of its module that is the entry."""
    cls.__understudy_entry__ = True  # type: ignore[attr-defined]
    return cls


@cache
def modules(shelf: str) -> Mapping[str, str]:
    """The module of every entry on a shelf, by the entry's name. Imports none of them."""
    if shelf not in SHELVES:
        raise UnknownName(f"there is no shelf '{shelf}'", did_you_mean(shelf, SHELVES))
    package = f"understudy.{shelf}"
    folder = Path(__file__).parent / shelf
    found = {
        module.name.replace("_", "-"): f"{package}.{module.name}"
        for module in iter_modules([str(folder)])
        if not module.name.startswith("_")
    }
    strangers = {point.name: point.value for point in metadata.entry_points(group=package)}
    return dict(sorted({**strangers, **found}.items()))


def describe(shelf: str, name: str) -> str:
    """The first line of an entry's docstring, read from its file without importing it."""
    spec = find_spec(_module(shelf, name))
    if spec is None or spec.origin is None:
        return ""
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def load(shelf: str, name: str) -> type[Any]:
    """The class of an entry. Raises ``UnknownName``, with the closest name on the shelf."""
    module = import_module(_module(shelf, name))
    for value in vars(module).values():
        if isinstance(value, type) and "__understudy_entry__" in vars(value) and value.__module__ == module.__name__:
            return value
    raise TypeError(f"{module.__name__} marks no class with @entry")


def parameters(shelf: str, name: str) -> dict[str, Field[Any]]:
    """The parameters of an entry that a study file can set."""
    cls = load(shelf, name)
    if not is_dataclass(cls):
        raise TypeError(f"{cls.__qualname__} is no dataclass")
    return {field.name: field for field in fields(cls) if field.name not in FILLED_IN}


def build(shelf: str, piece: Piece, **filled_in: Any) -> Any:
    """Make the entry that a piece names. Unknown, missing and ill-typed parameters are the user's mistakes."""
    known = parameters(shelf, piece.name)
    cls = load(shelf, piece.name)
    for name in piece.parameters:
        if name not in known:
            raise UnknownName(f"'{piece.name}' has no parameter '{name}'", did_you_mean(name, known))
    for name, field in known.items():
        if field.default is MISSING and field.default_factory is MISSING and name not in piece.parameters:
            raise StudyError(f"'{piece.name}' needs the parameter '{name}'", f"understudy show {piece.name}")
    values = {name: checked(cls, piece.name, name, value) for name, value in piece.parameters.items()}
    wanted = {field.name for field in fields(cls)}
    given = {name: value for name, value in filled_in.items() if name in wanted}
    if "task" in given and not isinstance(given["task"], get_type_hints(cls)["task"]):
        kind = re.sub("(?<=[a-z])(?=[A-Z])", " ", get_type_hints(cls)["task"].__name__).lower()
        task = type(given["task"]).__name__.lower()
        raise StudyError(f"'{piece.name}' cannot work with the task '{task}', which is no {kind}", TASK_HINT)
    return cls(**values, **given)


def checked(cls: type[Any], owner: str, name: str, value: Any) -> Any:
    """A value for the field ``name`` of a dataclass, in the field's type. Raises ``StudyError`` if it has another."""
    try:
        return TypeAdapter(get_type_hints(cls)[name]).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].lower()
        raise StudyError(f"'{owner}' cannot take {name}: {value!r} ({reason})", f"understudy show {owner}") from None


def source_hash(shelf: str, name: str) -> str | None:
    """A hash of the source of an entry of another package; null for ours, whose sources are hashed together."""
    module = _module(shelf, name)
    spec = find_spec(module)
    if module.startswith("understudy.") or spec is None or spec.origin is None:
        return None
    return sha256(Path(spec.origin).read_bytes()).hexdigest()


def require(extra: str, *libraries: str) -> None:
    """Raise ``MissingExtra``, with the pip command, if a library is not installed. Imports none of them."""
    for library in libraries:
        if find_spec(library) is None:
            raise MissingExtra(library, extra)


def _module(shelf: str, name: str) -> str:
    known = modules(shelf)
    if name not in known:
        raise UnknownName(f"there is no '{name}' among the {shelf}", did_you_mean(name, known))
    return known[name]
