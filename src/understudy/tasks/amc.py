"""AMC: problems of the American Mathematics Competitions whose answers are numbers, without their choices.

    task: {amc: {test: amc23.jsonl}}

Rows have ``problem`` or ``question``, and ``answer``; 27.0 is 27. Answers are compared as mathematics. The rights in
the problems are with the Mathematical Association of America.
"""

from dataclasses import dataclass
from typing import ClassVar

from understudy.registry import entry
from understudy.tasks._benchmark import Benchmark, Row, Sample, whole
from understudy.types import Skip

SAMPLE: Sample = {
    "train": ({"problem": "What is the sum of the digits of $4^{5} \\cdot 5^{9}$?", "answer": 2.0},),
    "test": (
        {"problem": "How many diagonals does a convex polygon with $11$ sides have?", "answer": 44.0},
        {
            "problem": "A cyclist rides $12$ miles at $8$ miles an hour and back at $24$ miles an hour. What is the "
            "average speed of the whole ride, in miles an hour?",
            "answer": 12.0,
        },
        {"problem": "What is the slope of the line through $(3, -2)$ and $(-5, 4)$?", "answer": -0.75},
    ),
}


@entry
@dataclass(frozen=True)
class Amc(Benchmark):
    """``test`` names a file, several, or a directory that ``datasets`` wrote; there are no training problems."""

    name: ClassVar[str] = "amc"
    sample: ClassVar[Sample] = SAMPLE
    kept: ClassVar = {"id": ("id",), "url": ("url",)}

    def gold(self, row: Row) -> str | Skip:
        """As it is written; a number without decimals that say nothing."""
        text = super().gold(row)
        return text if isinstance(text, Skip) else whole(text)
