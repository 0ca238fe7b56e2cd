"""Standardised differences between two corpora, clustered by problem, for many measures at once.

    from understudy.contrast.effects import Corpus, effects, length_weights

Everything is linear in the traces: arrays are (traces, measures), nothing is resampled and no trace is looped over.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.compare.statistics import Array

_BIN = np.log(1.1)
_ROUNDING = 1e-12  # of a mean: less spread than this is none
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Traces sorted by problem: ``values`` (traces, measures; nan where missing), ``problems`` (traces,) numbered
    alike in both corpora, ``words`` (traces,)."""

    values: Array
    problems: Whole
    words: Array

    def by_problem(self, numbers: Array, n_problems: int) -> Array:
        """(traces, k) → (problems, k): sums over the traces of each problem."""
        sums = np.zeros((n_problems, numbers.shape[1]))
        if len(numbers):
            starts = np.flatnonzero(np.diff(self.problems, prepend=-1))
            sums[self.problems[starts]] = np.add.reduceat(numbers, starts, axis=0)
        return sums

    def take(self, rows: Whole) -> "Corpus":
        return Corpus(self.values[rows], self.problems[rows], self.words[rows])


@dataclass(frozen=True, eq=False)
class Effects:
    """One number a measure: nan where it cannot be said. ``n`` and ``mean`` are of both corpora."""

    n: tuple[Whole, Whole]
    n_problems: Whole
    mean: tuple[Array, Array]
    effect: Array
    lower: Array
    upper: Array
    p_value: Array


@dataclass(frozen=True, eq=False)
class _Side:
    """One corpus under its weights; arrays are (traces, measures) or (measures,)."""

    corpus: Corpus
    n_problems: int
    weights: Array  # 0 where the value is missing, else they sum to 1
    centred: Array
    mean: Array
    variance: Array
    size: Array  # effective traces
    groups: Array  # effective problems

    def adds(self, numbers: Array) -> Array:
        """(problems, measures): what each problem adds to the mean of ``numbers``, were that mean not estimated.

        The factor G/(G−1) on the squares makes up for its being estimated.
        """
        return self.corpus.by_problem(self.weights * numbers, self.n_problems) * np.sqrt(
            self.groups / (self.groups - 1)
        )


def kish(weights: Array) -> Array:
    """The effective number of units (Kish 1965, *Survey sampling*): (Σw)²/Σw² of each column; n if all weigh alike."""
    squares = (weights**2).sum(axis=0)
    found: Array = np.divide(weights.sum(axis=0) ** 2, squares, out=np.zeros_like(squares), where=squares > 0)
    return found


def length_weights(a: Corpus, b: Corpus) -> tuple[Array, Array]:
    """Weights (traces, measures) under which both corpora have the same distribution of lengths.

    Traces are binned by words so that lengths of a bin differ by less than 10 % (edges at powers of 1.1). Where a
    bin holds m traces of A and n of B with a value of the measure, one of A weighs n/(m+n) and one of B m/(m+n):
    overlap weights (Li, Morgan and Zaslavsky 2018, *Balancing covariates via propensity score weighting*, Journal
    of the American Statistical Association 113, 390–400). A trace without a counterpart of like length weighs 0.
    """
    known = [np.isfinite(one.values) & (one.words > 0)[:, None] for one in (a, b)]
    bins = [np.floor(np.log(np.maximum(one.words, 1)) / _BIN + 1e-9).astype(np.int64) for one in (a, b)]
    n_bins = 1 + max((int(one.max()) for one in bins if len(one)), default=0)
    counts = [_count(one, mask, n_bins) for one, mask in zip(bins, known, strict=True)]
    total = np.maximum(counts[0] + counts[1], 1)
    of_a = np.where(known[0], (counts[1] / total)[bins[0]], 0.0)
    of_b = np.where(known[1], (counts[0] / total)[bins[1]], 0.0)
    return of_a, of_b


def _count(bins: Whole, known: NDArray[np.bool_], n_bins: int) -> Array:
    columns = [np.bincount(bins[column], minlength=n_bins) for column in known.T]
    return np.stack(columns, axis=1).astype(float) if columns else np.zeros((n_bins, 0))


