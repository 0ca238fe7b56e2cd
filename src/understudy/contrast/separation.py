"""How far apart two corpora are in style, and how well a classifier tells them apart.

    from understudy.contrast.separation import Features, distance, separate

Both see the measures that do not grow with a trace (``measures.LENGTH_FREE``) of at most ``SAMPLED`` traces of each
corpus, whole problems at a time, drawn by seed: distances between all pairs and refitting take no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from understudy.compare.statistics import Array, percentiles, wilson
from understudy.contrast.effects import Whole, interval, kish
from understudy.randomness import seed_of

SAMPLED = 2_000
FOLDS = 5
_RESAMPLES = 500
_SPLITS = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its 95 % interval (null where there is none); ``n`` traces of each corpus, ``n_clusters``
    problems, and how it was made."""

    name: str
    value: float | None
    lower: float | None
    upper: float | None
    n: tuple[int, int]
    n_clusters: int
    method: str


@dataclass(frozen=True, eq=False)
class Features:
    """Traces of both corpora, one below the other: ``values`` (traces, measures) standardised, without a gap;
    ``is_a`` and ``problems`` (traces,); ``weights`` (traces,), 0 for those that do not count."""

    names: tuple[str, ...]
    values: Array
    is_a: NDArray[np.bool_]
    problems: Whole
    weights: Array

    def figure(self, name: str, method: str) -> Figure:
        """A figure of these traces, yet without a value."""
        counted = self.weights > 0
        n = int((counted & self.is_a).sum()), int((counted & ~self.is_a).sum())
        return Figure(name, None, None, None, n, len(np.unique(self.problems[counted])), method)

    def only(self, keep: Sequence[int]) -> "Features":
        return replace(self, names=tuple(self.names[j] for j in keep), values=self.values[:, list(keep)])


