"""Agreement of two labellings of the same steps: Cohen's kappa, accuracy, F1 of each label, and who said what.

agreement(["read", "plan"], ["read", "read"]).kappa
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.style.episodes import EPISODES


@dataclass(frozen=True)
class Agreement:
    """``kappa`` (Cohen 1960), null where chance alone agrees wholly; ``confusion[i, j]`` counts steps with
    reference label i and given label j, in the order of ``EPISODES``."""

    n: int
    kappa: float | None
    accuracy: float
    f1: dict[str, float]
    confusion: NDArray[np.int64]

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the labels that occur."""
        return float(np.mean(list(self.f1.values())))

    def __str__(self) -> str:
        kappa = "-" if self.kappa is None else f"{self.kappa:.3f}"
        f1 = ", ".join(f"{name} {value:.2f}" for name, value in self.f1.items())
        return f"n {self.n}, kappa {kappa}, accuracy {self.accuracy:.3f}, macro-F1 {self.macro_f1:.3f} ({f1})"


def agreement(reference: Sequence[int] | NDArray[np.int64], given: Sequence[int] | NDArray[np.int64]) -> Agreement:
    """How well ``given`` agrees with ``reference``, both numbers of episodes. At least one step is needed."""
    size = len(EPISODES)
    pairs = np.asarray(reference, np.int64) * size + np.asarray(given, np.int64)
    confusion = np.bincount(pairs, minlength=size * size).reshape(size, size)
    n = int(confusion.sum())
    rows, columns, hits = confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)
    accuracy = hits.sum() / n
    chance = (rows * columns).sum() / n**2
    f1 = {e: float(2 * hits[i] / (rows[i] + columns[i])) for i, e in enumerate(EPISODES) if rows[i] + columns[i]}
    kappa = None if chance == 1 else float((accuracy - chance) / (1 - chance))
    return Agreement(n, kappa, float(accuracy), f1, confusion)