def effects(a: Corpus, b: Corpus, weights: tuple[Array, Array] | None = None) -> Effects:
    """Hedges' g of each measure, A minus B, with a 95 % interval and a p-value, both clustered by problem.

    d = (mean A − mean B) / √((variance A + variance B)/2) and g = d·(1 − 3/(4(m+n−2) − 1)): Hedges 1981, Journal of
    Educational Statistics 6, 107–128, with the unpooled standard deviation of Bonett 2008, *Confidence intervals
    for standardized linear contrasts of means*, Psychological Methods 13, 99–109, since styles differ in spread.
    Unit: standard deviations of a trace.

    The interval is g ± t·SE by the delta method. SE and the p-value's take the traces of one problem, of both
    corpora, as one observation (Liang and Zeger 1986, Biometrika 73, 13–22), so repeated problems do not count as
    news and shared ones pair the corpora: with one trace a problem, t is Welch's where no problem is shared and
    the paired t where all are. It has as many degrees of freedom as the corpus with fewer (effective) problems, less
    one, which errs on the careful side. Nan where fewer than 2 problems have a value or nothing varies.
    """
    n_problems = 1 + max((int(one.problems.max()) for one in (a, b) if len(one.problems)), default=-1)
    given = weights or (np.ones_like(a.values), np.ones_like(b.values))
    with np.errstate(invalid="ignore", divide="ignore"):
        one, two = _side(a, given[0], n_problems), _side(b, given[1], n_problems)
        difference, freedom = one.mean - two.mean, np.minimum(one.groups, two.groups) - 1
        spread = np.sqrt((one.variance + two.variance) / 2)
        varies = (spread > _ROUNDING * (np.abs(one.mean) + np.abs(two.mean))) & (freedom > 0.999)
        spread = np.where(varies, spread, np.nan)
        d = difference / spread
        of_mean = one.adds(one.centred) - two.adds(two.centred)
        of_spread = one.adds(one.centred**2 - one.variance) + two.adds(two.centred**2 - two.variance)
        error = np.sqrt(((of_mean / spread - d * of_spread / (4 * spread**2)) ** 2).sum(axis=0))
        small = 1 - 3 / (4 * (one.size + two.size - 2) - 1)
        lower, upper = interval(small * d, small * error, freedom)
        p_value = two_sided(d / np.sqrt(((of_mean / spread) ** 2).sum(axis=0)), freedom)
    n = [np.count_nonzero(side.weights, axis=0) for side in (one, two)]
    held = sum(side.corpus.by_problem(side.weights, n_problems) for side in (one, two))
    return Effects((n[0], n[1]), np.count_nonzero(held, axis=0), (one.mean, two.mean), small * d, lower, upper, p_value)


def _side(corpus: Corpus, weights: Array, n_problems: int) -> _Side:
    known = np.isfinite(corpus.values)
    weights = np.where(known, weights, 0.0)
    size, groups = kish(weights), kish(corpus.by_problem(weights, n_problems))
    total = weights.sum(axis=0)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    mean = np.where(total > 0, (weights * np.where(known, corpus.values, 0.0)).sum(axis=0), np.nan)
    centred = np.where(known, corpus.values - mean, 0.0)
    variance = (weights * centred**2).sum(axis=0) * size / (size - 1)
    return _Side(corpus, n_problems, weights, centred, mean, variance, size, groups)


def interval(value: Array, error: Array, freedom: Array) -> tuple[Array, Array]:
    """value ± t·error, 95 %; nan without degrees of freedom or without error."""
    from scipy.stats import t

    with np.errstate(invalid="ignore"):
        reach = np.where((freedom > 0.999) & (error > 0), t.ppf(0.975, freedom) * error, np.nan)
    return value - reach, value + reach


def two_sided(statistic: Array, freedom: Array) -> Array:
    """The p-value of a t statistic, at least 2e-308, never 0; nan where the statistic is not finite."""
    from scipy.stats import t

    p_value = np.maximum(2 * t.sf(np.abs(statistic), freedom), np.finfo(float).tiny)
    found: Array = np.where(np.isfinite(statistic) & (freedom > 0.999), p_value, np.nan)
    return found
