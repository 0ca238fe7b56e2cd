"""Style uptake: does a student write in the style of the traces that it was trained on, and how much of that is new?

    from understudy.uptake import uptake
    uptake("ST", 0, "greedy", teacher, student, untrained).select("measure", "kind", "closed", "lower", "upper")

What a student wrote on the test problems is compared with its training traces, and so is what the untrained student
wrote. Both comparisons are made twice: ``raw``, with lengths and counts, and as ``density`` (per 1,000 words, shares of
the steps), the means of which do not depend on length. Tables of measures come from ``understudy.profile.style``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from understudy.compare.statistics import Array, percentiles
from understudy.contrast.effects import Whole
from understudy.contrast.measures import EPISODES, GROWING, LENGTH_FREE, PER_WORDS, RATIOS, Row, derive, rows
from understudy.contrast.separation import Pairs, standardised
from understudy.randomness import seed_of

UPTAKE = pl.Schema(
    {
        "arm": pl.String(),
        "seed": pl.Int64(),
        **dict.fromkeys(("sampling", "measure", "kind"), pl.String()),
        **dict.fromkeys(("n_student", "n_untrained", "n_teacher", "n_problems"), pl.Int64()),
        **dict.fromkeys(("untrained", "student", "student_lower", "student_upper", "teacher"), pl.Float64()),
        **dict.fromkeys(("closed", "lower", "upper"), pl.Float64()),
    }
)
"""One row a trained student, sampling, measure and kind (raw, or density). Of a measure: its means over what the
untrained student, the student (with its 95 % interval) and the teacher of the training traces wrote. Of the measure
``energy distance``: how far the first two are from the training traces, whose own distance is 0. ``closed`` is the
share of the way from untrained to teacher that the student went, 1 − (teacher − student) / (teacher − untrained), with
its 95 % interval: above 1 it went too far, below 0 the wrong way. Null without an untrained student, and where that one
and the teacher are not shown to differ. ``n_*`` count traces, ``n_problems`` the test problems of the student's."""

DISTANCE = "energy distance"
SAMPLED = 300
"""Traces of each side that distances are measured on, of as many problems as there are; the rest uses all."""
_RESAMPLES = 500
_GROUPS = 500  # of training problems, which are thousands: their resampled means vary as those of single ones do
_DISTANCES: Mapping[str, tuple[str, ...]] = {
    "raw": ("words", "steps", *PER_WORDS, *EPISODES, *GROWING, *RATIOS),
    "density": LENGTH_FREE,
}


@dataclass(frozen=True, eq=False)
class _Sides:
    """What teacher, student and untrained student wrote: ``values`` (traces, columns) with nan where one is missing,
    ``problems`` (traces,) numbered alike: the first ``tested`` of ``every`` number are test problems, the others groups
    of training problems."""

    columns: tuple[str, ...]
    values: Mapping[str, Array]
    problems: Mapping[str, Whole]
    tested: int
    every: int

    @property
    def written(self) -> list[str]:
        return [who for who in self.values if who != "teacher"]

    def weights(self, rng: np.random.Generator, numbers: Whole) -> Array:
        """(1 + resamples, problems): ones, then how often each of these sorted problems is drawn. Test problems and
        those of the training traces alone are drawn each among themselves."""
        tested = int((numbers < self.tested).sum())
        drawn = np.hstack([_drawn(rng, tested), _drawn(rng, len(numbers) - tested)])
        return np.vstack([np.ones((1, len(numbers))), drawn])


