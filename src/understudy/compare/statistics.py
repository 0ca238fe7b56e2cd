"""The few statistics that scipy and statsmodels lack, on plain numbers.

from understudy.compare import sign_flip
sign_flip([1] * 12 + [-1] * 2)  # McNemar's exact test of 12 against 2: 0.0129
"""

from collections.abc import Iterable
from hashlib import blake2b
from math import isfinite, sqrt
from sys import float_info

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_BLOCK = 100  # resamples drawn at a time, which bounds the memory of the draws


class Bootstrap:
    """Weights of seeds and problems, drawn once for each set of seeds and each number of problems.

    So arms that share their seeds and problems are resampled together. Seeds and problems are resampled
    independently of each other (Owen 2007, *The pigeonhole bootstrap*, Annals of Applied Statistics 1,
    386–411).
    """

    def __init__(self, seed: int, resamples: int) -> None:
        self.seed, self.resamples = seed, resamples
        self._drawn: dict[str, Array] = {}

    def totals(self, seeds: tuple[int, ...], sums: Array) -> Array:
        """Resampled totals over seeds and problems: (columns, seeds, problems) → (columns, resamples)."""
        columns, n_seeds, n_problems = sums.shape
        by_seed = self._weights("problems", n_problems) @ sums.reshape(columns * n_seeds, n_problems).T
        by_seed = by_seed.reshape(self.resamples, columns, n_seeds)
        totals: Array = np.einsum("bks,bs->kb", by_seed, self._weights(f"seeds {seeds}", n_seeds))
        return totals

    def _weights(self, stream: str, size: int) -> Array:
        key = f"{self.seed} {stream} {size}"
        if key not in self._drawn:
            self._drawn[key] = self._draw(key, size)
        return self._drawn[key]

    def _draw(self, key: str, size: int) -> Array:
        entropy = int.from_bytes(blake2b(key.encode(), digest_size=16).digest(), "big")
        rng = np.random.Generator(np.random.PCG64(entropy))
        weights = np.empty((self.resamples, size))
        for start in range(0, self.resamples, _BLOCK):
            block = weights[start : start + _BLOCK]
            drawn = rng.integers(size, size=block.shape) + size * np.arange(len(block))[:, None]
            block[:] = np.bincount(drawn.ravel(), minlength=block.size).reshape(block.shape)
        return weights


def percentiles(draws: Array, value: float) -> tuple[float, float] | None:
    """The 95 % percentile interval around ``value``; null where it has no width or no end.

    Resamples in which the figure is undefined (nan) are left out.
    """
    defined = draws[~np.isnan(draws)]
    if not len(defined):
        return None
    with np.errstate(invalid="ignore"):  # between two infinite draws
        lower, upper = (float(bound) for bound in np.quantile(defined, (0.025, 0.975)))
    if not (isfinite(lower) and isfinite(upper) and lower < upper):
        return None
    return min(lower, value), max(upper, value)


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share of n."""
    from statsmodels.stats.proportion import proportion_confint

    lower, upper = proportion_confint(share * n, n, method="wilson")
    return min(max(float(lower), 0.0), share), max(min(float(upper), 1.0), share)  # rounding may pass an end


def sign_flip(differences: Iterable[int]) -> float:
    """Exact two-sided p-value of a sum of whole numbers, each of which could as well have had the other sign.

    The null distribution of the sum is computed, not sampled. For differences of −1, 0 and 1 only, this is
    McNemar's exact test. Source: Fisher 1935, *The design of experiments*, § 21. At least 2e-308, never 0.
    """
    from scipy.stats import binom

    values = np.array(list(differences), dtype=np.int64)
    sizes, counts = np.unique(np.abs(values[values != 0]), return_counts=True)
    null = np.ones(1)  # null[k] is the probability that those of positive sign sum to k
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        null = _convolve(null, binom.pmf(np.arange(count + 1), count, 0.5), size)
    observed = abs(int(values.sum()))
    if observed == 0:
        return 1.0
    tail = float(null[: (len(null) - 1 - observed) // 2 + 1].sum())
    return min(max(2 * tail, float_info.min), 1.0)


def _convolve(null: Array, steps: Array, size: int) -> Array:
    """The distribution of a sum when ``size`` times a number distributed as ``steps`` is added to it."""
    longer = np.zeros(len(null) + size * (len(steps) - 1))
    for offset in range(min(size, len(null))):  # a step moves within its residue class, so zeros are not multiplied
        longer[offset::size] = np.convolve(null[offset::size], steps)
    return longer


def holm(p_values: list[float]) -> list[float]:
    """Holm's adjusted p-values (1979), in the order given."""
    if len(p_values) < 2:
        return p_values
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def detectable_difference(n: int, discordance: float, alpha: float, power: float = 0.8) -> float | None:
    """The smallest true difference of two paired proportions that n pairs show with this power, two-sided.

    Connor's sample size (1987, *Sample size for testing differences in proportions for the paired-sample
    design*, Biometrics 43, 207–211), √n·d = z₁₋α/₂·√ψ + z_power·√(ψ − d²), solved for d: it is f·√ψ with f =
    (z₁₋α/₂·√n + z_power·√(n − z²₁₋α/₂ + z²_power)) / (n + z²_power). ψ, the ``discordance``, is the rate of
    discordant pairs or, of several attempts a problem, the mean square difference, which is that rate where
    there is one. A difference d needs ψ ≥ d, so d is never below f², where all discordant pairs go one way.
    This is the usual normal approximation: an exact test has a little less power. Null without discordant
    pairs, and where n is so small that not even a difference of 1 would show.
    """
    from scipy.stats import norm

    z, z_power = float(norm.ppf(1 - alpha / 2)), float(norm.ppf(power))
    if discordance <= 0 or n < z**2:
        return None
    f = (z * sqrt(n) + z_power * sqrt(n - z**2 + z_power**2)) / (n + z_power**2)
    return f * max(sqrt(discordance), f)


def odds_ratio_interval(table: list[list[int]]) -> tuple[float, float]:
    """The 95 % interval of the odds ratio of a 2×2 table without zeros, normal on its logarithm."""
    from statsmodels.stats.contingency_tables import Table2x2

    lower, upper = Table2x2(np.array(table, dtype=float)).oddsratio_confint()
    return float(lower), float(upper)
