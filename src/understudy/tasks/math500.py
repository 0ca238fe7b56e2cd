r"""MATH-500: 500 problems of competition mathematics in seven subjects and five levels.

    task: {math500: {test: math500.jsonl}}

The questions are a part of MATH (Hendrycks et al. 2021, arXiv 2103.03874) that Lightman et al. (2023, arXiv
2305.20050) set aside for testing. Rows have ``problem`` and ``answer``; ``subject``, ``level`` and ``unique_id`` are
kept. Answers are compared as mathematics.
"""

from dataclasses import dataclass
from typing import ClassVar

from understudy.registry import entry
from understudy.tasks._benchmark import Benchmark, Sample

SAMPLE: Sample = {
    "train": (
        {
            "problem": r"What is the greatest integer $n$ for which $n^2 < 200$?",
            "answer": "14",
            "subject": "Algebra",
            "level": 1,
        },
    ),
    "test": (
        {
            "problem": r"A fair die is rolled twice. What is the probability that the second number is the larger one?",
            "answer": r"\frac{5}{12}",
            "subject": "Counting & Probability",
            "level": 3,
        },
        {
            "problem": r"Find all real $x$ with $x^2 - 6x + 7 = 0$.",
            "answer": r"3+\sqrt{2}, 3-\sqrt{2}",
            "subject": "Algebra",
            "level": 2,
        },
        {
            "problem": r"For which real $x$ is $\sqrt{5 - 2x}$ a real number? Answer in interval notation.",
            "answer": r"\left(-\infty, \frac{5}{2}\right]",
            "subject": "Precalculus",
            "level": 2,
        },
    ),
}


@entry
@dataclass(frozen=True)
class Math500(Benchmark):
    """``test`` names a file or a directory that ``datasets`` wrote; there are no training problems."""

    name: ClassVar[str] = "math500"
    sample: ClassVar[Sample] = SAMPLE
    kept: ClassVar = {"id": ("unique_id", "id"), "subject": ("subject", "type"), "level": ("level",)}
