"""The room ``contrast``: what differs in style between two corpora of traces, and what of it length explains.

    from understudy.contrast import contrast
    found = contrast(measures_of_a, measures_of_b, names=("R1", "GPT-4o"))
    found.rows, found.distance, found.auc, found.carriers

Every measure is compared three times: ``raw``; as a ``density`` (per 1,000 words, a share of the steps), the mean of
which does not depend on length; and ``matched``, among traces of like length. Effects are Hedges' g with intervals
clustered by problem, and Holm's correction is over all rows. Why not a rank measure such as Cliff's delta: the rank
of a density depends on length even where the rate is the same, since short traces hold many zeros. With 3 pivots per
1,000 words in both corpora and 150 against 1,500 words a trace, Cliff's delta of the density is about −0.3 and g is 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from understudy.compare.statistics import Array, holm
from understudy.contrast.effects import Corpus, Whole, effects, interval, length_weights
from understudy.contrast.measures import LENGTH_FREE, Row, derive, rows
from understudy.contrast.separation import Features, Figure, distance, placements, sample, separate, standardised
from understudy.errors import InputError

__all__ = ["Contrast", "Figure", "changes", "contrast", "derive"]

ROWS = pl.Schema(
    {
        **dict.fromkeys(("measure", "kind", "column"), pl.String()),
        **dict.fromkeys(("n_a", "n_b", "n_problems"), pl.Int64()),
        **dict.fromkeys(
            ("mean_a", "mean_b", "effect", "lower", "upper", "p_value", "p_adjusted", "superiority"), pl.Float64()
        ),
    }
)
"""One row a measure and kind. ``kind``: raw, density or matched; ``column``: that of ``derive`` which it is of.
``n_a`` and ``n_b`` count traces (matched: those with a counterpart of like length), ``n_problems`` the clusters;
``effect`` is Hedges' g of A minus B and ``lower`` to ``upper`` its 95 % interval; ``p_adjusted`` is Holm's.
``superiority`` is the probability that a trace of A has more than one of B, ties counted half (Vargha and Delaney
2000, Journal of Educational and Behavioral Statistics 25, 101–132): it does not mind a few huge traces, which shrink
g, but that of a density is not free of length."""

CARRIERS = pl.Schema({"measure": pl.String(), **dict.fromkeys(("coefficient", "alone", "without"), pl.Float64())})
"""One row a measure of the classifier, those that separate best by themselves first. ``coefficient``: of the
logistic regression, per standard deviation, towards A positive; correlated measures share it out arbitrarily.
``alone``: the AUC of this measure by itself. ``without``: the AUC of the classifier that lacks it; where it hardly
falls, others carry the same information."""

CHANGES = pl.Schema(
    {
        **dict.fromkeys(("measure", "kind", "column"), pl.String()),
        **dict.fromkeys(("n", "n_problems"), pl.Int64()),
        **dict.fromkeys(("before", "after", "difference", "lower", "upper"), pl.Float64()),
        **dict.fromkeys(("relative", "relative_lower", "relative_upper"), pl.Float64()),
    }
)
"""One row a measure and kind (raw or density): the means before and after, their difference, and that difference as
a share of the mean before (0.1 is 10 % more), each with its 95 % interval. ``n`` counts pairs of traces."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """Two corpora compared. ``rows`` is a table of ``ROWS``, ``carriers`` one of ``CARRIERS``.

    ``n`` traces of each corpus are compared and ``excluded`` ones have nothing to profile; ``shared`` problems occur
    in both. ``matched`` counts the traces with a counterpart of like length, and ``balance`` is what is left of the
    effect on log words among them (null where lengths do not overlap). ``distance_null`` is what random halves of
    one corpus reach in 95 % of splits. ``auc`` is of the classifier on measures that do not grow with a trace,
    ``auc_matched`` the same among traces of like length, ``auc_length`` that of log words alone.
    """

    names: tuple[str, str]
    n: tuple[int, int]
    excluded: tuple[int, int]
    shared: int
    rows: pl.DataFrame
    matched: tuple[int, int]
    balance: float | None
    distance: Figure
    distance_null: float | None
    auc: Figure
    auc_matched: Figure
    auc_length: Figure
    carriers: pl.DataFrame
    seed: int


def contrast(a: pl.DataFrame, b: pl.DataFrame, names: tuple[str, str] = ("A", "B"), seed: int = 0) -> Contrast:
    """Two tables of measures (``understudy.profile.measure``), compared.

    Measures of which a corpus has no value at all are left out. The order of rows does not matter; swapping the
    corpora swaps the signs. A trace without a ``problem_id`` is a problem of its own. Definitions with their sources
    are those of ``effects.effects``, ``effects.length_weights``, ``separation.distance`` and
    ``separation.separate``. Style distance and classifier see at most 2,000 traces of each corpus, all other figures
    every trace.

    Raises ``InputError`` if a table is none of measures or the names are the same.
    """
    if names[0] == names[1]:
        raise InputError(f"both corpora are called '{names[0]}'", "give each its own name")
    tables = [derive(one).filter(pl.col("words").is_not_null()) for one in (a, b)]
    compared = [row for row in rows(tables[0]) if all(_has(one, row.column) for one in tables)]
    columns = list(dict.fromkeys(row.column for row in compared))
    one, two = _corpora(tables, columns)
    table = _rows(one, two, columns, compared)
    balance = effects(*_lengths(one, two), length_weights(*_lengths(one, two)))
    style, style_matched, words = _features(one, two, columns, seed)
    figure, null = distance(style, seed)
    auc, coefficients = separate(style, "AUC", seed)
    return Contrast(
        names=names,
        n=(len(one.words), len(two.words)),
        excluded=(a.height - len(one.words), b.height - len(two.words)),
        shared=len(np.intersect1d(one.problems, two.problems)),
        rows=table,
        matched=(int(balance.n[0][0]), int(balance.n[1][0])),
        balance=_null(balance.effect)[0],
        distance=figure,
        distance_null=null,
        auc=auc,
        auc_matched=separate(style_matched, "AUC among traces of like length", seed)[0],
        auc_length=separate(words, "AUC of log words", seed)[0],
        carriers=_carriers(style, coefficients, auc, seed),
        seed=seed,
    )


def changes(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """What a variant moved: a table of ``CHANGES`` over pairs of traces, ``after.parent_id`` = ``before.trace_id``.

    A pair in which a measure is missing on one side does not count for it. Intervals are t with as many degrees of
    freedom as there are problems, less one, and take the pairs of a problem as one observation; that of ``relative``
    (mean after / mean before − 1) is by the delta method, and null where the mean before is 0.

    Raises ``InputError`` if a table is none of measures or ``after`` has no ``parent_id``.
    """
    if "parent_id" not in after.columns:
        raise InputError("the table of measures after the change has no column 'parent_id'", "join it from the traces")
    first, second = derive(before), derive(after)
    compared = [row for row in rows(first) if row.kind != "matched" and row.column in second.columns]
    columns = list(dict.fromkeys(row.column for row in compared))
    pairs = second.select("parent_id", *columns).join(
        first.select("trace_id", _problem(), *columns), left_on="parent_id", right_on="trace_id", suffix=" before"
    )
    pairs = pairs.with_columns(problem=pl.col("problem").rank("dense").cast(pl.Int64) - 1).sort("problem", "parent_id")
    old, new = _numbers(pairs.select(f"{name} before" for name in columns)), _numbers(pairs.select(columns))
    found = pl.DataFrame({"column": columns, **_changed(old, new, pairs["problem"].to_numpy())})
    return _table(compared, found, CHANGES)


def _changed(old: Array, new: Array, problems: Whole) -> dict[str, Array]:
    """Means, differences and their intervals of each column of ``old`` and ``new`` (pairs, measures)."""
    both = np.isfinite(old) & np.isfinite(new)
    n = both.sum(axis=0)
    corpus, n_problems = Corpus(old, problems, np.empty(0)), int(problems.max(initial=-1)) + 1
    held = np.count_nonzero(corpus.by_problem(both.astype(float), n_problems), axis=0)
    old, new = np.where(both, old, 0.0), np.where(both, new, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_old, mean_new = old.sum(axis=0) / n, new.sum(axis=0) / n
        difference, ratio = mean_new - mean_old, np.where(mean_old == 0, np.nan, mean_new / mean_old)

        def bounds(value: Array, influence: Array) -> tuple[Array, Array]:
            moved = corpus.by_problem(np.where(both, influence, 0.0) / n, n_problems)
            return interval(value, np.sqrt((moved**2).sum(axis=0) * held / (held - 1)), held - 1.0)

        lower, upper = bounds(difference, new - old - difference)
        relative_lower, relative_upper = bounds(ratio - 1, (new - ratio * old) / mean_old)
    found: dict[str, Array] = {
        "n": n,
        "n_problems": held,
        "before": mean_old,
        "after": mean_new,
        "difference": difference,
    }
    found |= {"lower": lower, "upper": upper, "relative": ratio - 1}
    return found | {"relative_lower": relative_lower, "relative_upper": relative_upper}


def _problem() -> pl.Expr:
    """The cluster of a trace: its problem, or itself where the problem is not known."""
    return pl.coalesce("problem_id", "\0" + pl.col("trace_id")).alias("problem")


def _has(table: pl.DataFrame, column: str) -> bool:
    return column in table.columns and table[column].null_count() < len(table)


def _corpora(tables: Sequence[pl.DataFrame], columns: Sequence[str]) -> tuple[Corpus, Corpus]:
    """Both corpora with problems numbered alike, sorted by problem."""
    keyed = [
        one.select("trace_id", _problem(), "words", *(pl.col(c).alias(f" {c}") for c in columns)) for one in tables
    ]
    both = pl.concat([one.with_columns(side=pl.lit(i)) for i, one in enumerate(keyed)], how="vertical_relaxed")
    both = both.with_columns(pl.col("problem").rank("dense").cast(pl.Int64) - 1).sort("problem", "trace_id")
    one, two = (_corpus(both.filter(side=i).drop("side"), columns) for i in (0, 1))
    return one, two


def _corpus(table: pl.DataFrame, columns: Sequence[str]) -> Corpus:
    values = _numbers(table.select(f" {name}" for name in columns)).reshape(len(table), len(columns))
    return Corpus(values, table["problem"].to_numpy(), _numbers(table["words"]))


def _numbers(table: pl.DataFrame | pl.Series) -> Array:
    """(rows,) or (rows, columns) with nan where a value is missing."""
    cast = table.cast(pl.Float64)
    found: Array = cast.fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(found), found, np.nan)


def _rows(one: Corpus, two: Corpus, columns: Sequence[str], compared: Sequence[Row]) -> pl.DataFrame:
    parts = []
    for matched in (False, True):
        wanted = [row for row in compared if (row.kind == "matched") == matched]
        weights = length_weights(one, two) if matched else (np.ones_like(one.values), np.ones_like(two.values))
        parts.append(_table(wanted, _frame(one, two, columns, weights), ROWS))
    table = pl.concat(parts)
    tested = table["p_value"].is_not_null()
    corrected = iter(holm(table["p_value"].drop_nulls().to_list()))
    adjusted = [next(corrected) if known else None for known in tested]
    return table.with_columns(p_adjusted=pl.Series(adjusted, dtype=pl.Float64))


def _frame(one: Corpus, two: Corpus, columns: Sequence[str], weights: tuple[Array, Array]) -> pl.DataFrame:
    found = effects(one, two, weights)
    values, weights_of_both = np.vstack([one.values, two.values]), np.vstack(weights)
    is_a = np.arange(len(values)) < len(one.values)
    superiority = [_superiority(*column, is_a) for column in zip(values.T, weights_of_both.T, strict=True)]
    numbers: dict[str, Array | Whole] = {"n_a": found.n[0], "n_b": found.n[1], "n_problems": found.n_problems}
    numbers |= {"mean_a": found.mean[0], "mean_b": found.mean[1], "effect": found.effect}
    numbers |= {"lower": found.lower, "upper": found.upper, "p_value": found.p_value}
    numbers |= {"p_adjusted": np.full(len(columns), np.nan), "superiority": np.array(superiority, dtype=float)}
    return pl.DataFrame({"column": list(columns), **numbers})


def _superiority(values: Array, weights: Array, is_a: NDArray[np.bool_]) -> float:
    counted = np.isfinite(values) & (weights > 0)
    if not (counted & is_a).any() or not (counted & ~is_a).any():
        return float("nan")
    return placements(values[counted], is_a[counted], weights[counted])[0]


def _table(compared: Sequence[Row], found: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The rows asked for, in their order, with nan as null."""
    wanted = pl.DataFrame(compared, schema=["measure", "kind", "column"], orient="row")
    joined = wanted.join(found, on="column", how="left", maintain_order="left")
    return joined.select(schema.names()).cast(schema).fill_nan(None)


