"""SVAMP: one-step word problems of arithmetic, varied so that shallow cues mislead.

    task: {svamp: {test: svamp.jsonl}}

Patel, Bhattamishra and Goyal 2021 (arXiv 2103.07191). Rows have ``Body`` and ``Question``, which together are asked,
and ``Answer``; ``Type`` and ``ID`` are kept. Answers are graded by the ``number`` grader.
"""

from dataclasses import dataclass
from typing import ClassVar

from understudy.registry import entry
from understudy.tasks._benchmark import Benchmark, Row, Sample, first, text_in, whole, written
from understudy.types import Skip

BODY = ("Body", "body")
SAMPLE: Sample = {
    "train": (
        {
            "Body": "Vera has 31 shells and 12 stones. She gives 9 shells to her brother",
            "Question": "How many shells does she have left?",
            "Answer": 22.0,
            "Type": "Subtraction",
        },
    ),
    "test": (
        {
            "Body": "A class of 28 pupils is split into 4 teams, and 3 teachers go with them",
            "Question": "How many pupils are in a team?",
            "Answer": 7.0,
            "Type": "Common-Division",
        },
        {
            "Body": "Omar baked 15 loaves on Monday and 8 more than that on Tuesday.",
            "Question": "How many loaves did he bake on Tuesday?",
            "Answer": 23.0,
            "Type": "Addition",
        },
    ),
}


@entry
@dataclass(frozen=True)
class Svamp(Benchmark):
    """``test`` names a file or a directory that ``datasets`` wrote; there are no training problems."""

    name: ClassVar[str] = "svamp"
    sample: ClassVar[Sample] = SAMPLE
    graded_by: ClassVar[str] = "number"
    answered_in: ClassVar = ("Answer", "answer")
    kept: ClassVar = {"id": ("ID", "id"), "type": ("Type",)}

    def prompt(self, row: Row) -> str | Skip:
        """Body and question."""
        body, question = text_in(row, BODY), text_in(row, ("Question", "question"))
        if isinstance(body, Skip):
            return body
        return question if isinstance(question, Skip) else after_body(row, question)

    def gold(self, row: Row) -> str | Skip:
        """A number, without decimals that say nothing."""
        text = super().gold(row)
        return text if isinstance(text, Skip) else whole(text)


def after_body(row: Row, question: str) -> str:
    """The question after the ``Body`` of its row, where that has one: the story that it is asked of.

    A body without a mark at its end gets a full stop, as in common evaluation code.
    """
    body = written(first(row, BODY))
    return question if body is None else f"{body}{'' if body[-1] in '.,;:?!' else '.'} {question}"