def standardised(names: Sequence[str], values: Array, is_a: NDArray[np.bool_], problems: Whole) -> Features:
    """The measures that at least half the traces of each corpus have and that vary, in standard deviations.

    Mean and standard deviation are those of both corpora at equal weight, whatever their sizes. A missing value
    becomes the mean: that one is missing must not tell the corpora apart.
    """
    known = np.isfinite(values)
    share = np.where(is_a, 0.5 / max(is_a.sum(), 1), 0.5 / max((~is_a).sum(), 1))[:, None] * known
    filled = np.where(known, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (share * filled).sum(axis=0) / share.sum(axis=0)
        centred = np.where(known, filled - mean, 0.0)
        spread = np.sqrt((share * centred**2).sum(axis=0) / share.sum(axis=0))
        common = np.minimum(share[is_a].sum(axis=0), share[~is_a].sum(axis=0)) >= 0.25
        kept = np.flatnonzero(common & (spread > 1e-12 * np.abs(mean)))
    return Features(
        tuple(names[int(j)] for j in kept), centred[:, kept] / spread[kept], is_a, problems, np.ones(len(values))
    )


def sample(is_a: NDArray[np.bool_], problems: Whole, seed: int) -> Whole:
    """Rows of at most ``SAMPLED`` traces of each corpus, problems in a random order that both corpora share."""
    order = np.random.default_rng(seed_of(seed, "contrast", "sample")).permutation(int(problems.max(initial=-1)) + 1)
    rows = np.argsort(order[problems], kind="stable")
    return np.sort(np.concatenate([rows[is_a[rows] == side][:SAMPLED] for side in (True, False)]))


def distance(features: Features, seed: int) -> tuple[Figure, float | None]:
    """The style distance between the corpora, and what random halves of one corpus reach in 95 % of splits.

    1 − (E‖A−A'‖ + E‖B−B'‖) / (2·E‖A−B‖), where ‖·‖ is the Euclidean distance between the standardised measures of
    two traces: the coefficient of inhomogeneity of the energy distance (Székely and Rizzo 2013, *Energy statistics*,
    Journal of Statistical Planning and Inference 143, 1249–1272). It has no unit. 0: the corpora have the same
    distribution; 1: each is uniform and they differ. Only pairs of traces of different problems enter, which makes
    it unbiased, so equal corpora lie around 0 and may fall below. The interval resamples problems of both corpora
    together. The null is of halves by problem, the larger of both corpora's; halves being smaller, it is generous.
    """
    figure = features.figure("style distance", f"energy coefficient, bootstrap over problems ({_RESAMPLES})")
    sides = [np.flatnonzero(side) for side in _sides(features)]
    if not features.names or min(len(np.unique(features.problems[side])) for side in sides) < 2:
        return replace(figure, method="none: a corpus has fewer than 2 problems or nothing varies"), None
    within, across = [Pairs.of(features, side, side) for side in sides], Pairs.of(features, *sides)
    n_problems = int(features.problems.max()) + 1
    rng = np.random.default_rng(seed_of(seed, "contrast", "distance"))
    drawn = rng.multinomial(n_problems, np.full(n_problems, 1 / n_problems), _RESAMPLES)
    weights = np.vstack([np.ones((1, n_problems)), drawn])
    means = [pairs.mean(weights, weights) for pairs in (*within, across)]
    draws = 1 - (means[0] + means[1]) / (2 * means[2])
    lower, upper = percentiles(draws[1:], float(draws[0])) or (None, None)
    half = (rng.random((_SPLITS, n_problems)).argsort(axis=1) < n_problems // 2).astype(float)
    halves = [found[np.isfinite(found)] for found in (_of_halves(pairs, half) for pairs in within)]
    null = max((float(np.quantile(found, 0.95)) for found in halves if len(found)), default=None)
    value = float(draws[0]) if np.isfinite(draws[0]) else None
    return replace(figure, value=value, lower=lower, upper=upper), null


def _of_halves(pairs: "Pairs", half: Array) -> Array:
    """The distance between each random half of the problems of a corpus and its other half."""
    means = [pairs.mean(*sides) for sides in ((half, half), (1 - half, 1 - half), (half, 1 - half))]
    found: Array = 1 - (means[0] + means[1]) / (2 * means[2])
    return found


@dataclass(frozen=True, eq=False)
class Pairs:
    """Distances between traces, (traces, traces), 0 for two of one problem; the problem of each trace; the traces of
    each problem."""

    gaps: Array
    problems: tuple[Whole, Whole]
    counts: tuple[Whole, Whole]

    @classmethod
    def of(cls, features: Features, one: Whole, two: Whole) -> "Pairs":
        from scipy.spatial.distance import cdist

        first, second = features.problems[one], features.problems[two]
        gaps = cdist(features.values[one], features.values[two])
        gaps[first[:, None] == second] = 0.0
        n_problems = int(features.problems.max()) + 1
        counts = np.bincount(first, minlength=n_problems), np.bincount(second, minlength=n_problems)
        return cls(gaps, (first, second), counts)

    def mean(self, one: Array, two: Array) -> Array:
        """(resamples,) mean distances over pairs of different problems, with weights (resamples, problems); nan
        without such a pair."""
        sums = ((one[:, self.problems[0]] @ self.gaps) * two[:, self.problems[1]]).sum(axis=1)
        pairs = (one @ self.counts[0]) * (two @ self.counts[1]) - (one * two) @ (self.counts[0] * self.counts[1])
        found: Array = np.divide(sums, pairs, out=np.full(len(sums), np.nan), where=pairs > 0)
        return found


def folds(features: Features, seed: int) -> Whole:
    """(traces,) the fold of each trace: all of a problem in one, and the corpora spread evenly over them."""
    n_problems = int(features.problems.max(initial=-1)) + 1
    in_a, in_b = (np.bincount(features.problems[side], minlength=n_problems) > 0 for side in _sides(features))
    kind = in_a.astype(int) - in_b
    fold = np.zeros(n_problems, dtype=np.int64)
    order = np.random.default_rng(seed_of(seed, "contrast", "folds")).permutation(n_problems)
    for one in (-1, 0, 1):
        of_kind = order[kind[order] == one]
        fold[of_kind] = np.arange(len(of_kind)) % FOLDS
    found: Whole = fold[features.problems]
    return found


def _sides(features: Features) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return features.is_a & (features.weights > 0), ~features.is_a & (features.weights > 0)


def separate(features: Features, name: str, seed: int) -> tuple[Figure, Array]:
    """The cross-validated AUC of a logistic regression that tells A from B, and its coefficients.

    AUC: the probability that a trace of A scores higher than one of B of the same fold, ties counted half, by a
    classifier that saw no trace of their problems; the mean over folds by their weight. Coefficients are per
    standard deviation, towards A positive, means over folds. The interval is t on the logit, with the standard
    error from each trace's influence, summed by problem (LeDell, Petersen and van der Laan 2015, *Computationally
    efficient confidence intervals for cross-validated AUC estimates*, Electronic Journal of Statistics 9,
    1583–1607); it is Wilson's over problems where the separation is perfect. It does not say how another training
    set would have fared. Null where a corpus has fewer than 5 problems.
    """
    figure = features.figure(name, f"logistic regression, {FOLDS} folds by problem, interval clustered by problem")
    none = np.full(len(features.names), np.nan)
    problems = [len(np.unique(features.problems[side])) for side in _sides(features)]
    if not features.names or min(problems) < FOLDS:
        return replace(figure, method=f"none: a corpus has fewer than {FOLDS} problems or nothing varies"), none
    fold = folds(features, seed)
    scores, coefficients = _out_of_fold(features, fold)
    return _auc(figure, features, fold, scores), coefficients


def _out_of_fold(features: Features, fold: Whole) -> tuple[Array, Array]:
    from sklearn.linear_model import LogisticRegression

    scores, coefficients = np.full(len(fold), np.nan), []
    for number in range(FOLDS):
        learn, held = (fold != number) & (features.weights > 0), fold == number
        if not held.any() or len(np.unique(features.is_a[learn])) < 2:
            continue
        model = LogisticRegression(solver="newton-cholesky")
        model.fit(features.values[learn], features.is_a[learn], sample_weight=_equal(features, learn))
        scores[held] = model.decision_function(features.values[held])
        coefficients.append(model.coef_[0])
    return scores, np.mean(coefficients, axis=0)


def _equal(features: Features, rows: NDArray[np.bool_]) -> Array:
    """Weights of these traces under which both corpora weigh the same, with mean 1."""
    side, weights = features.is_a[rows], features.weights[rows]
    found: Array = weights * len(weights) / 2 / np.where(side, weights[side].sum(), weights[~side].sum())
    return found


def _auc(figure: Figure, features: Features, fold: Whole, scores: Array) -> Figure:
    """The mean AUC within folds, with its interval."""
    parts = []
    for number in range(FOLDS):
        rows = np.flatnonzero((fold == number) & np.isfinite(scores) & (features.weights > 0))
        side = features.is_a[rows]
        if side.any() and not side.all():
            auc, influence = placements(scores[rows], side, features.weights[rows])
            parts.append((float(features.weights[rows].sum()), auc, influence, rows))
    if not parts:
        return replace(figure, method="none: no fold has traces of both corpora")
    total = sum(weight for weight, *_ in parts)
    value = round(sum(weight * auc for weight, auc, *_ in parts) / total, 12)  # folds of 1 are to make 1
    influence = np.zeros(len(fold))
    for weight, _, of_fold, rows in parts:
        influence[rows] = of_fold * weight / total
    lower, upper = _auc_interval(
        value, np.bincount(features.problems, influence).astype(float), _fewest_problems(features)
    )
    return replace(figure, value=value, lower=lower, upper=upper)


def placements(scores: Array, is_a: NDArray[np.bool_], weights: Array) -> tuple[float, Array]:
    """P(score of A > score of B) + ½·P(equal), and how much each trace moves it (DeLong et al. 1988, Biometrics 44,
    837–845, eq. 3 to 5)."""
    _, place = np.unique(scores, return_inverse=True)
    below = []
    for side in (is_a, ~is_a):
        mass = np.bincount(place, weights * side) / weights[side].sum()
        below.append(np.cumsum(mass) - mass / 2)
    value = float((weights * below[1][place])[is_a].sum() / weights[is_a].sum())
    moved = np.where(is_a, below[1][place], 1 - below[0][place]) - value
    return value, moved * weights / np.where(is_a, weights[is_a].sum(), weights[~is_a].sum())


def _fewest_problems(features: Features) -> float:
    weights = [np.bincount(features.problems, features.weights * side).astype(float) for side in _sides(features)]
    return min(float(kish(one[:, None])[0]) for one in weights)


def _auc_interval(value: float, by_problem: Array, n_problems: float) -> tuple[float | None, float | None]:
    error = float(np.sqrt((by_problem**2).sum() * n_problems / max(n_problems - 1, 1e-9)))
    if error < 1e-9 or not 0 < value < 1:
        return wilson(value, int(n_problems)) if value in (0.0, 1.0) else (None, None)
    logit, slope = np.log(value / (1 - value)), 1 / (value * (1 - value))
    bounds = interval(np.array(logit), np.array(slope * error), np.array(n_problems - 1))
    lower, upper = (float(1 / (1 + np.exp(-bound))) for bound in bounds)
    return (lower, upper) if np.isfinite(lower) and np.isfinite(upper) else (None, None)
