"""Shares, means and densities of a corpus, each as a ratio of sums with its interval.

    ratio(measures, pl.col("realization"), pl.col("words"))      # realizations a word

Traces of one problem are alike, so problems are the clusters.
"""

from dataclasses import dataclass
from math import sqrt

import polars as pl


@dataclass(frozen=True)
class Ratio:
    """A figure, its 95 % interval (null where there is none) and the traces that it is of."""

    value: float | None
    lower: float | None
    upper: float | None
    n: int

    def times(self, factor: float) -> "Ratio":
        """The same in another unit."""
        value, lower, upper = (None if x is None else x * factor for x in (self.value, self.lower, self.upper))
        return Ratio(value, lower, upper, self.n)


def ratio(measures: pl.DataFrame, above: pl.Expr, below: pl.Expr | None = None) -> Ratio:
    """The sum of ``above`` over that of ``below``, which is 1 a trace if not given, so that a mean comes out.

    Traces in which either is null are left out. The interval is ± t·s, where s is the linearised standard error of
    a ratio over k clusters (Cochran 1977, *Sampling techniques*, § 9A.2: s² = k/(k−1)·Σ(aᵢ − R·bᵢ)²/(Σb)²) and t
    has k − 1 degrees of freedom. There is none where it would have no width.
    """
    one = pl.col("trace_id").is_not_null().cast(pl.Float64)
    kept = measures.select(
        cluster=pl.coalesce("problem_id", "trace_id"),
        above=above.cast(pl.Float64),
        below=below if below is not None else one,
    )
    kept = kept.filter(pl.col("above").is_finite() & pl.col("below").is_not_null())
    sums = kept.group_by("cluster", maintain_order=True).agg(pl.col("above", "below").sum())
    total = float(sums["below"].sum())
    if total <= 0:
        return Ratio(None, None, None, kept.height)
    value = float(sums["above"].sum()) / total
    half = _half_width(sums["above"] - value * sums["below"]) / total
    return Ratio(value, value - half, value + half, kept.height) if half > 0 else Ratio(value, None, None, kept.height)


def share(measures: pl.DataFrame, holds: pl.Expr) -> Ratio:
    """The share of traces for which ``holds`` is true, of those for which it is not null.

    The interval is Wilson's, which stays within 0 and 1, at the number of independent traces that would have the
    clustered standard error (Dean and Pagano 2015, *Evaluating confidence interval methods for binomial
    proportions in clustered surveys*).
    """
    from understudy.compare.statistics import wilson

    found = ratio(measures, holds)
    if found.value is None:
        return found
    n = float(measures.filter(holds.is_not_null()).select(pl.coalesce("problem_id", "trace_id").n_unique()).item())
    if found.upper is not None and (error := (found.upper - found.value) / _t(n - 1)) > 0:
        n = min(found.value * (1 - found.value) / error**2, found.n)
    lower, upper = wilson(found.value, n)  # type: ignore[arg-type]  # a whole number is not needed
    return Ratio(found.value, lower, upper, found.n)


def _half_width(residuals: pl.Series) -> float:
    k = len(residuals)
    if k < 2:
        return 0.0
    return _t(k - 1) * sqrt(k / (k - 1) * float((residuals**2).sum()))


def _t(degrees: float) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, degrees))
