"""Figures that others published, to be printed beside a run's own (``published.toml``).

    published("style-over-substance").benchmarks[0].accuracy["Llama 3.2 3B"]["ST"]    # 68.4

A run of another task can only be compared in the order of its arms, and the report says so. Where it is of the same
questions (``Benchmark.of``), its figures stand in the same rows.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from understudy.errors import UnknownName, did_you_mean
from understudy.registry import Piece

NOTE = "published, another task and other students: compare the order, not the heights"
SAME = "published for the same questions, by other training, prompts and sampling: compare the order first"


@dataclass(frozen=True)
class Benchmark:
    """What was published of one set of questions: ``accuracy`` gives percent by student, then by arm; an unknown cell
    is not there. ``files`` are pieces of names by which tasks and files of the same questions are known."""

    title: str
    files: tuple[str, ...]
    accuracy: Mapping[str, Mapping[str, float]]

    def of(self, task: Piece) -> bool:
        """Whether the task asks these questions, alone or among others."""
        return any(self.asks(name, piece) for name, piece in sets(task).items())

    def asks(self, name: str, task: Piece) -> bool:
        """Whether a test set asks these questions, by its name, its task's, or those of all its files."""
        tests = task.parameters.get("test") or ()
        files = [Path(str(file)).name for file in ((tests,) if isinstance(tests, str) else tests)]
        return self._named(name) or self._named(task.name) or (bool(files) and all(map(self._named, files)))

    def _named(self, name: str) -> bool:
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        return any(piece in plain for piece in self.files)


@dataclass(frozen=True)
class Published:
    """A published table, of one set of questions or of several."""

    source: str
    benchmarks: tuple[Benchmark, ...]

    def shown(self, task: Piece) -> Benchmark:
        """What is drawn beside a run of this task: the figures of the same questions, or else the first."""
        return next((one for one in self.benchmarks if one.of(task)), self.benchmarks[0])


def sets(task: Piece) -> Mapping[str, Piece]:
    """The test sets of a task by name: itself, or those of a suite."""
    tests = task.parameters.get("test")
    return {name: Piece.parse(one) for name, one in tests.items()} if isinstance(tests, Mapping) else {task.name: task}


@cache
def tables() -> Mapping[str, Published]:
    """Every table that a study can name."""
    text = Path(__file__).with_name("published.toml").read_text(encoding="utf-8")
    return {
        name: Published(table["source"], tuple(Benchmark(**one) for one in table["benchmarks"]))
        for name, table in tomllib.loads(text).items()
    }


def published(name: str) -> Published:
    """The table of that name. Raises ``UnknownName`` if there is none."""
    if name not in tables():
        raise UnknownName(f"there is no published table '{name}'", did_you_mean(name, tables()))
    return tables()[name]


def note(benchmark: Benchmark, task: Piece) -> str:
    """What a reader must know who sees these figures beside those of a run of this task."""
    return SAME if benchmark.of(task) else NOTE
