"""AIME: the American Invitational Mathematics Examination of any year; answers are whole numbers from 0 to 999.

    task: {aime: {test: [aime_2025_I.jsonl, aime_2025_II.jsonl]}}

Rows have ``problem`` or ``question``, and ``answer`` or ``expected_answer``; "025" is 25. Another answer than such a
number makes a row that cannot be graded. The rights in the problems are with the Mathematical Association of America.
"""

from dataclasses import dataclass
from typing import ClassVar

from understudy.registry import entry
from understudy.tasks._benchmark import Benchmark, Row, Sample, whole
from understudy.types import Skip

SAMPLE: Sample = {
    "train": ({"problem": "How many positive divisors of $7200$ are multiples of $12$?", "answer": "024"},),
    "test": (
        {"problem": "Find the remainder when $3^{40}$ is divided by $1000$.", "answer": "801"},
        {
            "problem": "In how many ways can two rooks of one colour stand on a $6 \\times 6$ board so that neither "
            "attacks the other?",
            "answer": "450",
        },
        {
            "problem": "The sum $\\frac{1}{1 \\cdot 2} + \\frac{1}{2 \\cdot 3} + \\cdots + \\frac{1}{24 \\cdot 25}$ is "
            "$\\frac{m}{n}$ in lowest terms. Find $m + n$.",
            "answer": "049",
        },
    ),
}


@entry
@dataclass(frozen=True)
class Aime(Benchmark):
    """``test`` names a file, several, or a directory that ``datasets`` wrote; there are no training problems."""

    name: ClassVar[str] = "aime"
    sample: ClassVar[Sample] = SAMPLE
    kept: ClassVar = {"id": ("id", "ID"), "year": ("year",), "number": ("problem_number",), "url": ("url",)}

    def gold(self, row: Row) -> str | Skip:
        """A whole number from 0 to 999, without leading zeros."""
        text = super().gold(row)
        if isinstance(text, Skip):
            return text
        number = whole(text)
        if number.isdecimal() and int(number) <= 999:
            return number
        return Skip(f"{text!r:.80} is no whole number from 0 to 999")
