"""Conducts the rooms as a study file says.

    from understudy import run
    run("quickstart", out="runs/quickstart")

``plan`` turns a study into stages, ``conduct`` does those that are not done yet, as many at once as there are workers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from graphlib import TopologicalSorter
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from understudy import registry, stages
from understudy.config import Study, dump, find, load
from understudy.executors.local import Local
from understudy.registry import Piece
from understudy.rundir import RunDirectory, Stage, keys
from understudy.types import Sampling

COLLECTED = "collected"
"""The name of the one sampling of a study that compares traces as they were collected."""


class Display(Protocol):
    """Told what happens while a study runs."""

    def begin(self, stages: Mapping[str, Stage], done: Sequence[str]) -> None:
        """The stages there are, and those that were done by an earlier run."""
        ...

    def start(self, stage: Stage) -> None:
        """A stage starts."""
        ...

    def progress(self, stage: Stage, done: int, total: int) -> None:
        """A stage has come so far."""
        ...

    def finish(self, stage: Stage) -> None:
        """A stage is done."""
        ...


class Quiet:
    """A display that shows nothing."""

    def begin(self, stages: Mapping[str, Stage], done: Sequence[str]) -> None: ...
    def start(self, stage: Stage) -> None: ...
    def progress(self, stage: Stage, done: int, total: int) -> None: ...
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
    planned = plan(resolved, data_root(resolved, path))
    directory = Path(out) if out else Path("runs") / resolved.study
    with RunDirectory(directory) as place:
        place.claim(resolved.study, dump(resolved), resolved.seeds, update)
        conduct(planned, place, workers, display or Quiet())
        place.tidy(planned)
        from understudy.report import build

        build(directory)
    return directory


def data_root(study: Study, path: Path) -> Path:
    """The folder that paths in a study are relative to: its ``data``, itself relative to the study file."""
    return (path.parent / Path(study.data or ".").expanduser()).resolve()


def plan(study: Study, root: Path) -> dict[str, Stage]:
    """All stages of a study by name. Raises what is wrong with its entries and files before anything runs."""
    return {stage.name: stage for stage in _Planner(study, root).stages()}


def conduct(planned: Mapping[str, Stage], place: RunDirectory, workers: int, display: Display) -> None:
    """Do every stage that is not done yet, largest inputs first, each when its inputs are there."""
    key = keys(planned)
    graph = TopologicalSorter({name: set(stage.inputs.values()) for name, stage in planned.items()})
    graph.prepare()
    done = [name for name, stage in planned.items() if place.done(stage, key[name])]
    display.begin(planned, done)
    ready: list[str] = []
    with Local(workers) as executor:
        while graph.is_active():
            for name in graph.get_ready():
                graph.done(name) if name in done else ready.append(name)
            ready.sort(key=lambda name: _urgency(place.path, planned, planned[name]), reverse=True)
            while ready and executor.idle:
                stage = planned[ready.pop(0)]
                inputs = {role: planned[source].output for role, source in stage.inputs.items()}
                display.start(stage)
                executor.submit(stage.name, _execute, place.path, stage, key[stage.name], inputs)
            finished = executor.finished(0.2)
            for name, *progress in executor.told():
                display.progress(planned[name], *progress)
            for name in finished:
                display.finish(planned[name])
                graph.done(name)


def _urgency(path: Path, planned: Mapping[str, Stage], stage: Stage) -> tuple[float, int]:
    """Long stages first, and among them those that read most: then the workers end at about the same time."""
    files = [path / planned[source].output for source in stage.inputs.values()]
    return stage.weight, sum(file.stat().st_size for file in files if file.is_file())


def _execute(path: Path, stage: Stage, key: str, inputs: Mapping[str, str], report: Callable[[int, int], None]) -> None:
    RunDirectory(path).execute(stage, key, inputs, report)


class _Planner:
    """Lays out the stages of one study."""

    def __init__(self, study: Study, root: Path) -> None:
        self.study, self.root = study, root
        self.local = {"root": str(root)}
        self.task = {"task": study.task.plain(), **self._content(study.task)}
        self.models: dict[str, Piece] = {}
        task = registry.build("tasks", study.task, root=root)
        if study.student:
            registry.build("students", study.student, task=task)
        for arm in study.arms.values():
            if arm.from_ and arm.from_.name not in study.arms:
                registry.build("models", arm.from_, task=task, root=root)
            for piece in arm.vary:
                registry.build("variants", piece, task=task)

    def stages(self) -> Iterator[Stage]:
        """Every stage of the study; inputs come before what reads them."""
        study = self.study
        count = {"train": study.problems.train if study.student else 0, "test": study.problems.test}
        yield self._stage("problems", "problems.parquet", stages.draw_problems, {**count, "seed": study.problems.seed})
        split = "train" if study.student else "test"
        checks: list[str] = []
        for arm in study.lineage:
            if study.arms[arm].from_:
                made = list(self._traces(arm, split))
                checks += [stage.name for stage in made if stage.name.startswith("checks/")]
                yield from made
        yield self._gather("checks", stages.gather_checks, {name: name for name in checks})
        groups = list(self._groups())
        if study.student:
            yield from self._students()
        yield from self._compare(groups)

    def _traces(self, arm: str, split: str) -> Iterator[Stage]:
        """An arm's traces: from a model or another arm, and changed as many times as it has variants."""
        config = self.study.arms[arm]
        parent = self.study.parent(arm)
        final = f"traces/{split}/{arm}" if split == "train" else f"traces/{split}/{arm}/0-{COLLECTED}"
        source = self._final(parent, split) if parent else final
        steps = [f"{final}.{n}" for n in range(len(config.vary))] if not parent else []
        if not parent and config.from_:
            sampling = asdict(Sampling(COLLECTED, seed=self.study.problems.seed))
            parameters = {"model": config.from_.plain(), "split": split, "arm": arm, "sampling": sampling}
            source = steps[0] if steps else final
            yield self._stage(
                source,
                f"{source}.parquet",
                stages.collect_traces,
                {**parameters, **self._content(config.from_)},
                PROBLEMS,
            )
        elif not config.vary:
            inputs = {"traces": source}
            yield self._stage(final, f"{final}.parquet", stages.rename_traces, {"arm": arm}, inputs)
        for number, piece in enumerate(config.vary, 1):
            target = final if number == len(config.vary) else f"{final}.{number}"
            parameters = {"variant": piece.plain(), "arm": arm, "seed": self.study.problems.seed}
            yield self._stage(
                target, f"{target}.parquet", stages.vary_traces, parameters, {**PROBLEMS, "traces": source}
            )
            yield from self._score(target.removeprefix("traces/"))
            check = f"checks/{arm}.{number}"
            scores = target.replace("traces/", "scores/", 1)
            inputs = {"before": source, "after": target, "scores": scores}
            yield self._stage(check, f"{check}.parquet", stages.check_manipulation, parameters, inputs)
            source = target
        if not config.vary:
            yield from self._score(final.removeprefix("traces/"))
        yield from self._profile(final.removeprefix("traces/"))

    def _students(self) -> Iterator[Stage]:
        study = self.study
        student = study.student.plain() if study.student else None
        for seed in study.seeds:
            parameters = {"student": student, "seed": seed}
            yield self._stage(f"start/{seed}", f"students/start-{seed}", stages.start_student, parameters, weight=90)
            for arm in study.arms:
                name = f"start/{seed}"
                if study.arms[arm].from_:
                    name = f"train/{arm}-{seed}"
                    yield self._train(arm, seed)
                yield from self._sample(arm, seed, name)
        trained = {f"{arm}/{seed}": f"train/{arm}-{seed}" for arm in study.arms for seed in study.seeds}
        trained = {role: name for role, name in trained.items() if study.arms[role.rpartition("/")[0]].from_}
        yield self._gather("training", stages.gather_training, trained)

    def _train(self, arm: str, seed: int) -> Stage:
        recipe = self.study.recipe(arm)
        parameters: dict[str, Any] = {"recipe": asdict(recipe), "seed": seed, "arm": arm}
        inputs = {**PROBLEMS, "start": f"start/{seed}", "traces": self._final(arm, "train")}
        if recipe.match:
            parameters["matched_recipe"] = asdict(self.study.recipe(recipe.match))
            inputs["matched"] = self._final(recipe.match, "train")
        output = f"students/{arm}-{seed}"
        return self._stage(f"train/{arm}-{seed}", output, stages.train_student, parameters, inputs, weight=70)

    def _sample(self, arm: str, seed: int, student: str) -> Iterator[Stage]:
        for way in self.study.sample:
            name = f"test/{arm}/{seed}-{way}"
            parameters = {"name": f"{arm}-{seed}", "sampling": asdict(self.study.sampling(way, seed))}
            inputs = {**PROBLEMS, "student": student}
            output = f"traces/{name}.parquet"
            yield self._stage(f"traces/{name}", output, stages.sample_student, parameters, inputs, weight=8)
            yield from self._score(name)
            yield from self._profile(name)

    def _score(self, name: str) -> Iterator[Stage]:
        inputs = {**PROBLEMS, "traces": f"traces/{name}"}
        yield self._stage(f"scores/{name}", f"scores/{name}.parquet", stages.score_traces, {}, inputs)

    def _profile(self, name: str) -> Iterator[Stage]:
        traces = {"traces": f"traces/{name}"}
        yield self._stage(f"style/{name}", f"style/{name}.parquet", stages.profile_style, {}, traces)
        yield self._stage(f"steps/{name}", f"steps/{name}.parquet", stages.segment_steps, {}, traces)

    def _groups(self) -> Iterator[dict[str, Any]]:
        if self.study.student:
            ways = [(seed, way) for seed in self.study.seeds for way in self.study.sample]
        else:
            ways = [(0, COLLECTED)]
        for arm in self.study.arms:
            yield from ({"arm": arm, "seed": seed, "sampling": way} for seed, way in ways)

    def _compare(self, groups: Sequence[Mapping[str, Any]]) -> Iterator[Stage]:
        names = [f"{group['arm']}/{group['seed']}-{group['sampling']}" for group in groups]
        inputs = {f"{kind}/{name}": f"{kind}/test/{name}" for name in names for kind in ("traces", "scores")}
        yield self._gather("outcomes", stages.gather_outcomes, inputs, {"groups": list(groups)})
        compare = self.study.compare.model_dump(mode="json")
        parameters = {**compare, "arms": list(self.study.arms), "seed": self.study.problems.seed}
        yield self._gather("estimates", stages.compare_arms, {"outcomes": "outcomes"}, parameters)

    def _final(self, arm: str, split: str) -> str:
        return f"traces/{split}/{arm}" if split == "train" else f"traces/{split}/{arm}/0-{COLLECTED}"

    def _gather(
        self, name: str, function: Any, inputs: Mapping[str, str], parameters: Mapping[str, Any] | None = None
    ) -> Stage:
        return self._stage(name, f"{name}.parquet", function, parameters, inputs)

    def _stage(
        self,
        name: str,
        output: str,
        function: Any,
        parameters: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
        weight: float = 0.2,
    ) -> Stage:
        return Stage(name, output, function, {**self.task, **(parameters or {})}, inputs or {}, self.local, weight)

    def _content(self, piece: Piece) -> dict[str, Any]:
        """Hashes of the files that an entry reads: other content is another key."""
        paths = {name: self.root / value for name, value in piece.parameters.items() if isinstance(value, str)}
        hashes = {name: sha256(path.read_bytes()).hexdigest() for name, path in paths.items() if path.is_file()}
        return {f"content of {piece.name}": hashes} if hashes else {}


PROBLEMS = {"problems": "problems"}
