"""What a run directory holds, as far as the report needs it. Nothing outside of the directory is read.

    contents = read(Path("runs/quickstart")); contents.arms, contents.estimate("accuracy", "ST", "greedy")

Only ``study.yaml`` and ``estimates.parquet`` must be there: a table that is missing is an empty one, and the
section that would show it says so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from understudy.compare import OUTCOMES, completed, condition
from understudy.compare.outcomes import LATER
from understudy.errors import InputError, RunError, UnderstudyError
from understudy.published import sets
from understudy.registry import Piece, load
from understudy.tables import SCHEMAS, read_records
from understudy.tables import read as read_table
from understudy.types import Estimate, Problem
from understudy.uptake import UPTAKE
from understudy.vary import ALIGNED, CHECKS, MOVED

_TEXT, _INT, _REAL = pl.String(), pl.Int64(), pl.Float64()
TRAINING = pl.Schema(
    {
        "arm": _TEXT,
        "seed": _INT,
        "examples": _INT,
        "epochs": _REAL,
        "steps": _INT,
        "tokens": _INT,
        "final_loss": _REAL,
    }
)
_OUTCOMES = pl.Schema({name: kind for name, kind in OUTCOMES.items() if name not in LATER})


@dataclass(frozen=True)
class Contents:
    """The study, how it was run, and its tables."""

    path: Path
    study: Mapping[str, Any]
    study_text: str
    manifest: Mapping[str, Any]
    timings: Sequence[tuple[str, float]]
    problems: pl.DataFrame
    outcomes: pl.DataFrame
    estimates: Sequence[Estimate]
    checks: pl.DataFrame
    moved: pl.DataFrame
    training: pl.DataFrame
    aligned: pl.DataFrame
    uptake: pl.DataFrame

    @cached_property
    def arms(self) -> list[str]:
        """In the order of the study; arms that only the tables know come last."""
        named = [str(name) for name in self.study.get("arms") or ()]
        return list(dict.fromkeys([*named, *self.outcomes["arm"].to_list(), *(e.arm for e in self.estimates)]))

    @cached_property
    def samplings(self) -> list[str]:
        """Those that were used, in the order of the study: test set by test set (``compare.condition``)."""
        used = dict.fromkeys([*(e.sampling for e in self.estimates), *self.outcomes["sampling"].to_list()])
        ways = [str(name) for name in self.study.get("sample") or ()]
        tests = sets(Piece.parse(self.study["task"])) if "task" in self.study else {}
        named = [condition(of, way) for of in (None, *tests) for way in ways]
        return [*(name for name in named if name in used), *(name for name in used if name not in named)]

    @cached_property
    def ways(self) -> list[str]:
        """How students were sampled: the samplings, but of several test sets together (``compare.condition``)."""
        return list(dict.fromkeys(sampling.rpartition(": ")[2] for sampling in self.samplings))

    @cached_property
    def test_sets(self) -> list[str]:
        """The names of the test sets; none where there is but one."""
        named = (sampling.rpartition(": ")[0] for sampling in self.samplings)
        return list(dict.fromkeys(name for name in named if name))

    def mean_tokens(self, arm: str, way: str) -> float | None:
        """Tokens of an attempt where they were counted, of all test sets together."""
        sampling = pl.col("sampling")
        rows = self.outcomes.filter((sampling == way) | sampling.str.ends_with(f": {way}"), arm=arm)
        known: list[int] = rows["tokens"].drop_nulls().to_list()
        return sum(known) / len(known) if known else None

    @cached_property
    def seeds(self) -> list[int]:
        """Training seeds that have outcomes."""
        return sorted(self.outcomes["seed"].drop_nulls().unique().to_list())

    @property
    def trains(self) -> bool:
        """Whether students were trained, or files of traces compared as they are."""
        return bool(self.study.get("student"))

    @property
    def baseline(self) -> str | None:
        """The arm that every other one is compared with."""
        name = (self.study.get("compare") or {}).get("baseline")
        return None if name is None else str(name)

    @cached_property
    def task(self) -> type[Any] | None:
        """The task's class, if this installation has it."""
        try:
            return load("tasks", Piece.parse(self.study.get("task")).name)
        except UnderstudyError:
            return None

    @cached_property
    def _by_key(self) -> dict[tuple[str, str, str, str | None], Estimate]:
        return {(e.name, e.arm, e.sampling, e.versus): e for e in self.estimates}

    def estimate(self, name: str, arm: str, sampling: str, versus: str | None = None) -> Estimate | None:
        """The estimate of that name, if the run has it."""
        return self._by_key.get((name, arm, sampling, versus))

    def value(self, name: str, arm: str, sampling: str) -> float | None:
        """Its value alone."""
        found = self.estimate(name, arm, sampling)
        return None if found is None else found.value

    def named(self, name: str) -> list[Estimate]:
        """All estimates of that name, in the order of the table."""
        return [e for e in self.estimates if e.name == name]

    def train_table(self, shelf: str, arm: str) -> pl.DataFrame | None:
        """``shelf`` (traces, scores or style) of what the arm's student was trained on."""
        return self._table(shelf, "train", f"{arm}.parquet")

    def trained_style(self, arm: str) -> pl.DataFrame | None:
        """The style of an arm's training traces. It is without values for those that no student was trained on, since
        another arm lacks a trace of their problem."""
        table = self.train_table("style", arm)
        if table is None or not len(self.aligned):
            return table
        kept = self.aligned.filter(pl.col("lacking").list.len() == 0)["problem_id"]
        return table.with_columns(source=pl.when(pl.col("problem_id").is_in(kept.implode())).then("source"))

    def samples(self, arm: str, sampling: str) -> list[int]:
        """The k for which the run has pass@k, the least first."""
        return [k for k in self._samples if (f"pass@{k}", arm, sampling, None) in self._by_key]

    @cached_property
    def _samples(self) -> list[int]:
        names = {e.name.removeprefix("pass@") for e in self.estimates if e.name.startswith("pass@")}
        return sorted(int(k) for k in names if k.isdecimal())

    def test_table(self, shelf: str, arm: str, way: str, seed: int) -> pl.DataFrame | None:
        """``shelf`` (traces, scores or style) of what was written on the test problems, those of all sets together."""
        return self._table(shelf, "test", arm, f"{seed}-{way}.parquet")

    def _table(self, *parts: str) -> pl.DataFrame | None:
        root = self.path.resolve()
        path = root.joinpath(*parts).resolve()
        return read_table(path) if path.is_relative_to(root) and path.is_file() else None


