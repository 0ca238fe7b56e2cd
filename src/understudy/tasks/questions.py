"""Questions from any file, with a reference answer each: name the fields and the grader, and write no code.

    task: {questions: {test: exam.csv, question: Problem, answer: Short Answer, grader: math}}

Where ``question`` or ``answer`` is not given, the field is found by its usual names (question, problem, prompt, ...;
answer, expected_answer, ...), in each file by itself; a field ``Body`` is asked with it. Unlike the benchmarks it can
have a training file, too: a question of the test split is left out of it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from understudy.formats._names import roles
from understudy.protocols import Grader
from understudy.registry import Piece, build, entry
from understudy.tasks._benchmark import Benchmark, Files, Row, Sample, text_in
from understudy.tasks.svamp import after_body
from understudy.types import Skip, Split

SAMPLE: Sample = {
    "train": ({"question": "How many months have 31 days?", "answer": "7"},),
    "test": (
        {"question": "A square has a perimeter of 26 cm. What is its area in square cm?", "answer": "42.25"},
        {"question": "Which number is 15 % of 80?", "answer": "12"},
    ),
}


@entry
@dataclass(frozen=True)
class Questions(Benchmark):
    """``train`` and ``test`` name files. ``question``: a field, or several that are joined by spaces.

    ``answer``: a field; ``grader``: an entry of the graders, as a study file writes it; ``keep``: fields that become
    metadata.
    """

    train: Files = None
    question: str | tuple[str, ...] | None = None
    answer: str | None = None
    grader: str | dict[str, Any] = "math"
    keep: tuple[str, ...] = ()

    name: ClassVar[str] = "questions"
    sample: ClassVar[Sample] = SAMPLE

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self._grader  # a name that is on no shelf is refused now

    @property
    def splits(self) -> tuple[Split, ...]:
        """Both: what the file is for is the user's to say."""
        return ("train", "test")

    @cached_property
    def _grader(self) -> Grader:
        made: Grader = build("graders", Piece.parse(self.grader), root=self.root)
        return made

    def prompt(self, row: Row) -> str | Skip:
        """The fields of the question, joined by spaces."""
        named = (self.question,) if isinstance(self.question, str) else self.question or _usual(row, "prompt")
        texts = [text_in(row, (field,)) for field in named]
        missing = next((text for text in texts if isinstance(text, Skip)), None)
        asked = missing or " ".join(map(str, texts)) or Skip("it has no question")
        return asked if self.question or isinstance(asked, Skip) else after_body(row, asked)

    def gold(self, row: Row) -> str | Skip:
        """The field of the answer."""
        fields = (self.answer,) if self.answer else _usual(row, "answer")
        return text_in(row, fields) if fields else Skip("it has no answer")

    def about(self, row: Row) -> dict[str, Any]:
        """The fields that are to be kept."""
        return {field: row[field] for field in self.keep if row.get(field) is not None}


def _usual(row: Row, role: str) -> tuple[str, ...]:
    """The field that by its name has this role, if there is one."""
    field = roles(tuple(row)).get(role)
    return (field,) if field else ()
