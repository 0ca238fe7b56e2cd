"""What a cell of the report says: a figure or a text, in the one way that every section uses.

    percent(0.5)   # "50.0"
    percent(None)  # "–"

Missing is never 0.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from understudy.types import Estimate

DASH = "–"
"""Stands for a figure that there is none of."""

_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters, those that change direction or have no width, and the tags that can hide a whole text."""


@dataclass(frozen=True)
class Table:
    """A table of finished cells. ``align`` has a letter a column: l or r. The first column names the row."""

    head: Sequence[str]
    align: str
    rows: Sequence[Sequence[str]]


def visible(text: str) -> str:
    """The text with control characters and invisible or direction-changing ones written out as ⟨U+202E⟩."""
    return _HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text.replace("\r\n", "\n"))


def decimal(value: float | None, digits: int = 1) -> str:
    """A number with its thousands apart, a true minus sign, and a dash where it is missing."""
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    written = f"{value:,.{digits}f}"
    return _minus(written if float(written.replace(",", "")) else written.lstrip("-"))


def percent(share: float | None) -> str:
    """A share in [0, 1] as percent, without the sign."""
    return decimal(None if share is None else 100 * share)


def points(difference: float | None) -> str:
    """A difference of two shares as signed percentage points."""
    if difference is None or math.isnan(difference):
        return DASH
    return _minus(f"{100 * difference:+.1f}")


def probability(p: float | None) -> str:
    """A p-value, to three digits."""
    if p is None or math.isnan(p):
        return DASH
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def share(estimate: Estimate | None) -> str:
    """A share with its 95 % interval, in percent: ``21.4 [18.0, 25.2]``."""
    if estimate is None:
        return DASH
    return between(percent(estimate.value), percent(estimate.lower), percent(estimate.upper))


def difference(estimate: Estimate) -> str:
    """A difference with its 95 % interval, in percentage points."""
    return between(points(estimate.value), points(estimate.lower), points(estimate.upper))


def ratio(estimate: Estimate | None) -> str:
    """A ratio with its 95 % interval."""
    if estimate is None:
        return DASH
    return between(decimal(estimate.value), decimal(estimate.lower), decimal(estimate.upper))


def spread(values: Iterable[float | None], digits: int = 0) -> str:
    """One figure if all agree, else the least and the greatest; missing ones are left out."""
    shown = sorted({value for value in values if value is not None})
    if not shown:
        return DASH
    low, high = decimal(shown[0], digits), decimal(shown[-1], digits)
    return low if low == high else f"{low} to {high}"


def listing(names: Iterable[str], most: int | None = None) -> str:
    """``a, b and c``; from ``most`` names on, the rest is counted."""
    shown = list(names)
    if most is not None and len(shown) > most:
        shown = [*shown[:most], f"{len(shown) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else "none"


def seconds(value: float) -> str:
    """A duration in the unit that suits it."""
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def between(value: str, lower: str, upper: str) -> str:
    """A figure with its interval, or alone where one end is missing."""
    return value if DASH in (value, lower, upper) else f"{value} [{lower}, {upper}]"


def _minus(text: str) -> str:
    return text.replace("-", "−")
