r"""OlympiadBench: problems of olympiads, with several right answers, units and tolerances.

    task: {olympiadbench: {test: OE_TO_maths_en_COMP.jsonl}}

He et al. 2024 (arXiv 2402.14008). Rows have ``question``, perhaps a ``context`` that is put before it, and
``final_answer``, a list; ``unit``, ``error`` and ``subfield`` are kept. Answers are compared as mathematics; where a
row gives an ``error``, numbers are right that are no further than it from the reference (one for each of several
answers, between commas). Take the open-ended files of text only (``OE_TO``): images and proofs have no place here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from understudy.graders import score
from understudy.graders._amounts import amount, unit
from understudy.graders._latex import plain
from understudy.graders._parts import listed
from understudy.protocols import Verdict
from understudy.registry import entry
from understudy.tasks._benchmark import Benchmark, Row, Sample, first, written
from understudy.types import Problem, Score, Skip

_DOLLAR = re.compile(r"(?<!\\)\$")
_IMAGE = re.compile(r"<image_[0-9]+>|<img", re.IGNORECASE)

SAMPLE: Sample = {
    "train": (
        {
            "question": "Find all primes $p$ for which $p + 2$ and $p + 4$ are primes, too.",
            "final_answer": ["3"],
            "unit": None,
            "error": None,
        },
    ),
    "test": (
        {
            "question": "Determine all integers $n$ for which $n^{2} + 2 n + 12$ is a perfect square.",
            "final_answer": ["$-6$,$4$"],
            "unit": None,
            "error": None,
        },
        {
            "context": "A stone falls from rest, and air does not slow it; take $g = 9.81$ $m/s^2$.",
            "question": "How far does it fall in $3$ seconds?",
            "final_answer": ["44.1"],
            "unit": "m",
            "error": "1e-1",
        },
    ),
}


@entry
@dataclass(frozen=True)
class Olympiadbench(Benchmark):
    """``test`` names a file, several, or a directory that ``datasets`` wrote; there are no training problems."""

    name: ClassVar[str] = "olympiadbench"
    sample: ClassVar[Sample] = SAMPLE
    answered_in: ClassVar = ("final_answer",)
    kept: ClassVar = {
        "id": ("id",),
        "subject": ("subfield", "subject"),
        "unit": ("unit",),
        "tolerance": ("error",),
        "type": ("answer_type",),
    }

    def prompt(self, row: Row) -> str | Skip:
        """The context, if there is one, and the question."""
        question = super().prompt(row)
        if isinstance(question, Skip):
            return question
        if _IMAGE.search(question):
            return Skip("it asks about an image")
        context = written(row.get("context"))
        return f"{context}\n\n{question}" if context else question

    def gold(self, row: Row) -> str | Skip:
        """The answers between commas, without dollar signs."""
        given = first(row, self.answered_in)
        answers = given if isinstance(given, list) else [given]
        found = [_DOLLAR.sub("", text).strip() for text in map(written, answers) if text]
        return ", ".join(found) or Skip("it has no 'final_answer'")

    # --- answers ---

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """As mathematics; numbers within the tolerance where the problem has one."""
        return within(problem, answer) or super().compare(problem, answer)

    def grade(self, problem: Problem, response: str) -> Score:
        """As every grader; see ``compare``."""
        return score(self, problem, response)

    def grade_all(self, pairs: Sequence[tuple[Problem, str]]) -> list[Score]:
        """As ``grade``; what has no tolerance on all cores."""
        scores = super().grade_all(pairs)
        return [
            self.grade(problem, response) if "tolerance" in problem.metadata else graded
            for (problem, response), graded in zip(pairs, scores, strict=True)
        ]


def within(problem: Problem, answer: str) -> Verdict | None:
    """1 if the answer holds a number within the tolerance of each reference number and no others; else null."""
    wanted, given = _numbers(problem.answer or ""), _numbers(answer)
    allowed = _numbers(str(problem.metadata.get("tolerance", "")))
    if not wanted or not allowed or len(given) != len(wanted):
        return None
    allowed = allowed * len(wanted) if len(allowed) == 1 else allowed
    pairs = zip(sorted(zip(wanted, allowed, strict=False)), sorted(given), strict=False)
    if len(allowed) != len(wanted) or any(abs(value - right) > most for (right, most), value in pairs):
        return None
    return Verdict(1.0, f"{answer} is {problem.answer} within {problem.metadata['tolerance']}")


def _numbers(text: str) -> list[Fraction]:
    """The numbers of a list, units left out; none if one of its items is no number."""
    found = [amount(unit(item)[0]) for item in listed(plain(text))]
    return [one.value for one in found if one] if all(found) else []
