r"""What several samples a problem show: pass@k, and what a vote among k samples would have answered.

    from understudy.compare.samples import majority_at, pass_at
    pass_at(n=4, right=1, k=2)                         # 0.5
    majority_at(right=2, wrong=(1, 1), silent=0, k=4)  # 1.0

Both are means over every choice of k of the n attempts of a student at a problem: exact and unbiased, no attempt is
left out and nothing is drawn. mean@k is the accuracy, whatever k is.

For a vote, answers are the same if they are both right, or if ``answer_class`` writes them alike. So two ways to write
one wrong answer may count as two, and two ways to write the right one never do: both can only help the right answer,
where answers are formulas or texts. Numbers and letters have no such bias.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, lru_cache
from math import comb

import numpy as np
import polars as pl

from understudy.compare.arms import figure_of, with_draws
from understudy.compare.outcomes import Cells
from understudy.compare.statistics import Array, Bootstrap
from understudy.graders import number
from understudy.graders._latex import plain
from understudy.types import Estimate

IF_RIGHT = " if unscored were right"
_FRACTION = re.compile(r"(-?)\\frac\{([0-9]+)\}\{([0-9]+)\}")
_LOOSE = re.compile(r"(?<![0-9]) | (?![0-9])")


def of_samples(rows: pl.DataFrame, cells: Cells, accuracy: Estimate, bootstrap: Bootstrap) -> list[Estimate]:
    """``mean@n``, and ``pass@k`` and ``majority@k`` for k = 1, 2, 4 … and n, the fewest attempts that a student made at
    a problem. Empty if that is one.

    ``rows`` are the checked outcomes of the arm and sampling that ``cells`` counts. A student at a problem weighs the
    same however many attempts it made. There is no majority where it is not known what a scored attempt answered.
    """
    fewest = int(np.where(cells["attempts"] > 0, cells["attempts"], np.inf).min())
    if fewest < 2:
        return []
    sizes = [k for k in (2**power for power in range(fewest.bit_length())) if k < fewest] + [fewest]
    named = {f"pass@{k}": _pass(cells, k, "right") for k in sizes}
    named |= {f"pass@{k}{IF_RIGHT}": _pass(cells, k, "right or unscored") for k in sizes}
    if not rows.select((pl.col("answer").is_not_null() & pl.col("extracted").is_null()).any()).item():
        wrong = _wrong(rows, cells)
        named |= {f"majority@{k}": _majority(cells, wrong, k, False) for k in sizes}
        named |= {f"majority@{k}{IF_RIGHT}": _majority(cells, wrong, k, True) for k in sizes}
    return [replace(accuracy, name=f"mean@{fewest}"), *_figures(named, cells, bootstrap)]


def pass_at(n: int, right: int, k: int) -> float:
    """The share of the choices of k of n attempts that hold a right one, of which there are ``right``.

    1 − C(n − right, k) / C(n, k): equation 1 of Chen et al. 2021, *Evaluating large language models trained on code*,
    arXiv 2107.03374. Its mean over problems is an unbiased estimate of pass@k.
    """
    return 1 - comb(n - right, k) / comb(n, k)


@lru_cache(maxsize=2**16)
def majority_at(right: int, wrong: tuple[int, ...], silent: int, k: int) -> float:
    """How likely k of all attempts, chosen by chance, elect the right answer: self-consistency (Wang et al. 2022, arXiv
    2203.11171).

    ``right`` attempts vote for it, ``wrong`` counts the votes of each other answer, and ``silent`` attempts vote for
    nothing. The answer with most votes is elected, one of several that tie by lot; if nobody votes, none is.

    If the right answer is drawn v times, every other must be drawn fewer times, or tie. One of 1 + t that tie wins with
    chance 1/(1 + t) = ∫₀¹ yᵗ dy, so each tie weighs y and the integral is a Gauss–Legendre sum, exact for polynomials.
    How often an answer is drawn is taken as binomial with chance k/n: given that k are drawn in all, that is the same
    as drawing k without replacement, and all terms are positive, so nothing cancels.
    """
    n = right + sum(wrong) + silent
    nodes, shares = _legendre(len(wrong) // 2 + 1)
    total = 0.0
    for votes in range(1, min(right, k) + 1):
        rest = k - votes
        ways = np.tile(_drawn(silent, k, n)[: rest + 1], (len(nodes), 1))
        for size in wrong:
            drawn = np.tile(_drawn(size, k, n)[: votes + 1], (len(nodes), 1))
            drawn[:, votes:] *= nodes[:, None]
            ways = _added(ways, drawn)[:, : rest + 1]
        if ways.shape[1] > rest:
            total += float(_drawn(right, k, n)[votes] * (shares @ ways[:, rest]))
    return min(round(total / float(_drawn(n, k, n)[k]), 12), 1.0)


@lru_cache(maxsize=2**16)
def answer_class(answer: str) -> str:
    """What stands for all answers that read the same: an exact number, or the text in one plain form of its LaTeX,
    without case and loose spaces."""
    text = _LOOSE.sub("", plain(answer)).casefold()
    value = number.value(_FRACTION.sub(r"\1\2/\3", text))
    return text if value is None else str(value)


def _figures(named: dict[str, Array], cells: Cells, bootstrap: Bootstrap) -> Iterator[Estimate]:
    """Means over all students at all problems that they tried, with intervals; the upper bounds have none."""
    tried = (cells["attempts"] > 0).astype(float)
    given = {name: values for name, values in named.items() if not name.endswith(IF_RIGHT)}
    totals = bootstrap.totals(cells.seeds, np.stack([*given.values(), tried]))
    with np.errstate(invalid="ignore"):
        draws = dict(zip(given, np.round(totals[:-1] / totals[-1], 12), strict=True))  # equal up to rounding is equal
    for name, values in named.items():
        figure = figure_of(cells, name, float(values.sum() / tried.sum()), len(cells.problems))
        if name in given and not name.endswith("@1") and _yes_or_no(values):
            figure = with_draws(figure, None, len(cells.problems), cells, bootstrap)
            yield replace(figure, method="Wilson over problems")
        elif name in given:
            yield with_draws(figure, draws[name], len(cells.problems), cells, bootstrap)
        else:
            yield replace(figure, method=f"upper bound of {name.removesuffix(IF_RIGHT)}")


def _yes_or_no(values: Array) -> bool:
    """Whether one student has 0 or 1 at every problem, as pass@n has: Wilson's holds better than resampling then."""
    return len(values) == 1 and bool(np.isin(values, (0, 1)).all())