def uptake(
    arm: str, seed: int, sampling: str, teacher: pl.DataFrame, student: pl.DataFrame, untrained: pl.DataFrame | None
) -> pl.DataFrame:
    """A table of ``UPTAKE`` of one student, from tables of measures; ``teacher`` are those of its training traces.

    The energy distance is 2E‖A−B‖ − E‖A−A'‖ − E‖B−B'‖ (Székely and Rizzo 2013, Journal of Statistical Planning and
    Inference 143, 1249–1272), where ‖·‖ is the Euclidean distance between the measures of two traces, in standard
    deviations of the training traces and of what was written, at equal weight. Pairs of one problem do not enter, so it
    has no bias: around 0 where both write alike, and it may fall below. A small shift of the means counts by its
    square, a large one by itself: half the way closes between three quarters and a half of the distance. (The style
    distance of ``contrast`` is this over 2E‖A−B‖. That is 1 for any two that each write always the same, however
    alike, so it cannot say how near a student came.)

    Intervals resample the test problems, the same for student and untrained, and the training problems, 500 times.
    Traces with nothing to profile are left out; empty if the student or the teacher has no other.
    """
    given = {"teacher": teacher, "student": student} | ({} if untrained is None else {"untrained": untrained})
    tables = {who: derive(table).filter(pl.col("words").is_not_null()) for who, table in given.items()}
    tables = {who: table for who, table in tables.items() if len(table)}
    if "teacher" not in tables or "student" not in tables:
        return UPTAKE.to_frame()
    sides, rng = _sides(tables), np.random.default_rng(seed_of(seed, "uptake", arm, sampling))
    named = {"arm": arm, "seed": seed, "sampling": sampling}
    compared = [row for row in rows(tables["teacher"]) if row.kind != "matched" and row.column in sides.columns]
    found = [{**named, **row} for row in (*_distances(sides, rng), *_shifts(sides, compared, rng))]
    return pl.DataFrame(found, schema=UPTAKE).with_columns(pl.selectors.float().fill_nan(None))


def _sides(tables: Mapping[str, pl.DataFrame]) -> _Sides:
    """The tables as numbers, with the measures that all of them have."""
    wanted = dict.fromkeys([*(row.column for row in rows(tables["teacher"])), *_DISTANCES["raw"], *LENGTH_FREE])
    columns = [name for name in wanted if all(name in one and one[name].count() for one in tables.values())]
    ids = pl.concat([table.select("problem_id", test=pl.lit(who != "teacher")) for who, table in tables.items()])
    every = ids.group_by("problem_id").agg(pl.col("test").any()).sort("test", "problem_id", descending=[True, False])
    tested = int(every["test"].sum())
    numbers = (at if at < tested else tested + (at - tested) % _GROUPS for at in range(len(every)))
    number = dict(zip(every["problem_id"], numbers, strict=True))
    values = {who: table.select(columns).cast(pl.Float64).fill_null(float("nan")) for who, table in tables.items()}
    return _Sides(
        tuple(columns),
        {who: table.to_numpy() for who, table in values.items()},
        {who: np.array([number[one] for one in table["problem_id"]]) for who, table in tables.items()},
        tested,
        min(len(every), tested + _GROUPS),
    )


