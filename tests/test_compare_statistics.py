"""The statistics of ``compare`` on plain numbers: published values and defining equations."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import norm

from understudy.compare import detectable_difference, sign_flip

MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]  # Darwin's, in eighths of an inch


def test_sign_flip_of_darwins_maize_is_fishers():
    """Fisher 1935, *The design of experiments*, § 21: 863 of 32,768 sums are as large, on each side."""
    assert sign_flip(MAIZE) == pytest.approx(2 * 863 / 32_768, rel=1e-12)


def test_detectable_difference_inverts_connors_sample_size():
    """Connor 1987: 0.45 against 0.05 discordant needs 22.01 pairs at alpha 0.05, power 0.8."""
    assert detectable_difference(22, 0.5, 0.05) == pytest.approx(0.4, abs=2e-4)
    assert detectable_difference(23, 0.5, 0.05) < 0.4


def test_sign_flip_stays_above_zero_where_floats_end():
    assert 0 < sign_flip([1] * 5000) < 1e-300


@example(15, 1.0, 1e-4)  # z² is 15.1: not even 15 of 15 discordant pairs would do
@given(st.integers(1, 5000), st.floats(0.01, 1), st.floats(1e-4, 0.05))
def test_detectable_difference_solves_connors_formula(n, discordance, alpha):
    d = detectable_difference(n, discordance, alpha)
    if d is None:
        assert n < norm.ppf(1 - alpha / 2) ** 2
        return
    assert 0 < d <= 1
    rate = max(discordance, d)
    needed = norm.ppf(1 - alpha / 2) * sqrt(rate) + norm.ppf(0.8) * sqrt(rate - d**2)
    assert (needed / d) ** 2 == pytest.approx(n)


def test_detectable_difference_is_found_four_times_in_five():
    n, discordance = 400, 0.3
    d = detectable_difference(n, discordance, 0.05)
    chances = [(discordance + d) / 2, (discordance - d) / 2, 1 - discordance]
    draws = np.random.default_rng(3).multinomial(n, chances, size=1000)
    found = np.mean([sign_flip([1] * b + [-1] * c) < 0.05 for b, c, _ in draws.tolist()])
    assert 0.74 < found < 0.83
