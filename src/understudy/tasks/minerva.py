r"""Minerva: 272 problems of undergraduate courses in science and mathematics (OCWCourses).

    task: {minerva: {test: minerva_math.jsonl}}

Lewkowycz et al. 2022 (arXiv 2206.14858), section 3.3 and appendix. Rows have ``problem`` and a ``solution``, whose
last ``\boxed{}`` is the answer; ``type``, the course, is kept. Answers are compared as mathematics.
"""

from dataclasses import dataclass
from typing import ClassVar

from understudy.graders._reading import boxed
from understudy.registry import entry
from understudy.tasks._benchmark import Benchmark, Row, Sample
from understudy.types import Skip

SAMPLE: Sample = {
    "train": (
        {
            "problem": "A star is $10$ parsecs away. What is its parallax, in arcseconds?",
            "solution": r"The parallax is $1/d$ with $d$ in parsecs, so $1/10 = \boxed{0.1}$ arcseconds.",
            "type": "Astronomy",
        },
    ),
    "test": (
        {
            "problem": r"Solve $y' = 3y$ with $y(0) = 2$.",
            "solution": r"Separating the variables gives $\ln y = 3x + c$, so \boxed{y = 2 e^{3x}}.",
            "type": "Differential Equations",
        },
        {
            "problem": r"A price of $\$40$ falls by a quarter and demand rises from 90 to 120 units. By how much, in "
            "dollars, does revenue change?",
            "solution": r"Before it was $40 \cdot 90 = 3600$, after it is $30 \cdot 120 = 3600$: \boxed{0}.",
            "type": "Microeconomics",
        },
    ),
}


@entry
@dataclass(frozen=True)
class Minerva(Benchmark):
    """``test`` names a file or a directory that ``datasets`` wrote; there are no training problems."""

    name: ClassVar[str] = "minerva"
    sample: ClassVar[Sample] = SAMPLE
    answered_in: ClassVar = ("solution",)
    kept: ClassVar = {"id": ("idx", "id"), "course": ("type",), "solution": ("solution",)}

    def gold(self, row: Row) -> str | Skip:
        """What stands in the last box of the solution."""
        solution = super().gold(row)
        if isinstance(solution, Skip):
            return solution
        return boxed(solution) or Skip(rf"its solution has no \boxed answer: {solution[-80:]!r}")