def _lengths(one: Corpus, two: Corpus) -> tuple[Corpus, Corpus]:
    """The same traces with log words as the one measure; null without words."""
    with np.errstate(divide="ignore"):
        logs = [np.where(side.words > 0, np.log(side.words), np.nan)[:, None] for side in (one, two)]
    return Corpus(logs[0], one.problems, one.words), Corpus(logs[1], two.problems, two.words)


def _features(one: Corpus, two: Corpus, columns: Sequence[str], seed: int) -> tuple[Features, Features, Features]:
    """What distance and classifiers see of the sampled traces: style, style matched on length, length alone."""
    is_a = np.repeat([True, False], [len(one.words), len(two.words)])
    problems = np.concatenate([one.problems, two.problems])
    drawn = sample(is_a, problems, seed)
    is_a, problems = is_a[drawn], np.unique(problems[drawn], return_inverse=True)[1]
    logs = _lengths(one, two)
    lengths = np.vstack([logs[0].values, logs[1].values])[drawn]
    words = np.concatenate([one.words, two.words])[drawn]
    sides = [Corpus(lengths[side], problems[side], words[side]) for side in (is_a, ~is_a)]
    weights = np.concatenate(length_weights(sides[0], sides[1]))[:, 0]
    free = [columns.index(name) for name in LENGTH_FREE if name in columns]
    values = np.vstack([one.values, two.values])[drawn][:, free]
    style = standardised([columns[j] for j in free], values, is_a, problems)
    return style, replace(style, weights=weights), standardised(["log words"], lengths, is_a, problems)


def _carriers(style: Features, coefficients: Array, auc: Figure, seed: int) -> pl.DataFrame:
    if auc.value is None:
        return pl.DataFrame(schema=CARRIERS)
    everything = range(len(style.names))
    alone = [placements(column, style.is_a, style.weights)[0] for column in style.values.T]
    without = [separate(style.only([k for k in everything if k != j]), "", seed)[0].value for j in everything]
    table = pl.DataFrame([style.names, coefficients, alone, without], schema=CARRIERS)
    return table.sort((pl.col("alone") - 0.5).abs(), "measure", descending=[True, False])


def _null(numbers: Array) -> list[float | None]:
    return [float(number) if np.isfinite(number) else None for number in numbers]