def read(run: Path) -> Contents:
    """Read a run directory.

    Raises ``RunError`` if it is none or not finished, ``InputError`` if a file of it cannot be read.
    """
    for name in ("study.yaml", "estimates.parquet"):
        if not (run / name).is_file():
            raise RunError(
                f"{run} holds no finished run: it has no {name}",
                "run the study again with the same command: it goes on where it was",
            )
    text = _text(run / "study.yaml")
    return Contents(
        path=run,
        study=_mapping(run / "study.yaml", text),
        study_text=text,
        manifest=_mapping(run / "manifest.json", _text(run / "manifest.json")),
        timings=_timings(_text(run / "timings.jsonl")),
        problems=_optional(run / "problems.parquet", SCHEMAS[Problem]),
        outcomes=completed(_optional(run / "outcomes.parquet", _OUTCOMES)),
        estimates=read_records(Estimate, run / "estimates.parquet"),
        checks=_optional(run / "checks.parquet", CHECKS),
        moved=_optional(run / "moved.parquet", MOVED),
        training=_optional(run / "training.parquet", TRAINING),
        aligned=_optional(run / "aligned.parquet", ALIGNED),
        uptake=_optional(run / "uptake.parquet", UPTAKE),
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _mapping(path: Path, text: str) -> Mapping[str, Any]:
    """YAML, of which JSON is a part, as a mapping; no text gives an empty one."""
    try:
        loaded = json.loads(text) if path.suffix == ".json" and text else YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason})") from None
    if not isinstance(loaded or {}, Mapping):
        raise InputError(f"{path} is no mapping of names to values")
    return loaded or {}


def _timings(text: str) -> list[tuple[str, float]]:
    """Stage and seconds of every line; one that a killed run left half written is passed over."""
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            found.append((str(entry["stage"]), float(entry["seconds"])))
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _optional(path: Path, schema: pl.Schema) -> pl.DataFrame:
    if not path.is_file():
        return pl.DataFrame(schema=schema)
    frame = read_table(path)
    missing = [column for column in schema if column not in frame.columns]
    if missing:
        raise InputError(f"{path} has no column '{missing[0]}'")
    return frame
