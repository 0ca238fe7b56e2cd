"""Trace right × answer right: the counts, and every figure that is made of them.

    from understudy.rescore.contingency import Contingency, figures
    figures(Contingency(both=40, trace_only=13, answer_only=13, neither=21))["risk difference"].value   # 0.372

Attempts without a verdict on the trace are a row of their own: they are in n, and in no conditional figure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from understudy.compare.statistics import wilson


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval, the attempts ``n`` in its denominator, and how interval or p-value was made.

    What cannot be said is null, and ``method`` says why.
    """

    value: float | None
    n: int
    method: str
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Contingency:
    """Attempts by whether trace and answer are right. An answer without a score counts as not right.

    ``untraced_right`` and ``untraced_wrong`` have no verdict on their trace: there is none, or it was cut off.
    """

    both: int = 0
    trace_only: int = 0
    answer_only: int = 0
    neither: int = 0
    untraced_right: int = 0
    untraced_wrong: int = 0

    @property
    def trace_right(self) -> int:
        """Attempts whose trace is right."""
        return self.both + self.trace_only

    @property
    def trace_wrong(self) -> int:
        """Attempts whose trace is wrong."""
        return self.answer_only + self.neither

    @property
    def untraced(self) -> int:
        """Attempts without a verdict on the trace."""
        return self.untraced_right + self.untraced_wrong

    @property
    def n(self) -> int:
        """All attempts."""
        return self.trace_right + self.trace_wrong + self.untraced

    @property
    def cells(self) -> list[list[int]]:
        """The 2×2 of the attempts with a verdict: trace right, trace wrong × answer right, answer not right."""
        return [[self.both, self.trace_only], [self.answer_only, self.neither]]


def tabulate(pairs: Iterable[tuple[float | None, float | None]]) -> Contingency:
    """The counts of (trace, answer) pairs: 1 is right, anything less is not; null is no verdict, or no score."""
    counts = {(trace, answer): 0 for trace in (True, False, None) for answer in (True, False)}
    for trace, answer in pairs:
        counts[None if trace is None else trace == 1, answer == 1] += 1
    return Contingency(*counts.values())


def figures(table: Contingency) -> dict[str, Figure]:
    """The figures of a table, by name.

    - ``P(answer and trace)``: of all attempts; ``P(trace)``: of all attempts too, so one without a verdict counts
      as not right; ``P(answer | trace right)``, ``P(answer | trace wrong)`` and ``P(answer | no verdict)``: of the
      attempts of that row. Wilson's intervals.
    - ``risk difference``: P(answer | trace right) − P(answer | trace wrong), with Newcombe's hybrid score interval
      (1998, *Interval estimation for the difference between independent proportions*, Statistics in Medicine 17,
      873–890, method 10, no continuity correction).
    - ``odds ratio``: its interval is Woolf's, normal on the logarithm. If a cell is 0, 0.5 is added to all four
      (Haldane 1956, Anscombe 1956) for the figure and its interval, and ``method`` says so.
    - ``chi2`` (Pearson's) and ``chi2 (Yates)`` with continuity correction, one degree of freedom: value and p.
    - ``Fisher exact``: no value, two-sided p.

    The last four need attempts in both rows; all but the risk difference need both columns, too.
    """
    shares = {
        "P(answer and trace)": share(table.both, table.n),
        "P(trace)": share(table.trace_right, table.n),
        "P(answer | trace right)": share(table.both, table.trace_right),
        "P(answer | trace wrong)": share(table.answer_only, table.trace_wrong),
        "P(answer | no verdict)": share(table.untraced_right, table.untraced),
    }
    return shares | {"risk difference": risk_difference(table)} | _association(table)


def share(right: int, n: int) -> Figure:
    """A share of n with Wilson's 95 % interval; null of none."""
    if not n:
        return Figure(None, 0, "no attempt counts")
    lower, upper = wilson(right / n, n)
    return Figure(right / n, n, "Wilson", lower, upper)


def risk_difference(table: Contingency) -> Figure:
    """P(answer | trace right) − P(answer | trace wrong), with Newcombe's hybrid score interval."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    right, wrong = table.trace_right, table.trace_wrong
    if not (right and wrong):
        return _undefined(table)
    value = table.both / right - table.answer_only / wrong
    lower, upper = confint_proportions_2indep(table.both, right, table.answer_only, wrong, method="newcomb")
    bounds = min(max(float(lower), -1.0), value), max(min(float(upper), 1.0), value)  # rounding may pass an end
    return Figure(value, right + wrong, "Newcombe hybrid score", *bounds)


def _association(table: Contingency) -> dict[str, Figure]:
    """Whether trace and answer go together, on the attempts with a verdict."""
    from scipy.stats import chi2_contingency, fisher_exact

    names = ("odds ratio", "chi2", "chi2 (Yates)", "Fisher exact")
    cells = np.array(table.cells)
    if not (cells.any(axis=0).all() and cells.any(axis=1).all()):
        return dict.fromkeys(names, _undefined(table))
    n = int(cells.sum())
    plain, corrected = (chi2_contingency(cells, correction=yates) for yates in (False, True))
    least = f"smallest expected count {float(plain.expected_freq.min()):.1f}"
    found = (
        _odds_ratio(cells.astype(float), n),
        Figure(float(plain.statistic), n, f"Pearson, 1 df, {least}", p_value=float(plain.pvalue)),
        Figure(float(corrected.statistic), n, f"Yates, 1 df, {least}", p_value=float(corrected.pvalue)),
        Figure(None, n, "Fisher exact, two-sided", p_value=min(float(fisher_exact(cells).pvalue), 1.0)),
    )
    return dict(zip(names, found, strict=True))


def _odds_ratio(cells: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", n: int) -> Figure:
    from statsmodels.stats.contingency_tables import Table2x2

    shifted = bool((cells == 0).any())
    table = Table2x2(cells + 0.5 * shifted, shift_zeros=False)
    lower, upper = table.oddsratio_confint()
    method = "Woolf, 0.5 added to all cells (Haldane-Anscombe)" if shifted else "Woolf"
    return Figure(float(table.oddsratio), n, method, float(lower), float(upper))


def _undefined(table: Contingency) -> Figure:
    """Why there is no figure of two rows or two columns."""
    rows = {"right": table.trace_right, "wrong": table.trace_wrong}
    lacking = [f"no trace is {name}" for name, count in rows.items() if not count]
    reason = " and ".join(lacking) or "all answers fall in one column"
    return Figure(None, table.trace_right + table.trace_wrong, f"undefined: {reason}")
