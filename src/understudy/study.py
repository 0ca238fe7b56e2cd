"""Conducts the rooms as a study file says.

    from understudy import run
    run("quickstart", out="runs/quickstart")

``plan`` turns a study into stages, ``conduct`` does those that are not done yet, as many at once as there are workers.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Protocol

from understudy import registry, tables, yaml
from understudy.config import Study, dump, find, load
from understudy.executors.local import Local, accelerators
from understudy.plan import plan
from understudy.protocols import Report
from understudy.rundir import RunDirectory, Stage, keys, write_text
from understudy.types import Estimate, Recipe

TRAINING = 50
"""Seconds from which a stage counts as long when it is decided which one starts first."""


class Display(Protocol):
    """Told what happens while a study runs."""

    def begin(self, stages: Mapping[str, Stage], done: Sequence[str]) -> None:
        """The stages there are, and those that were done by an earlier run."""
        ...

    def start(self, stage: Stage) -> None:
        """A stage starts."""
        ...

    def progress(self, stage: Stage, done: int, total: int, note: str) -> None:
        """A stage has come so far."""
        ...

    def finish(self, stage: Stage) -> None:
        """A stage is done."""
        ...


class Quiet:
    """A display that shows nothing."""

    def begin(self, stages: Mapping[str, Stage], done: Sequence[str]) -> None: ...
    def start(self, stage: Stage) -> None: ...
    def progress(self, stage: Stage, done: int, total: int, note: str) -> None: ...
    def finish(self, stage: Stage) -> None: ...


def run(
    study: str | Path,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    workers: int = 2,
    update: bool = False,
    display: Display | None = None,
) -> Path:
    """Run a study, or go on with one, and write its report. Returns the run directory (default ``runs/NAME``)."""
    path = find(str(study))
    resolved = load(path, overrides)
    root = data_root(resolved, path)
    planned = plan(resolved, root)
    _refuse_missing(resolved, planned, root)
    directory = Path(out) if out else Path("runs") / resolved.study
    with RunDirectory(directory) as place:
        place.claim(resolved.study, dump(resolved), resolved.seeds, update)
        conduct(planned, place, workers, display or Quiet())
        place.tidy(planned)
        from understudy.report import build

        build(directory)
        _describe_students(directory, planned)
    return directory


def data_root(study: Study, path: Path) -> Path:
    """The folder that paths in a study are relative to: its ``data``, itself relative to the study file."""
    return (path.parent / Path(study.data or ".").expanduser()).resolve()


def _refuse_missing(study: Study, planned: Mapping[str, Stage], root: Path) -> None:
    """What trains and samples must be installed before anything is collected. Raises the user's mistake."""
    from understudy.train.adapters import refuse_missing

    for stage in planned.values():
        if "recipe" in stage.parameters:
            refuse_missing(Recipe(**stage.parameters["recipe"]))
    if study.student and study.engine.name != "transformers":  # which wants a path that is not there yet
        registry.build("models", study.engine, root=root)


def _describe_students(directory: Path, planned: Mapping[str, Stage]) -> None:
    """Write the card of every student that was trained, with what it scored."""
    from understudy.train.card import card

    study = yaml.parse((directory / "study.yaml").read_text(encoding="utf-8"), "study.yaml")
    estimates = tables.read_records(Estimate, directory / "estimates.parquet")
    for stage in planned.values():
        if "recipe" in stage.parameters:
            place, about = directory / stage.output, stage.parameters
            summary = _json(place / "training.json")
            source = _json(directory / planned[stage.inputs["start"]].output / "source.json")
            text = card(about["arm"], about["seed"], study, about["recipe"], summary, estimates, source or None)
            write_text(place / "README.md", text)


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def conduct(planned: Mapping[str, Stage], place: RunDirectory, workers: int, display: Display) -> None:
    """Do every stage that is not done yet, long ones first, each when its inputs are there."""
    key = keys(planned)
    graph = TopologicalSorter({name: set(stage.inputs.values()) for name, stage in planned.items()})
    graph.prepare()
    done = [name for name, stage in planned.items() if place.done(stage, key[name])]
    display.begin(planned, done)
    ready: list[str] = []
    with Local(workers, accelerators()) as executor:
        while graph.is_active():
            for name in graph.get_ready():
                graph.done(name) if name in done else ready.append(name)
            ready.sort(key=lambda name: _urgency(place.path, planned, planned[name]), reverse=True)
            for stage in [planned[name] for name in ready]:
                if not executor.room(stage.devices):
                    continue
                ready.remove(stage.name)
                inputs = {role: planned[source].output for role, source in stage.inputs.items()}
                display.start(stage)
                work = place.path, stage, key[stage.name], inputs
                executor.submit(stage.name, _execute, *work, devices=stage.devices)
            finished = executor.finished(0.2)
            for name, now, total, note in executor.told():
                display.progress(planned[name], now, total, note)
            for name in finished:
                display.finish(planned[name])
                graph.done(name)


def _urgency(path: Path, planned: Mapping[str, Stage], stage: Stage) -> tuple[float, int]:
    """Long stages first, and among trainings those on most text: then the workers end at about the same time."""
    if stage.weight < TRAINING:
        return stage.weight, 0
    files = {path / planned[source].output for role, source in stage.inputs.items() if role in ("traces", "matched")}
    return stage.weight, max((_text(file, file.stat().st_mtime_ns) for file in files), default=0)


@cache
def _text(file: Path, modified: int) -> int:
    """Spaces in the reasoning and the responses of a table of traces: about as many as there are words."""
    import polars as pl

    texts = pl.read_parquet(file, columns=["reasoning", "response"])
    return sum(texts.select(pl.all().str.count_matches(" ", literal=True).sum()).row(0))


def _execute(path: Path, stage: Stage, key: str, inputs: Mapping[str, str], report: Report) -> None:
    RunDirectory(path).execute(stage, key, inputs, report)
