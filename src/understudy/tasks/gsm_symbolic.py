"""GSM-Symbolic: questions of GSM8K as templates, each filled in many times with other names and numbers.

    task: {gsm-symbolic: {test: GSM_p2.jsonl}}

Mirzadeh et al. 2024 (arXiv 2410.05229). Rows have ``question`` and a worked ``answer`` that ends in ``#### 18``.
``template`` and ``instance`` are kept: instances of one template are not independent of each other. Answers are
graded by the ``number`` grader.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from understudy.graders.number import extract
from understudy.registry import entry
from understudy.tasks._benchmark import Benchmark, Row, Sample
from understudy.types import Skip

SAMPLE: Sample = {
    "train": (
        {
            "id": 0,
            "instance": 0,
            "question": "Mira packs 5 boxes with 16 candles each and sells 34 candles. How many candles are left?",
            "answer": "She packs 5 * 16 = 80 candles.\nSo 80 - 34 = 46 are left.\n#### 46",
        },
    ),
    "test": (
        {
            "id": 1,
            "instance": 0,
            "question": "Tomas walks 3 km to work and the same way back, 5 days a week. On the weekend he walks 11 km. "
            "How many km does he walk in a week?",
            "answer": "He walks 2 * 3 * 5 = 30 km for work.\nIn the week it is 30 + 11 = 41 km.\n#### 41",
        },
        {
            "id": 1,
            "instance": 1,
            "question": "Lea walks 4 km to work and the same way back, 6 days a week. On the weekend she walks 9 km. "
            "How many km does she walk in a week?",
            "answer": "She walks 2 * 4 * 6 = 48 km for work.\nIn the week it is 48 + 9 = 57 km.\n#### 57",
        },
    ),
}


@entry
@dataclass(frozen=True)
class GsmSymbolic(Benchmark):
    """``test`` names a file, several, or a directory that ``datasets`` wrote; there are no training problems."""

    name: ClassVar[str] = "gsm-symbolic"
    sample: ClassVar[Sample] = SAMPLE
    graded_by: ClassVar[str] = "number"
    identified_by: ClassVar[tuple[str, ...]] = ()  # its id is that of a template, of which there are many questions
    kept: ClassVar = {
        "template": ("id",),
        "instance": ("instance",),
        "original_id": ("original_id",),
        "solution": ("answer",),
    }

    def gold(self, row: Row) -> str | Skip:
        """The number that the worked solution ends in."""
        solution: Any = super().gold(row)
        if isinstance(solution, Skip):
            return solution
        return extract(solution) or Skip(f"its solution ends in no number: {solution[-80:]!r}")
