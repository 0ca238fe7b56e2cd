"""The funnel: how many traces each step dropped, why, and how many it left.

    funnel.table()          # for a terminal
    funnel.plain()          # for JSON

In = kept + dropped, and that of each step is what the step before it left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Step:
    """A step: for each reason how many traces it dropped, the most frequent first, and how many it left."""

    name: str
    reasons: dict[str, int]
    left: int

    @property
    def dropped(self) -> int:
        """How many it dropped."""
        return sum(self.reasons.values())


@dataclass(frozen=True)
class Funnel:
    """``traces`` came in; each step took what the one before it left.

    ``unprompted`` of those that were compared with benchmarks have no prompt that could be compared.
    """

    traces: int
    steps: tuple[Step, ...]
    unprompted: int = 0

    @classmethod
    def of(cls, total: int, steps: Sequence[str], dropped: pl.DataFrame, unprompted: int = 0) -> "Funnel":
        """The funnel of these steps; ``dropped`` has the step and the reason of every trace that was dropped."""
        counts = (
            dropped.group_by("step", "reason").len().sort(["step", "len", "reason"], descending=[False, True, False])
        )
        reasons = {
            name: dict(row[1:] for row in rows) for name, rows in groupby(counts.iter_rows(), lambda row: row[0])
        }
        found: list[Step] = []
        left = total
        for name in steps:
            left -= sum(reasons.get(name, {}).values())
            found.append(Step(name, reasons.get(name, {}), left))
        return cls(total, tuple(found), unprompted)

    @property
    def kept(self) -> int:
        """How many came out."""
        return self.steps[-1].left if self.steps else self.traces

    def plain(self) -> dict[str, Any]:
        """The funnel as JSON has it."""
        steps = [
            {"step": step.name, "dropped": step.dropped, "reasons": step.reasons, "left": step.left}
            for step in self.steps
        ]
        return {
            "traces": self.traces,
            "kept": self.kept,
            "dropped": self.traces - self.kept,
            "unprompted": self.unprompted,
            "steps": steps,
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Heading and rows: a row a reason, or one for a step that dropped nothing."""
        rows = [["read", "", "", f"{self.traces:,}", self._share(self.traces)]]
        for step in self.steps:
            left = self.traces if step is self.steps[0] else self.steps[self.steps.index(step) - 1].left
            for reason, count in (step.reasons or {"": 0}).items():
                left -= count
                rows.append([step.name, reason, f"{count:,}", f"{left:,}", self._share(left)])
        return ["step", "reason", "dropped", "left", "left %"], rows

    def _share(self, count: int) -> str:
        return f"{100 * count / self.traces:.1f}" if self.traces else "–"
