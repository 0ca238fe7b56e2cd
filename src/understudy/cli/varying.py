"""What ``understudy vary`` reads, changes, measures and prints."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from understudy.registry import Piece
    from understudy.types import Problem, Trace

SHOWN = 12
"""Measures in the table of what moved."""


@dataclass(frozen=True)
class Varied:
    """What became of the traces: ``checks`` and ``moved`` are tables as a run has them."""

    variant: str
    before: "Sequence[Trace]"
    after: "Sequence[Trace]"
    checks: "pl.DataFrame"
    moved: "pl.DataFrame"

    def counts(self) -> dict[str, Any]:
        """How many traces there were, were changed, had failed before, and were left out, with the reasons."""
        failed = sum(trace.error is not None for trace in self.before)
        was = {trace.trace_id: trace for trace in self.before}
        made = [(was[t.parent_id], t) for t in self.after if t.error is None and t.parent_id in was]
        left_out = [t.error for t in self.after if t.error is not None and t.parent_id in was]
        same = sum((old.reasoning, old.response) == (new.reasoning, new.response) for old, new in made)
        counts = {
            "traces": len(self.before),
            "changed": len(made) - same,
            "as they were": same,
            "failed before": failed,
        }
        return {**counts, "left out": len(left_out), "reasons": dict(Counter(left_out).most_common())}

    def as_json(self) -> str:
        """Counts, claims and moves."""
        claims = self.checks.select("claim", "value", "n").to_dicts()
        moved = self.moved.drop("arm", "variant").to_dicts()
        return json.dumps({"variant": self.variant, **self.counts(), "claims": claims, "moved": moved}, indent=1)

    def show(self) -> None:
        """Counts, claims, and the measures that moved most."""
        from understudy.cli.screen import print_table, visible
        from understudy.report import cells

        counts = self.counts()
        reasons = counts.pop("reasons")
        print_table(["variant", *counts], [[self.variant, *map(str, counts.values())]], range(1, 6))
        for reason, number in reasons.items():
            print(visible(f"{number:,} left out: {reason}"))
        claims = self.checks.select("claim", "value", "n").rows()
        print()
        print_table(["claim", "holds, %", "traces"], [[c, cells.percent(v), str(n)] for c, v, n in claims], (1, 2))
        print()
        if not (moves := _most(self.moved)):
            print("nothing moved whose 95 % interval leaves zero out")
            return
        head = ["moved", "before", "after", "difference", "95 % interval", "pairs"]
        print_table(head, [_move(row) for row in moves], range(1, 6))


def _most(moved: "pl.DataFrame") -> list[dict[str, Any]]:
    """The measures that moved, as they are counted: words first, then those that moved most for their size.

    One has moved if its interval leaves zero out, or all pairs moved by the same."""
    import polars as pl

    still = ((pl.col("lower") <= 0) & (pl.col("upper") >= 0)).fill_null(False)
    shown = moved.filter((pl.col("kind") == "raw") & (pl.col("difference") != 0) & ~still)
    size = pl.coalesce(pl.col("relative").abs(), pl.lit(float("inf")))
    order = [pl.col("measure") == "words", size]
    return shown.sort(order, descending=True, maintain_order=True).head(SHOWN).to_dicts()


def _move(row: Mapping[str, Any]) -> list[str]:
    from understudy.report import cells

    lower, upper = (cells.decimal(row[name], 2) for name in ("lower", "upper"))
    numbers = [cells.decimal(row[name], 2) for name in ("before", "after", "difference")]
    return [row["measure"].replace("_", " "), *numbers, f"[{lower}, {upper}]", cells.decimal(row["n"], 0)]


def change(
    files: Sequence[Path], variant: str, task: str | None, seed: int, roles: Mapping[str, str], out: Path | None
) -> Varied:
    """Change the traces of the files, measure that, and write them if ``out`` says where to."""
    import polars as pl

    from understudy import exchange, registry, rundir, tables
    from understudy.cli.grading import piece
    from understudy.cli.import_ import watched
    from understudy.types import Trace
    from understudy.vary import check, moved, vary
    from understudy.verify import verify

    wanted, known = piece(variant, "--variant"), piece(task, "--task") if task else None
    rule = registry.build("tasks", known, root=Path()) if known else None
    made = build(wanted, rule, (out or Path("varied.parquet")).with_suffix(".journal.jsonl"))
    reading = exchange.traces(files, mapping=roles, task=known.name if known else "imported")
    before = tables.to_records(Trace, pl.concat(list(watched(reading))))
    problems = _problems(before, files, rule, known.name if known else "imported")
    after = [_named(trace, wanted.name) for trace in vary(before, problems, made, wanted.name, wanted.name, seed)]
    scores = verify(after, problems, rule) if rule else []
    if out:
        with rundir.whole(out) as partial:
            tables.write_records(Trace, after, partial)
    table = check(wanted.name, wanted.name, made, {trace.trace_id: trace for trace in before}, after, scores)
    moves = moved(wanted.name, wanted.name, tables.to_frame(Trace, before), tables.to_frame(Trace, after))
    return Varied(wanted.name, before, after, table, moves)


def build(wanted: "Piece", task: Any, journal: Path) -> Any:
    """The variant. Raises ``StudyError`` if it needs a task and there is none."""
    from understudy import registry
    from understudy.errors import StudyError

    cls = registry.load("variants", wanted.name)
    needs = {field.name for field in fields(cls) if field.default is MISSING and field.default_factory is MISSING}
    if task is None and "task" in needs:
        raise StudyError(f"'{wanted.name}' needs the task of the traces", "--task '{gsm8k: {test: QUESTIONS.jsonl}}'")
    given = {} if task is None else {"task": task}
    return registry.build("variants", wanted, root=Path(), journal=journal, **given)


def _named(trace: "Trace", name: str) -> "Trace":
    """A changed trace with an id of its own, also where several files have traces of one problem."""
    return replace(trace, trace_id=f"{name}/{trace.parent_id}") if trace.variant == name else trace


def _problems(traces: "Sequence[Trace]", files: Sequence[Path], task: Any, name: str) -> "dict[str, Problem]":
    """The problem of every trace: of the run that the files are of, else of the task, else as the trace says it."""
    from understudy import tables
    from understudy.errors import InputError
    from understudy.types import Problem

    known: dict[str, Problem] = {}
    for split in ("train", "test") if task else ():
        with suppress(InputError):  # a task may have files for one split alone
            known |= {problem.problem_id: problem for problem in task.problems(split, None, 0)}
    for run in {folder for file in files for folder in (file, *file.resolve().parents)}:
        if (run / "problems.parquet").is_file():
            known |= {problem.problem_id: problem for problem in tables.read_records(Problem, run / "problems.parquet")}
    return {trace.problem_id: known.get(trace.problem_id) or _told(trace, name) for trace in traces}


def _told(trace: "Trace", task: str) -> "Problem":
    """A problem as the metadata of a trace has it."""
    from understudy.types import Problem

    prompt, answer = (trace.metadata.get(name) for name in ("prompt", "answer"))
    gold = answer if isinstance(answer, str) else None
    return Problem(trace.problem_id, task, prompt if isinstance(prompt, str) else "", gold, "train")
