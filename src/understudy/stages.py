"""What each stage of a study does: read tables, call a room, write one table or checkpoint.

Every function has the form ``(inputs, output, parameters, report)`` and runs in a worker process; ``parameters`` are
plain values, so that they can be hashed.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from understudy import registry, tables
from understudy.protocols import Report
from understudy.registry import Piece
from understudy.rundir import Paths
from understudy.types import Estimate, Problem, Recipe, Sampling, Score, Trace

Parameters = Mapping[str, Any]


def draw_problems(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """Problems of both splits, refusing overlap."""
    from understudy.collect import draw

    problems = draw(_task(parameters), parameters["train"], parameters["test"], parameters["seed"])
    tables.write_records(Problem, problems, output)


def collect_traces(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """What a model writes for the problems of one split."""
    from understudy.collect import collect

    problems = [p for p in _problems(inputs).values() if p.split == parameters["split"]]
    kept = journal(inputs["problems"].parent, parameters["split"], parameters["arm"])
    model = _build("models", parameters["model"], parameters, report=report, journal=kept)
    sampling = Sampling(**parameters["sampling"])
    tables.write_records(Trace, collect(problems, model, sampling, parameters["arm"]), output)


def journal(directory: Path, split: str, arm: str) -> Path:
    """Where a run keeps what an endpoint answered: it outlives attempts at a stage, and changes of the code."""
    return directory / "journals" / split / f"{arm}.jsonl"


def count_rows(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """What became of the rows of a file of traces, as a check of its arm."""
    from understudy.vary import count

    problems = [p for p in _problems(inputs).values() if p.split == parameters["split"]]
    model = _build("models", parameters["model"], parameters)
    tables.write(
        count(parameters["arm"], Piece.parse(parameters["model"]).name, model.census(problems)), output, "check"
    )


def sample_student(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """What a student writes for the test problems, sampled one way."""
    from understudy.collect import collect

    problems = [p for p in _problems(inputs).values() if p.split == "test"]
    sampling, name = Sampling(**parameters["sampling"]), f"{parameters['arm']}-{parameters['seed']}"
    way = f"{parameters['seed']}-{sampling.name}.{output.parent.name}"  # with the key: of this checkpoint alone
    kept = journal(inputs["problems"].parent, f"students/{parameters['arm']}", way)
    engine = Piece.parse(parameters["engine"])
    piece = Piece(engine.name, {**engine.parameters, "path": str(inputs["student"].resolve())})
    model = _build("models", piece.plain(), parameters, model=name, report=report, journal=kept)
    tables.write_records(Trace, collect(problems, model, sampling, f"{name}-{sampling.name}"), output)


def vary_traces(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """Another arm's traces, or a model's, changed by one variant."""
    from understudy.vary import vary

    piece = Piece.parse(parameters["variant"])
    journal = inputs["problems"].parent / "journals" / "vary" / f"{parameters['arm']}.{piece.name}.jsonl"
    made = {"report": report, "journal": journal, "traces": inputs.get("other")}
    variant = _build("variants", parameters["variant"], parameters, **made)
    traces = tables.read_records(Trace, inputs["traces"])
    changed = vary(traces, _problems(inputs), variant, piece.name, parameters["arm"], parameters["seed"])
    tables.write_records(Trace, changed, output)


def select_traces(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """The traces that a selector keeps."""
    from understudy.select import keep

    reasons, name = _selected(inputs, parameters)
    traces = tables.read_records(Trace, inputs["traces"])
    tables.write_records(Trace, keep(traces, reasons, parameters["arm"], name), output)


def check_selection(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """How many traces a selector leaves out, and why."""
    from understudy.select import check

    reasons, name = _selected(inputs, parameters)
    tables.write(check(parameters["arm"], name, reasons), output, "check")


def rename_traces(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """Another arm's traces under this arm's name."""
    traces = tables.read_records(Trace, inputs["traces"])
    arm = parameters["arm"]
    renamed = [
        replace(t, trace_id=f"{arm}/{t.problem_id}/{t.sample}", parent_id=t.trace_id, variant=None) for t in traces
    ]
    tables.write_records(Trace, renamed, output)


def check_manipulation(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """Whether a variant kept what it keeps and made what it makes."""
    from understudy.vary import check

    piece = Piece.parse(parameters["variant"])
    variant = _build("variants", parameters["variant"], parameters)
    before = {trace.trace_id: trace for trace in tables.read_records(Trace, inputs["before"])}
    after = tables.read_records(Trace, inputs["after"])
    scores = tables.read_records(Score, inputs["scores"])
    tables.write(check(parameters["arm"], piece.name, variant, before, after, scores), output, "check")


def measure_moves(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """What the style of a variant's traces gained and lost."""
    from understudy.vary import moved

    name = Piece.parse(parameters["variant"]).name
    before, after = tables.read(inputs["before"]), tables.read(inputs["after"])
    tables.write(moved(parameters["arm"], name, before, after), output, "moved")


