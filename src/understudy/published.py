"""Figures that others published, to be printed beside a run's own (``published.toml``).

    published("style-over-substance").accuracy["Llama 3.2 3B"]["ST"]    # 68.4

Another task and other students: only the order of the arms can be compared, and the report says so.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from understudy.errors import UnknownName, did_you_mean

NOTE = "published, another task and other students: compare the order, not the heights"


@dataclass(frozen=True)
class Published:
    """A published table: ``accuracy`` gives percent by student, then by arm; an unknown cell is not there."""

    source: str
    benchmark: str
    accuracy: Mapping[str, Mapping[str, float]]


@cache
def tables() -> Mapping[str, Published]:
    """Every table that a study can name."""
    text = Path(__file__).with_name("published.toml").read_text(encoding="utf-8")
    return {name: Published(**table) for name, table in tomllib.loads(text).items()}


def published(name: str) -> Published:
    """The table of that name. Raises ``UnknownName`` if there is none."""
    if name not in tables():
        raise UnknownName(f"there is no published table '{name}'", did_you_mean(name, tables()))
    return tables()[name]
