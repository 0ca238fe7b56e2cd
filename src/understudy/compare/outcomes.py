"""The table of outcomes, and the counts that every figure is made of.

from understudy.compare import two_by_two
two_by_two(pl.read_parquet("runs/quickstart/outcomes.parquet"))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from understudy.compare.statistics import Array
from understudy.errors import InputError

OUTCOMES = pl.Schema(
    {
        "arm": pl.String(),
        "seed": pl.Int64(),
        "sampling": pl.String(),
        "problem_id": pl.String(),
        "sample": pl.Int64(),
        "trace_id": pl.String(),
        "status": pl.String(),
        "answer": pl.Float64(),
        "trace": pl.Float64(),
        "tokens": pl.Int64(),
        "extracted": pl.String(),
        "forced_end": pl.Int64(),
        "waits": pl.Int64(),
    }
)
"""One row an attempt. ``seed`` is the training seed; ``status`` one of ``STATUSES``; ``answer`` 1 right, 0
wrong, null not scored; ``trace`` 1 if every step is right and supports the answer, 0 if not, null if there is
no trace or it cannot be checked; ``tokens`` those of the completion, null if they were not counted;
``extracted`` the answer as the grader read it. Of budget forcing: ``forced_end`` 1 if the end of the reasoning
was written for the model, ``waits`` how often it read "Wait" instead; null where the trace says nothing of it."""
LATER = ("extracted", "forced_end", "waits")
"""Columns that older tables lack, and that may be left out."""

STATUSES = ("finished", "truncated", "empty", "malformed", "error")
ATTEMPT = ("arm", "seed", "sampling", "problem_id", "sample")
"""The columns that together name an attempt."""

_RIGHT = (pl.col("answer") == 1).fill_null(False)
_TRACE_RIGHT = pl.col("trace") == 1
_TRACE_WRONG = pl.col("trace") == 0
COUNTS: Mapping[str, pl.Expr] = {
    "attempts": pl.col("status").is_not_null(),
    "right": _RIGHT,
    "right or unscored": _RIGHT | pl.col("answer").is_null(),
    **{status: pl.col("status") == status for status in STATUSES[1:]},
    "tokens": pl.col("tokens"),
    "counted": pl.col("tokens").is_not_null(),
    "forced end": pl.col("forced_end"),
    "waits": pl.col("waits"),
    "trace right": _TRACE_RIGHT,
    "trace wrong": _TRACE_WRONG,
    "both": _RIGHT & _TRACE_RIGHT,
    "answer only": _RIGHT & _TRACE_WRONG,
    "trace only": ~_RIGHT & _TRACE_RIGHT,
    "neither": ~_RIGHT & _TRACE_WRONG,
}
"""What is summed over the attempts of a seed at a problem: whole numbers, so row order does not matter."""


def condition(test_set: str | None, sampling: str) -> str:
    """What a figure is of, where a study tests on several sets: students sampled in one way on one of them."""
    return sampling if test_set is None else f"{test_set}: {sampling}"


@dataclass(frozen=True, eq=False)
class Cells:
    """The counts of one arm at one sampling: ``sums[column of COUNTS, seed, problem]``."""

    arm: str
    sampling: str
    seeds: tuple[int, ...]
    problems: tuple[str, ...]
    sums: Array

    def __getitem__(self, column: str) -> Array:
        counts: Array = self.sums[list(COUNTS).index(column)]
        return counts

    def total(self, column: str) -> int:
        """Over all seeds and problems."""
        return int(self[column].sum())

    def by_problem(self, column: str) -> Array:
        """Over all seeds."""
        by_problem: Array = self[column].sum(axis=0)
        return by_problem

    @property
    def single(self) -> bool:
        """Whether each problem was tried once."""
        return len(self.seeds) == 1 and bool((self["attempts"] <= 1).all())

    def only(self, problems: Sequence[str]) -> "Cells":
        """The counts at these problems, in this order."""
        if self.problems == tuple(problems):
            return self
        places = {problem: place for place, problem in enumerate(self.problems)}
        sums = np.ascontiguousarray(self.sums[:, :, [places[problem] for problem in problems]])
        return replace(self, problems=tuple(problems), sums=sums)


def completed(outcomes: pl.DataFrame) -> pl.DataFrame:
    """The table with the columns of ``LATER`` that it lacks, without values."""
    return outcomes.with_columns(pl.lit(None, OUTCOMES[name]).alias(name) for name in LATER if name not in outcomes)


def checked(outcomes: pl.DataFrame) -> pl.DataFrame:
    """The outcomes in the types of ``OUTCOMES``. Raises ``InputError`` with the first fault that it finds."""
    outcomes = completed(outcomes)
    for name in OUTCOMES:
        if name not in outcomes.columns:
            raise InputError(f"the outcomes have no column '{name}'", f"columns: {', '.join(OUTCOMES)}")
    try:
        frame = outcomes.select(list(OUTCOMES)).cast(OUTCOMES)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"the outcomes have a column of another type ({error})") from error
    _refuse(frame, pl.any_horizontal(pl.col(ATTEMPT).is_null()), "lacks one of " + ", ".join(ATTEMPT))
    _refuse(
        frame,
        ~pl.col("status").is_in(STATUSES).fill_null(False),
        f"has a status not in {', '.join(STATUSES)}",
    )
    for name in ("answer", "trace"):
        _refuse(
            frame,
            ~pl.col(name).is_in([0.0, 1.0]).fill_null(True),
            f"has a value of '{name}' that is not 0 or 1",
        )
    _refuse(frame, pl.struct(ATTEMPT).is_duplicated(), "occurs more than once")
    return frame


def _refuse(frame: pl.DataFrame, faulty: pl.Expr, fault: str) -> None:
    rows = frame.filter(faulty).select(ATTEMPT).sort(ATTEMPT)
    if len(rows):
        attempt = ", ".join(f"{name} {value!r}" for name, value in rows.row(0, named=True).items())
        raise InputError(f"an attempt {fault}: {attempt}", f"rows with this fault: {len(rows)}")


def tabulate(frame: pl.DataFrame, arms: Sequence[str]) -> dict[tuple[str, str], Cells]:
    """The counts of each (arm, sampling) that has outcomes: arms in the order given, samplings by name."""
    sums = [count.sum().cast(pl.Float64).alias(name) for name, count in COUNTS.items()]
    grouped = frame.group_by("arm", "sampling", "seed", "problem_id").agg(sums)
    parts = grouped.partition_by("arm", "sampling", as_dict=True)
    order = {arm: place for place, arm in enumerate(arms)}
    names = sorted((order[arm], sampling, arm) for arm, sampling in parts if arm in order)
    return {(arm, sampling): _cells(arm, sampling, parts[arm, sampling]) for _, sampling, arm in names}


def _cells(arm: str, sampling: str, rows: pl.DataFrame) -> Cells:
    seeds, problems = rows["seed"].unique().sort(), rows["problem_id"].unique().sort()
    places = rows.select(pl.col("seed", "problem_id").rank("dense") - 1)
    sums = np.zeros((len(COUNTS), len(seeds), len(problems)))
    sums[:, places["seed"].to_numpy(), places["problem_id"].to_numpy()] = rows.select(list(COUNTS)).to_numpy().T
    return Cells(arm, sampling, tuple(seeds), tuple(problems), sums)


def two_by_two(outcomes: pl.DataFrame) -> pl.DataFrame:
    """Attempts by whether answer and trace are right: a row for each arm and sampling, sorted.

    Columns ``arm, sampling, answer_and_trace, answer_not_trace, trace_not_answer, neither, no_trace``. An
    unscored answer counts as not right; ``no_trace`` counts the attempts without a verdict on the trace.
    Raises ``InputError``.
    """
    counts = {
        "answer_and_trace": COUNTS["both"],
        "answer_not_trace": COUNTS["answer only"],
        "trace_not_answer": COUNTS["trace only"],
        "neither": COUNTS["neither"],
        "no_trace": pl.col("trace").is_null(),
    }
    sums = [count.sum().cast(pl.Int64).alias(name) for name, count in counts.items()]
    return checked(outcomes).group_by("arm", "sampling").agg(sums).sort("arm", "sampling")
