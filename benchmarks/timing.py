"""How two sides are timed and their ratio printed.

    ours, plain, mine, theirs = alternate(lambda: sum(range(10**6)), lambda: sum(list(range(10**6))))
    same(mine == theirs, "the sums differ")
    line("sums", 1 / ours, "sums/s", 1 / plain, "list first")

Other programs may share the machine, so that only ratios of one run mean anything.
"""

import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any


def alternate(ours: Callable[[], Any], plain: Callable[[], Any], repeats: int = 3) -> tuple[float, float, Any, Any]:
    """Median seconds of both sides, which take turns, and what each returned last. The first turn is not counted."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 1):
        one, first = timed(ours)
        other, second = timed(plain)
        taken[0].append(one)
        taken[1].append(other)
    return statistics.median(taken[0][1:]), statistics.median(taken[1][1:]), first, second


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call took, and what it returned."""
    started = perf_counter()
    result = function()
    return perf_counter() - started, result


def line(what: str, ours: float, unit: str, plain: float, against: str) -> None:
    """One result."""
    print(f"{what}: {ours:,.4g} {unit}; {against} {plain:,.4g} {unit}: ×{ours / plain:.2f}", flush=True)


def same(holds: bool, otherwise: str) -> None:
    """Stop where the two sides do not agree: their speeds cannot be compared."""
    if not holds:
        raise SystemExit(f"no ratio: {otherwise}")
