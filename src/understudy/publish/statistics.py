"""What a data card says in figures, counted while traces pass by.

found = Statistics()
for frame in found.watching(frames): ...
found.style()          # one row a model, and one of all
"""

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from understudy import profile
from understudy.exchange import Count
from understudy.style.pivots import TYPES

ALL = ""
"""What the row of all traces is named by in ``style``."""
MOST = 6
"""Models whose style has a column of its own: those with the most traces."""
_MEASURED = ("model", "source", "words", *TYPES, "pivot_types", "backtracks")


class Statistics:
    """Counts and the style of traces. About 200 bytes a trace are kept."""

    def __init__(self) -> None:
        self.count = Count("")
        self._traces: list[pl.DataFrame] = []
        self._measures: list[pl.DataFrame] = []

    def watching(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The frames as they are."""
        for frame in frames:
            self.count.add(frame)
            self._traces.append(frame.select("problem_id", "model", "variant"))
            self._measures.append(profile.measure(frame, core=True).select(_MEASURED))
            yield frame

    @property
    def problems(self) -> int:
        """How many problems the traces are of."""
        return pl.concat(self._traces)["problem_id"].n_unique()

    def named(self, column: str) -> list[tuple[str, int]]:
        """Models or variants with their numbers of traces, the most frequent first; traces without are left out."""
        counts = pl.concat(self._traces).filter(pl.col(column) != "").group_by(column).len()
        return counts.sort(["len", column], descending=[True, False]).rows()

    def style(self) -> dict[str, dict[str, float | int | None]]:
        """``profile.summarise`` of all traces, named ``ALL``, and of the ``MOST`` frequent models if there are two."""
        measures = pl.concat(self._measures)
        models = [name for name, _ in self.named("model")]
        chosen: Sequence[str] = models[:MOST] if len(models) > 1 else ()
        parts = {ALL: measures} | {name: measures.filter(model=name) for name in chosen}
        return {name: profile.summarise(part).row(0, named=True) for name, part in parts.items()}
