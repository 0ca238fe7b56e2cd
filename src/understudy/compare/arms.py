"""The figures of one arm that are a ratio of counts, each with its interval.

    from understudy.compare.arms import of_arm
    of_arm(cells, Bootstrap(seed=0, resamples=10_000), forced=False)

What they are is said in ``compare.estimate``; those of several samples a problem are made in ``samples``.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from understudy.compare.outcomes import COUNTS, STATUSES, Cells
from understudy.compare.statistics import Array, Bootstrap, odds_ratio_interval, percentiles, wilson
from understudy.types import Estimate

_RATIOS: Mapping[str, tuple[str, str]] = {
    "accuracy": ("right", "attempts"),
    "accuracy if unscored were right": ("right or unscored", "attempts"),
    **{f"share {status}": (status, "attempts") for status in STATUSES[1:]},
    "mean tokens": ("tokens", "counted"),
}
_FORCED_RATIOS: Mapping[str, tuple[str, str]] = {
    "share forced end": ("forced end", "attempts"),
    "mean waits": ("waits", "attempts"),
}
_TRACE_RATIOS: Mapping[str, tuple[str, str]] = {
    "trace right": ("trace right", "attempts"),
    "answer and trace right": ("both", "attempts"),
    "answer right given trace right": ("both", "trace right"),
    "answer right given trace wrong": ("answer only", "trace wrong"),
}
_MEANS = ("mean tokens", "mean waits")
_OF_MEANS = ("tokens", "counted", "waits", "attempts")


def of_arm(cells: Cells, bootstrap: Bootstrap, forced: bool) -> list[Estimate]:
    """All of them; ``forced``: also how often budget forcing fired."""
    traced = cells.total("trace right") + cells.total("trace wrong") > 0
    needed = _OF_MEANS if cells.single else set(COUNTS) - {"right or unscored"}
    varied = [name for name in COUNTS if name in needed and cells[name].any()]  # zeros stay zeros
    sums = cells.sums[[list(COUNTS).index(name) for name in varied]]
    draws = dict(zip(varied, bootstrap.totals(cells.seeds, sums), strict=True))
    ratios = {**_RATIOS, **(_FORCED_RATIOS if forced else {}), **(_TRACE_RATIOS if traced else {})}
    figures = [_ratio(cells, name, ratios[name], draws, bootstrap) for name in ratios]
    return [*figures, _odds_ratio(cells, draws, bootstrap)] if traced else figures


def figure_of(cells: Cells, name: str, value: float | None, n: int) -> Estimate:
    """A figure of this arm, yet without an interval."""
    return Estimate(name, cells.arm, None, cells.sampling, value, None, None, n, len(cells.seeds), method="")


def with_draws(figure: Estimate, draws: Array | None, units: int, cells: Cells, bootstrap: Bootstrap) -> Estimate:
    """A share with the percentile interval of its draws, or Wilson's of ``units`` problems where they do not vary."""
    interval = None if draws is None or figure.value is None else percentiles(draws, figure.value)
    if interval and units > 1:
        return _bootstrapped(figure, interval, cells, bootstrap)
    method = "Wilson" if cells.single else "Wilson over problems: too little varies to resample"
    lower, upper = wilson(figure.value or 0.0, units)
    return replace(figure, lower=lower, upper=upper, method=method)


def resampled(*cells: Cells) -> str:
    """What is resampled for an interval, in words."""
    return "seeds and problems" if any(len(one.seeds) > 1 for one in cells) else "problems"


def _ratio(
    cells: Cells, name: str, counts: tuple[str, str], draws: Mapping[str, Array], bootstrap: Bootstrap
) -> Estimate:
    top, bottom = counts
    n = cells.total(bottom)
    value = cells.total(top) / n if n else None
    figure = figure_of(cells, name, value, len(cells.problems) if name.startswith("accuracy") else n)
    if value is None:
        return replace(figure, method="no attempt counts")
    if name == "accuracy if unscored were right":
        return replace(figure, method="upper bound of accuracy")
    units = int(np.count_nonzero(cells.by_problem(bottom)))
    found = None
    if top in draws and bottom in draws:
        with np.errstate(invalid="ignore"):
            found = draws[top] / draws[bottom]
    if name in _MEANS and (found is None or units < 2 or percentiles(found, value) is None):
        return replace(figure, method="no interval: too little varies to resample")
    return with_draws(figure, found, units, cells, bootstrap)


def _odds_ratio(cells: Cells, draws: Mapping[str, Array], bootstrap: Bootstrap) -> Estimate:
    names = ("both", "answer only", "trace only", "neither")
    both, answer_only, trace_only, neither = table = [cells.total(name) for name in names]
    value = both * neither / (answer_only * trace_only) if answer_only * trace_only else None
    figure = figure_of(cells, "odds ratio of answer and trace", value, sum(table))
    if value is None or 0 in table:
        return replace(figure, method="no interval: a cell of the 2×2 table is zero")
    if cells.single:
        lower, upper = odds_ratio_interval([[both, answer_only], [trace_only, neither]])
        return replace(figure, lower=lower, upper=upper, method="normal on the log odds ratio")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = draws["both"] * draws["neither"] / (draws["answer only"] * draws["trace only"])
    if interval := percentiles(ratios, value):
        return _bootstrapped(figure, interval, cells, bootstrap)
    return replace(figure, method="no interval: in many resamples a cell of the 2×2 table is zero")


def _bootstrapped(figure: Estimate, interval: tuple[float, float], cells: Cells, bootstrap: Bootstrap) -> Estimate:
    method = f"bootstrap over {resampled(cells)} ({bootstrap.resamples})"
    return replace(figure, lower=interval[0], upper=interval[1], method=method, seed=bootstrap.seed)
