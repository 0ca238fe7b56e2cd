"""A study → its stages: what is read, made and compared, and in which order.

    understudy run quickstart --dry-run

Nothing runs here; what is wrong with entries and files is found before anything does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from understudy import registry, stages
from understudy.config import Study, looked_at
from understudy.content import content
from understudy.protocols import AdvisedStudent
from understudy.registry import Piece
from understudy.rundir import Stage
from understudy.types import Sampling

COLLECTED = "collected"
"""The name of the one sampling of a study that compares traces as they were collected."""
PROBLEMS = {"problems": "problems"}
ASKING = 60
"""Seconds that asking an endpoint counts for: it gets a bar of its own."""


def plan(study: Study, root: Path) -> dict[str, Stage]:
    """All stages of a study by name. Raises what is wrong with its entries and files before anything runs."""
    return {stage.name: stage for stage in _Planner(study, root).stages()}


class _Planner:
    """Lays out the stages of one study."""

    def __init__(self, study: Study, root: Path) -> None:
        self.study, self.root = study, root
        self.local = {"root": str(root)}
        self.task = {"task": study.task.plain(), **content(self.root, "tasks", study.task)}
        self.models: dict[str, Piece] = {}
        task = registry.build("tasks", study.task, root=root)
        self.advised: Mapping[str, Any] = {}
        self.devices = 0
        if study.student:
            student = registry.build("students", study.student, task=task, root=root)
            self.devices = int(getattr(student, "accelerated", False))
            if isinstance(student, AdvisedStudent):
                self.advised = student.advised()
        for arm in study.arms.values():
            if arm.from_ and arm.from_.name not in study.arms:
                registry.build("models", arm.from_, task=task, root=root)
            for piece in arm.select:
                registry.build("selectors", piece, task=task, root=root)
            for piece in arm.vary:
                registry.build("variants", piece, task=task, root=root)

    def stages(self) -> Iterator[Stage]:
        """Every stage of the study; inputs come before what reads them."""
        study = self.study
        count = {"train": study.problems.train if study.student else 0, "test": study.problems.test}
        yield self._stage("problems", "problems.parquet", stages.draw_problems, {**count, "seed": study.problems.seed})
        split = "train" if study.student else "test"
        checks: list[str] = []
        moves: list[str] = []
        for arm in study.lineage:
            if study.arms[arm].from_:
                made = list(self._traces(arm, split))
                checks += [stage.name for stage in made if stage.name.startswith("checks/")]
                moves += [stage.name for stage in made if stage.name.startswith("moved/")]
                yield from made
        if study.student and study.align:
            yield self._gather(
                "aligned", stages.align_arms, {arm: self._final(arm, "train") for arm in self._trained()}
            )
            checks.append("checks/aligned")
            yield self._stage(checks[-1], f"{checks[-1]}.parquet", stages.check_alignment, {}, {"aligned": "aligned"})
        yield self._gather("checks", stages.gather_checks, {name: name for name in checks})
        yield self._gather("moved", stages.gather_moves, {name: name for name in moves})
        groups = list(self._groups())
        if study.student:
            yield from self._students()
            yield self._uptake()
        yield from self._compare(groups)

    def _traces(self, arm: str, split: str) -> Iterator[Stage]:
        """An arm's traces: from a model or another arm, then what its selectors keep and its variants make of them."""
        selectors, variants = self.study.arms[arm].select, self.study.arms[arm].vary
        changes = len(selectors) + len(variants)
        names = [*(f"traces/between/{arm}.{number}" for number in range(changes)), self._final(arm, split)]
        parent = self.study.parent(arm)
        if parent is None:
            yield from self._collect(arm, split, names[0])
        elif changes:
            names[0] = self._final(parent, split)
        else:
            inputs = {"traces": self._final(parent, split)}
            yield self._stage(names[0], f"{names[0]}.parquet", stages.rename_traces, {"arm": arm}, inputs)
        if (selectors and parent is None) or not changes:
            yield from self._score(names[0].removeprefix("traces/"))
        for number, piece in enumerate([*selectors, *variants], 1):
            change = self._select if number <= len(selectors) else self._vary
            yield from change(arm, number, piece, *names[number - 1 : number + 1])
        yield from self._profile(names[-1].removeprefix("traces/"))

    def _collect(self, arm: str, split: str, name: str) -> Iterator[Stage]:
        model = self.study.arms[arm].from_
        if model is None:
            return
        sampling = asdict(Sampling(COLLECTED, seed=self.study.problems.seed))
        parameters = {
            "model": model.plain(),
            "split": split,
            "arm": arm,
            "sampling": sampling,
            **content(self.root, "models", model),
        }
        entry, devices = registry.load("models", model.name), _devices(model)
        weight = ASKING if devices or hasattr(entry, "requests") else 0.2
        yield self._stage(name, f"{name}.parquet", stages.collect_traces, parameters, PROBLEMS, weight, devices)
        if hasattr(entry, "census"):
            check = f"checks/{arm}.0"
            yield self._stage(check, f"{check}.parquet", stages.count_rows, parameters, PROBLEMS)

    def _select(self, arm: str, number: int, piece: Piece, before: str, after: str) -> Iterator[Stage]:
        parameters = {"selector": piece.plain(), "arm": arm, **content(self.root, "selectors", piece)}
        inputs = {**PROBLEMS, "traces": before, "scores": before.replace("traces/", "scores/", 1)}
        yield self._stage(after, f"{after}.parquet", stages.select_traces, parameters, inputs)
        check = f"checks/{arm}.{number}"
        yield self._stage(check, f"{check}.parquet", stages.check_selection, parameters, inputs)
        yield from self._score(after.removeprefix("traces/"))

    def _vary(self, arm: str, number: int, piece: Piece, before: str, after: str) -> Iterator[Stage]:
        parameters = {"variant": piece.plain(), "arm": arm, "seed": self.study.problems.seed}
        parameters |= content(self.root, "variants", piece)
        devices = 0
        if piece.parameters.get("model"):  # it writes the new reasoning
            writer = Piece.parse(piece.parameters["model"])
            parameters |= content(self.root, "models", writer)
            devices = _devices(writer)
        inputs = {**PROBLEMS, "traces": before}
        if other := looked_at(piece):
            inputs["other"] = self._final(other, "train" if self.study.student else "test")
        yield self._stage(after, f"{after}.parquet", stages.vary_traces, parameters, inputs, devices=devices)
        yield from self._score(after.removeprefix("traces/"))
        scores = after.replace("traces/", "scores/", 1)
        inputs = {"before": before, "after": after, "scores": scores}
        check = f"checks/{arm}.{number}"
        yield self._stage(check, f"{check}.parquet", stages.check_manipulation, parameters, inputs)
        move = f"moved/{arm}.{number}"
        inputs = {"before": before, "after": after}
        yield self._stage(move, f"{move}.parquet", stages.measure_moves, {"variant": piece.plain(), "arm": arm}, inputs)

    def _students(self) -> Iterator[Stage]:
        study = self.study
        if study.student is None:
            return
        student = {"student": study.student.plain(), **content(self.root, "students", study.student)}
        for seed in study.seeds:
            parameters = {**student, "seed": seed}
            yield self._stage(f"start/{seed}", f"students/start-{seed}", stages.start_student, parameters, weight=90)
            for arm in study.arms:
                name = f"start/{seed}"
                if study.arms[arm].from_:
                    name = f"train/{arm}-{seed}"
                    yield self._train(arm, seed)
                yield from self._sample(arm, seed, name)
        trained = {f"{arm}/{seed}": f"train/{arm}-{seed}" for arm in self._trained() for seed in study.seeds}
        yield self._gather("training", stages.gather_training, trained)

    def _trained(self) -> list[str]:
        """The arms whose students are trained on traces."""
        return [arm for arm in self.study.arms if self.study.arms[arm].from_]

    def _train(self, arm: str, seed: int) -> Stage:
        from understudy.train.guards import refuse_recipe

        recipe = self.study.recipe(arm, self.advised)
        refuse_recipe(recipe)
        parameters: dict[str, Any] = {"recipe": asdict(recipe), "seed": seed, "arm": arm}
        inputs = {**PROBLEMS, "start": f"start/{seed}", "traces": self._final(arm, "train")}
        if recipe.match:
            parameters["matched_recipe"] = asdict(self.study.recipe(recipe.match, self.advised))
            inputs["matched"] = self._final(recipe.match, "train")
        if self.study.align:
            inputs["aligned"] = "aligned"
        output = f"students/{arm}-{seed}"
        devices = self.devices * recipe.num_processes
        return self._stage(f"train/{arm}-{seed}", output, stages.train_student, parameters, inputs, 70, devices)

    def _sample(self, arm: str, seed: int, student: str) -> Iterator[Stage]:
        for way in self.study.sample:
            name = f"test/{arm}/{seed}-{way}"
            parameters = {"arm": arm, "seed": seed, "sampling": asdict(self.study.sampling(way, seed))}
            parameters |= {"engine": self.study.engine.plain()}
            inputs = {**PROBLEMS, "student": student}
            output = f"traces/{name}.parquet"
            devices = self.devices * _devices(self.study.engine)
            yield self._stage(f"traces/{name}", output, stages.sample_student, parameters, inputs, 8, devices)
            yield from self._score(name)
            yield from self._profile(name)

    def _score(self, name: str) -> Iterator[Stage]:
        inputs = {**PROBLEMS, "traces": f"traces/{name}"}
        yield self._stage(f"scores/{name}", f"scores/{name}.parquet", stages.score_traces, {}, inputs)

    def _profile(self, name: str) -> Iterator[Stage]:
        traces = {"traces": f"traces/{name}"}
        yield self._stage(f"style/{name}", f"style/{name}.parquet", stages.profile_style, {}, traces)
        yield self._stage(f"steps/{name}", f"steps/{name}.parquet", stages.segment_steps, {}, traces)

    def _uptake(self) -> Stage:
        """How far students took up the style of their traces, beside the first arm that is not trained."""
        ways = [(seed, way) for seed in self.study.seeds for way in self.study.sample]
        groups = [{"arm": arm, "seed": seed, "sampling": way} for arm in self._trained() for seed, way in ways]
        untrained = next((arm for arm in self.study.arms if not self.study.arms[arm].from_), None)
        inputs = {f"teacher/{arm}": f"style/train/{arm}" for arm in self._trained()}
        for seed, way in ways:
            inputs |= {f"student/{arm}/{seed}-{way}": f"style/test/{arm}/{seed}-{way}" for arm in self._trained()}
            inputs |= {f"untrained/{seed}-{way}": f"style/test/{untrained}/{seed}-{way}"} if untrained else {}
        inputs |= {"aligned": "aligned"} if self.study.align else {}
        return self._gather("uptake", stages.measure_uptake, inputs, {"groups": groups})

    def _groups(self) -> Iterator[dict[str, Any]]:
        ways: list[tuple[int, str, bool]] = [(0, COLLECTED, False)]
        if self.study.student:
            forced = {way: bool(sample.max_thinking or sample.wait) for way, sample in self.study.sample.items()}
            ways = [(seed, way, budget) for seed in self.study.seeds for way, budget in forced.items()]
        for arm in self.study.arms:
            yield from ({"arm": arm, "seed": seed, "sampling": way, "budget": budget} for seed, way, budget in ways)

    def _compare(self, groups: Sequence[Mapping[str, Any]]) -> Iterator[Stage]:
        names = [f"{group['arm']}/{group['seed']}-{group['sampling']}" for group in groups]
        inputs = {f"{kind}/{name}": f"{kind}/test/{name}" for name in names for kind in ("traces", "scores")} | PROBLEMS
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
        devices: int = 0,
    ) -> Stage:
        every = {**self.task, **(parameters or {})}
        return Stage(name, output, function, every, inputs or {}, self.local, weight, devices)


def _devices(model: Piece) -> int:
    """How many accelerators a model wants for itself; a server that runs already has its own."""
    accelerated = getattr(registry.load("models", model.name), "accelerated", False)
    started = accelerated and not model.parameters.get("base_url")
    return int(model.parameters.get("gpus") or 1) if started else 0
