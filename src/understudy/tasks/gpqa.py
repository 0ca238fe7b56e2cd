"""GPQA: graduate questions of biology, physics and chemistry with four choices; the file is the user's.

    task: {gpqa: {test: gpqa_diamond.csv}}

Rein et al. 2023 (arXiv 2311.12022), who ask that no question be put where it may be trained on. Rows have
``Question``, ``Correct Answer`` and ``Incorrect Answer 1`` to ``3``. The choices are shuffled, each row by itself, and
``order`` is the seed of that; the right letter is the answer, and the grader ``choice`` compares letters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, ClassVar

from understudy.randomness import stream
from understudy.registry import entry
from understudy.tasks._benchmark import Benchmark, Row, Sample, text_in
from understudy.types import Skip

RIGHT, WRONG = "Correct Answer", tuple(f"Incorrect Answer {number}" for number in (1, 2, 3))


def _row(question: str, domain: str, *choices: str) -> Mapping[str, Any]:
    return {"Question": question, "High-level domain": domain, **dict(zip((RIGHT, *WRONG), choices, strict=True))}


SAMPLE: Sample = {
    "train": (
        _row(
            "Which change of a DNA sequence always shifts the reading frame behind it?",
            "Biology",
            *("one base is inserted", "one base is replaced", "three bases are deleted", "three bases are inserted"),
        ),
    ),
    "test": (
        _row(
            "The pressure on an ideal gas is doubled while its temperature in kelvin is tripled. Its volume becomes",
            "Physics",
            *("3/2 of what it was", "2/3 of what it was", "6 times what it was", "1/6 of what it was"),
        ),
        _row(
            "How many stereoisomers does 2,3-dichlorobutane have?",
            "Chemistry",
            *("three", "two", "four", "one"),
        ),
    ),
}


@entry
@dataclass(frozen=True)
class Gpqa(Benchmark):
    """``test`` names a file or a directory; ``order`` seeds how choices are shuffled. No training problems."""

    order: int = 0

    name: ClassVar[str] = "gpqa"
    sample: ClassVar[Sample] = SAMPLE
    graded_by: ClassVar[str] = "choice"
    asked_in: ClassVar = ("Question", "question")
    kept: ClassVar = {"id": ("Record ID",), "subject": ("High-level domain",), "subfield": ("Subdomain",)}

    def prompt(self, row: Row) -> str | Skip:
        """The question, and a line for each choice: A) to D)."""
        question, choices = text_in(row, self.asked_in), self._choices(row)
        if isinstance(question, Skip):
            return question
        if isinstance(choices, Skip):
            return choices
        lines = (f"{letter}) {text}" for letter, text in zip(ascii_uppercase, choices, strict=False))
        return "\n".join([question, "", *lines])

    def gold(self, row: Row) -> str | Skip:
        """The letter of the right choice; none where a wrong choice reads the same."""
        choices, right = self._choices(row), text_in(row, (RIGHT,))
        if isinstance(choices, Skip) or isinstance(right, Skip):
            return Skip("it has no choices")
        if choices.count(right) > 1:
            return Skip(f"two of its choices are the same: {right!r:.80}")
        return ascii_uppercase[choices.index(right)]

    def about(self, row: Row) -> dict[str, Any]:
        """Also ``choices``, in the order in which they are asked."""
        return {**super().about(row), "choices": self._choices(row)}

    def _choices(self, row: Row) -> list[str] | Skip:
        """The choices, in an order that depends on nothing but the row and ``order``."""
        choices: list[str] = []
        for field in (RIGHT, *WRONG):
            text = text_in(row, (field,))
            if isinstance(text, Skip):
                return text
            choices.append(text)
        stream(self.order, self.name, row.get("Record ID") or "", *choices).shuffle(choices)
        return choices