def gather_moves(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """What every variant moved, in one table."""
    from understudy.vary import MOVED

    frames = [tables.read(path) for path in inputs.values()]
    tables.write(pl.concat(frames) if frames else MOVED.to_frame(), output, "moved")


def score_traces(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """Answer and trace scores."""
    from understudy.verify import verify

    traces = tables.read_records(Trace, inputs["traces"])
    tables.write_records(Score, verify(traces, _problems(inputs), _task(parameters)), output)


def profile_style(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """The style of every trace."""
    from understudy.profile import style

    tables.write(style(tables.read(inputs["traces"])), output, "style")


def segment_steps(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """The steps of every trace."""
    from understudy.profile import steps

    tables.write(steps(tables.read(inputs["traces"])), output, "step")


def start_student(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """The checkpoint that every arm starts from."""
    student = _build("students", parameters["student"], parameters)
    student.start(output, parameters["seed"], report)


def align_arms(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """Every problem of which an arm has a trace, with the arms that have none."""
    from understudy.vary import align

    tables.write(align({arm: tables.read(path) for arm, path in inputs.items()}), output, "aligned")


def check_alignment(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """How many problems of each arm are left out because another arm lacks them."""
    from understudy.vary import check_aligned

    tables.write(check_aligned(tables.read(inputs["aligned"])), output, "check")


def train_student(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """One arm's student with one seed."""
    from understudy.train import train

    matched = None
    if "matched" in inputs:
        matched = (_aligned(inputs, "matched"), Recipe(**parameters["matched_recipe"]))
    train(
        _aligned(inputs, "traces"),
        _problems(inputs),
        inputs["start"],
        Recipe(**parameters["recipe"]),
        parameters["seed"],
        parameters["arm"],
        output,
        report,
        matched,
    )


def gather_training(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """What every training took: examples, epochs, steps, tokens, final loss; and the traces that it left out, why."""
    from understudy.train.summary import summaries

    tables.write(summaries(inputs), output, "training")


def gather_checks(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """All manipulation checks in one table."""
    from understudy.vary import CHECKS

    frames = [tables.read(path) for path in inputs.values()]
    tables.write(pl.concat(frames) if frames else CHECKS.to_frame(), output, "checks")


def gather_outcomes(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """One row for every attempt at a test problem, with what became of it."""
    from understudy.tasks.suite import SET
    from understudy.verify import outcomes

    problems = _problems(inputs)
    sets = {name: str(problem.metadata[SET]) for name, problem in problems.items() if SET in problem.metadata}
    frames = []
    for group in parameters["groups"]:
        name = f"{group['arm']}/{group['seed']}-{group['sampling']}"
        traces = tables.read_records(Trace, inputs[f"traces/{name}"])
        frames.append(outcomes(traces, tables.read_records(Score, inputs[f"scores/{name}"]), sets=sets, **group))
    tables.write(pl.concat(frames), output, "outcomes")


def compare_arms(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """Figures with intervals, and arm against arm."""
    from understudy.compare import estimate, usual_pairs

    arms, baseline = parameters["arms"], parameters["baseline"]
    pairs = usual_pairs(arms, baseline, [(a, b) for a, b in parameters["pairs"]])
    outcomes = tables.read(inputs["outcomes"])
    found = estimate(outcomes, arms, baseline, pairs, parameters["seed"], parameters["resamples"])
    tables.write_records(Estimate, found, output)


def _selected(inputs: Paths, parameters: Parameters) -> tuple[dict[str, str | None], str]:
    """What a selector says of each trace, and its name."""
    from understudy.select import select

    traces, scores = tables.read_records(Trace, inputs["traces"]), tables.read_records(Score, inputs["scores"])
    piece = Piece.parse(parameters["selector"])
    return select(traces, scores, _problems(inputs), _build("selectors", piece.plain(), parameters)), piece.name


def measure_uptake(inputs: Paths, output: Path, parameters: Parameters, report: Report) -> None:
    """How far each student took up the style of its training traces."""
    from understudy.uptake import UPTAKE, uptake

    kept = pl.lit(True)
    if "aligned" in inputs:
        aligned = tables.read(inputs["aligned"]).filter(pl.col("lacking").list.len() == 0)
        kept = pl.col("problem_id").is_in(aligned["problem_id"].implode())
    frames = [UPTAKE.to_frame()]
    for group in parameters["groups"]:
        arm, way = group["arm"], f"{group['seed']}-{group['sampling']}"
        teacher = tables.read(inputs[f"teacher/{arm}"]).filter(kept)
        student, path = tables.read(inputs[f"student/{arm}/{way}"]), inputs.get(f"untrained/{way}")
        frames.append(uptake(**group, teacher=teacher, student=student, untrained=tables.read(path) if path else None))
    tables.write(pl.concat(frames), output, "uptake")


def _problems(inputs: Paths) -> dict[str, Problem]:
    return {problem.problem_id: problem for problem in tables.read_records(Problem, inputs["problems"])}


def _aligned(inputs: Paths, role: str) -> list[Trace]:
    """Traces, of aligned arms those of problems that no arm lacks."""
    traces = tables.read_records(Trace, inputs[role])
    if "aligned" not in inputs:
        return traces
    kept = set(tables.read(inputs["aligned"]).filter(pl.col("lacking").list.len() == 0)["problem_id"])
    return [trace for trace in traces if trace.problem_id in kept]


def _task(parameters: Parameters) -> Any:
    return registry.build("tasks", Piece.parse(parameters["task"]), root=Path(parameters["root"]))


def _build(shelf: str, piece: Any, parameters: Parameters, **filled_in: Any) -> Any:
    root = Path(parameters["root"])
    return registry.build(shelf, Piece.parse(piece), task=_task(parameters), root=root, **filled_in)