def _distances(sides: _Sides, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """The energy distance of each kind; none where a side has fewer than two problems, or nothing varies."""
    order = rng.permutation(sides.every)
    chosen = {who: _sampled(problems, order) for who, problems in sides.problems.items()}
    drawn = [sides.problems[who][place] for who, place in chosen.items()]
    if min(len(np.unique(problems)) for problems in drawn) < 2:
        return
    numbers, problems = np.unique(np.concatenate(drawn), return_inverse=True)
    weights = sides.weights(rng, numbers)
    side = np.repeat(list(chosen), [len(place) for place in chosen.values()])
    places = {who: np.flatnonzero(side == who) for who in chosen}
    for kind, wanted in _DISTANCES.items():
        columns = [sides.columns.index(name) for name in wanted if name in sides.columns]
        values = np.vstack([sides.values[who][place][:, columns] for who, place in chosen.items()])
        features = standardised([sides.columns[at] for at in columns], values, side == "teacher", problems)
        if not features.names:
            continue
        own = {who: Pairs.of(features, place, place).mean(weights, weights) for who, place in places.items()}
        draws = {"teacher": np.zeros(len(weights))}
        for who in sides.written:
            across = Pairs.of(features, places[who], places["teacher"]).mean(weights, weights)
            draws[who] = 2 * across - own[who] - own["teacher"]
        yield _row(
            DISTANCE, kind, draws, {who: len(place) for who, place in places.items()}, problems[side == "student"]
        )


def _shifts(sides: _Sides, compared: Sequence[Row], rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Each measure, raw and as a density."""
    weights = sides.weights(rng, np.arange(sides.every))
    means = {who: _means(values, sides.problems[who], weights) for who, values in sides.values.items()}
    for row in compared:
        at = sides.columns.index(row.column)
        known = {who: np.isfinite(values[:, at]) for who, values in sides.values.items()}
        n = {who: int(one.sum()) for who, one in known.items()}
        draws = {who: one[:, at] for who, one in means.items()}
        yield _row(row.measure, row.kind, draws, n, sides.problems["student"][known["student"]])


def _row(measure: str, kind: str, draws: Mapping[str, Array], n: Mapping[str, int], problems: Whole) -> dict[str, Any]:
    """A figure of each side with its draws, of which the first is the figure itself."""
    student, teacher, untrained = draws["student"], draws["teacher"], draws.get("untrained")
    found: dict[str, Any] = {"measure": measure, "kind": kind, "n_problems": len(np.unique(problems))}
    found |= {f"n_{who}": number for who, number in n.items()}
    found |= {who: float(of[0]) for who, of in draws.items()}
    found["student_lower"], found["student_upper"] = _interval(student)
    if untrained is not None and _differ(teacher - untrained):
        with np.errstate(invalid="ignore", divide="ignore"):
            closed = 1 - (teacher - student) / (teacher - untrained)
        found["closed"] = float(closed[0])
        found["lower"], found["upper"] = _interval(closed)
    return found


def _interval(draws: Array) -> tuple[float | None, float | None]:
    return percentiles(np.round(draws[1:], 12), float(draws[0])) or (None, None)  # equal up to rounding is equal


def _differ(gap: Array) -> bool:
    """Whether a difference is shown: its interval leaves zero out."""
    lower, upper = _interval(gap)
    if lower is None or upper is None:
        return bool(abs(gap[0]) > 1e-12)
    return lower > 0 or upper < 0


def _sampled(problems: Whole, order: Whole) -> Whole:
    """At most ``SAMPLED`` rows: one of every problem first, then a second one; problems in an order that all share."""
    by_problem = np.argsort(problems, kind="stable")
    _, starts, sizes = np.unique(problems[by_problem], return_index=True, return_counts=True)
    turn = np.empty(len(problems), dtype=np.int64)
    turn[by_problem] = np.arange(len(problems)) - np.repeat(starts, sizes)
    chosen: Whole = np.sort(np.lexsort((order[problems], turn))[:SAMPLED])
    return chosen


def _drawn(rng: np.random.Generator, size: int) -> Array:
    """(resamples, size) how often each of so many problems is drawn."""
    places = rng.integers(max(size, 1), size=(_RESAMPLES, size)) + size * np.arange(_RESAMPLES)[:, None]
    return np.bincount(places.ravel(), minlength=places.size).reshape(places.shape).astype(float)


def _means(values: Array, problems: Whole, weights: Array) -> Array:
    """(draws, measures) means over traces, weighted by their problems; nan without a value."""
    order = np.argsort(problems, kind="stable")
    held, starts = np.unique(problems[order], return_index=True)
    known = np.isfinite(values[order])
    sums, counts = np.zeros((2, weights.shape[1], values.shape[1]))
    sums[held] = np.add.reduceat(np.where(known, values[order], 0.0), starts, axis=0)
    counts[held] = np.add.reduceat(known.astype(float), starts, axis=0)
    with np.errstate(invalid="ignore"):
        means: Array = (weights @ sums) / (weights @ counts)
    return means
