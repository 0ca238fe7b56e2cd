"""Small run directories to report on, the same ones for the same arguments."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from understudy.compare import OUTCOMES, condition, estimate
from understudy.profile import style
from understudy.report import contents
from understudy.tables import to_frame, write, write_records
from understudy.types import Estimate, Problem, Trace
from understudy.uptake import uptake
from understudy.vary import ALIGNED, CHECKS

ACCURACY = {"base": 0.2, "ST": 0.9, "ST-HC": 0.5, "ST-HC-W": 0.3, "SBS": 0.3, "ST-NT": 0.25}
REASONING = {
    "ST": "+3 gives 7 . hmm that fails . alternatively x2 gives 8 . let me check : 8 is 8 . so overall",
    "ST-HC": "what if we try +3 . wait no . another option : x2 . to verify : 8 . putting it together :",
}


class Maker:
    """A small run directory, the same one for the same arguments."""

    def __init__(self, run: Path, accuracy: Mapping[str, float], n: int = 60, seeds: Sequence[int] = (0,)) -> None:
        self.run, self.accuracy, self.seeds = run, accuracy, seeds
        self.samplings = ["greedy", "sampled"]
        self.study: dict[str, Any] = {
            "study": "quickstart",
            "question": "Do students learn the style of a trace or its substance?",
            "seeds": list(seeds),
            "task": "reach",
            "student": "tiny-llama",
            "sample": {"greedy": {"temperature": 0}, "sampled": {"temperature": 0.8}},
            "arms": {arm: {} if arm == "base" else {"from": "search"} for arm in accuracy},
            "compare": {"baseline": next(iter(accuracy))},
            "published": "style-over-substance",
        }
        self.problems = [
            Problem(f"reach-{i:04}", "reach", f"from {i % 10} use +3 x2 reach 8 in_2 ?", "+3 x2", "test")
            for i in range(n)
        ]
        self.reasoning: dict[str, str | None] = {arm: REASONING.get(arm) for arm in accuracy}
        self.trace_verdicts = True
        self.samples = 1
        self.lacking: Sequence[str] = ()
        self.sets: Mapping[str, str] = {}

    def outcomes(self) -> pl.DataFrame:
        rows = [
            self._outcome(arm, seed, sampling, problem.problem_id, sample)
            for arm in self.accuracy
            for seed in self.seeds
            for sampling in self.samplings
            for problem in self.problems
            for sample in range(1 if sampling == "greedy" else self.samples)
        ]
        return pl.DataFrame(rows, schema=OUTCOMES, orient="row")

    def _outcome(self, arm: str, seed: int, sampling: str, problem: str, sample: int) -> tuple[Any, ...]:
        rng = Random(f"{arm} {seed} {sampling} {problem}{sample or ''}")
        right = float(rng.random() < self.accuracy[arm])
        cut = arm == "ST" and rng.random() < 0.1
        trace = float(rng.random() < (0.8 if right else 0.1)) if self.reasoning[arm] else None
        status, answer = ("truncated", None) if cut else ("finished", right)
        verdict = trace if self.trace_verdicts else None
        extracted = None if cut else "+3 x2" if right else f"x{rng.randint(2, 3)}"
        ends = (verdict, 40, extracted, None, None)
        sampling = condition(self.sets.get(problem), sampling)
        return (arm, seed, sampling, problem, sample, f"{arm}/{seed}/{problem}", status, answer, *ends)

    def make(self, estimates: Sequence[Estimate] | None = None) -> Path:
        self.run.mkdir(parents=True, exist_ok=True)
        outcomes = self.outcomes()
        if estimates is None:
            estimates = estimate(outcomes, list(self.accuracy), self.study["compare"]["baseline"], resamples=200)
        (self.run / "study.yaml").write_text(json.dumps(self.study, indent=1))  # JSON is YAML
        manifest = {
            "understudy": "0.1.0",
            "schema": 1,
            "python": "3.11.7",
            "platform": "Linux",
            "packages": {"polars": "2.1.0", "scipy": "1.17.0"},
            "git": {"commit": "0123456789abcdef", "dirty": True},
            "hardware": {"cpu": "a CPU", "cores": 2, "memory_gb": 8.0, "accelerator": None},
            "seeds": list(self.seeds),
        }
        (self.run / "manifest.json").write_text(json.dumps(manifest))
        stages = [("problems", 0.5), ("train ST 0", 60.0), ("train ST 0", 30.0), ("evaluate ST 0", 12.0)]
        lines = [json.dumps({"stage": stage, "seconds": took, "started": "2025-11-21"}) for stage, took in stages]
        (self.run / "timings.jsonl").write_text("\n".join([*lines, '{"stage": "tra']))
        write_records(Problem, self.problems, self.run / "problems.parquet")
        write(outcomes, self.run / "outcomes.parquet", "outcomes")
        write_records(Estimate, estimates, self.run / "estimates.parquet")
        self._traces()
        self._training()
        self._uptake()
        return self.run

    def _traces(self) -> None:
        for arm in self.accuracy:
            response = "answer +3 x2" if arm != "base" else "answer <b>&"
            traces = [
                Trace(f"{arm}/0/{p.problem_id}", p.problem_id, arm, response, self.reasoning[arm])
                for p in self.problems
            ]
            shelf = self.run / "traces" / "test" / arm
            shelf.mkdir(parents=True, exist_ok=True)
            write_records(Trace, traces, shelf / "0-greedy.parquet")
            for place in (f"test/{arm}/0-greedy", f"train/{arm}"):
                if place != "train/base":
                    path = self.run / "style" / f"{place}.parquet"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write(style(to_frame(Trace, traces)), path, "style")

    def _uptake(self) -> None:
        """Of the arms beside ``base``, which stands for the untrained student; and which problems arms lack."""
        aligned = [(p.problem_id, [], ["SBS"] if p.problem_id in self.lacking else []) for p in self.problems]
        write(pl.DataFrame(aligned, schema=ALIGNED, orient="row"), self.run / "aligned.parquet", "aligned")
        if "base" not in self.accuracy:
            return
        found = []
        for arm in (arm for arm in self.accuracy if arm != "base"):
            paths = (f"train/{arm}", f"test/{arm}/0-greedy", "test/base/0-greedy")
            teacher, student, untrained = (pl.read_parquet(self.run / "style" / f"{path}.parquet") for path in paths)
            found += [uptake(arm, seed, "greedy", teacher, student, untrained) for seed in self.seeds]
        write(pl.concat(found), self.run / "uptake.parquet", "uptake")

    def _training(self) -> None:
        trained = [arm for arm in self.accuracy if arm != "base"]
        training = [
            (arm, s, 3000, 3.0, 700, 100_000 * (i + 1), 0.4) for i, arm in enumerate(trained) for s in self.seeds
        ]
        write(
            pl.DataFrame(training, schema=contents.TRAINING, orient="row"),
            self.run / "training.parquet",
            "training",
        )
        checks = [
            (arm, "wrong-ending", "makes wrong-answer", 0.995, 2990, 10, '{"no other answer":10}')
            for arm in trained[:1]
        ]
        write(pl.DataFrame(checks, schema=CHECKS, orient="row"), self.run / "checks.parquet", "checks")


def figure(name: str, value: float | None, arm: str = "ST", versus: str | None = None, **more: Any) -> Estimate:
    """An estimate written down by hand."""
    fields: dict[str, Any] = {
        "lower": None,
        "upper": None,
        "n": 60,
        "n_clusters": 1,
        "method": "by hand",
        **more,
    }
    return Estimate(name, arm, versus, fields.pop("sampling", "greedy"), value, **fields)