def _pass(cells: Cells, k: int, column: str) -> Array:
    """(seeds, problems) pass@k, 0 where nothing was tried."""
    found = np.zeros(cells.sums.shape[1:])
    for place in zip(*np.nonzero(cells["attempts"]), strict=True):
        found[place] = pass_at(int(cells["attempts"][place]), int(cells[column][place]), k)
    return found


def _majority(cells: Cells, wrong: dict[tuple[int, str], tuple[int, ...]], k: int, if_right: bool) -> Array:
    """(seeds, problems) majority@k, 0 where nothing was tried; ``if_right``: the silent vote for the right answer."""
    found = np.zeros(cells.sums.shape[1:])
    for place in zip(*np.nonzero(cells["attempts"]), strict=True):
        known = wrong.get((cells.seeds[place[0]], cells.problems[place[1]]), ())
        right, either = int(cells["right"][place]), int(cells["right or unscored"][place])
        found[place] = majority_at(either, known, 0, k) if if_right else majority_at(right, known, either - right, k)
    return found


def _wrong(rows: pl.DataFrame, cells: Cells) -> dict[tuple[int, str], tuple[int, ...]]:
    """The votes for each wrong answer, most first, of a seed at a problem."""
    wrong = rows.filter(pl.col("answer") == 0)
    known = {answer: answer_class(answer) for answer in wrong["extracted"].unique().to_list()}
    named = wrong.with_columns(pl.col("extracted").replace_strict(known, return_dtype=pl.String))
    votes = named.group_by("seed", "problem_id", "extracted").len("votes")
    cast = votes.group_by("seed", "problem_id").agg(pl.col("votes").sort(descending=True))
    return {(seed, problem): tuple(each) for seed, problem, each in cast.iter_rows()}


@cache
def _legendre(count: int) -> tuple[Array, Array]:
    """Nodes and weights of Gauss–Legendre quadrature on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


@lru_cache(maxsize=2**12)
def _drawn(size: int, k: int, n: int) -> Array:
    """(size + 1,) the chance that so many of ``size`` attempts are drawn, each with chance k/n."""
    from scipy.stats import binom

    chances: Array = binom.pmf(np.arange(size + 1), size, k / n)
    return chances


def _added(one: Array, other: Array) -> Array:
    """The distributions of sums, row by row."""
    sums = np.zeros((len(one), one.shape[1] + other.shape[1] - 1))
    for offset in range(other.shape[1]):
        sums[:, offset : offset + one.shape[1]] += one * other[:, offset : offset + 1]
    return sums
