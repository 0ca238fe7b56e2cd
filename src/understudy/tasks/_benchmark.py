"""Benchmarks: published sets of questions with one reference answer each, read from a file. For testing only.

    understudy task validate '{math500: {test: math500.jsonl}}'

A benchmark says in which fields its questions and answers stand, and which grader compares answers; ``Benchmark``
does the rest. ``math500``, ``aime``, ``svamp`` and their kin are such; so is ``questions``, for any other file. Rows
come from JSON lines, JSON, CSV or Parquet, or from a directory that ``datasets`` wrote; nothing is downloaded, and no
file is part of this package. Without one there are a few questions of ours, to try things out with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from understudy.errors import ContaminationError, InputError
from understudy.graders import number
from understudy.protocols import BatchGrader, Found, Grader, Verdict
from understudy.randomness import stream
from understudy.registry import Piece, build
from understudy.tables import to_json
from understudy.tasks import problem_id
from understudy.tasks._benchmark_files import check, rows_of
from understudy.types import Problem, Score, Skip, Split

Files = str | tuple[str, ...] | None
Row = Mapping[str, Any]
Sample = Mapping[Split, tuple[Row, ...]]
"""Rows of our own invention, with the fields of the benchmark's files."""

OTHER_NAMES = "for fields of other names: task: {questions: {test: FILE, question: FIELD, answer: FIELD}}"
SAME_ID = "give every question an id of its own, or none at all"
COPIES = "a question can have one answer: take out the row that is wrong"


@dataclass(frozen=True)
class Benchmark:
    """``test`` names a file or several, or a directory that ``datasets`` wrote. There are no training problems.

    Also a ``BatchGrader`` of its problems, so that many responses are graded on all cores.
    """

    test: Files = None
    root: Path = Path()

    name: ClassVar[str]
    sample: ClassVar[Sample]
    graded_by: ClassVar[str] = "math"
    asked_in: ClassVar[tuple[str, ...]] = ("problem", "question")
    answered_in: ClassVar[tuple[str, ...]] = ("answer", "expected_answer")
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Metadata: its name, and the fields that may hold it, the first that a row has."""
    identified_by: ClassVar[tuple[str, ...]] = ("unique_id", "id", "ID", "idx")
    """Fields that may hold a row's own id, which no other question of its file has."""

    def __post_init__(self) -> None:
        for split in self.splits:
            for file in self.files(split):
                check(file)

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits that files can be named for."""
        return ("test",)

    def files(self, split: Split) -> tuple[Path, ...]:
        """The files of a split."""
        named = getattr(self, split) if split in self.splits else None
        return tuple(self.root / file for file in ((named,) if isinstance(named, str) else named or ()))

    # --- what a row says ---

    def prompt(self, row: Row) -> str | Skip:
        """The question of a row, or why it has none."""
        return text_in(row, self.asked_in)

    def gold(self, row: Row) -> str | Skip:
        """The reference answer of a row, or why there is none that can be graded."""
        return text_in(row, self.answered_in)

    def about(self, row: Row) -> dict[str, Any]:
        """What is kept of a row as metadata; what the row does not say is left out."""
        found = {name: first(row, fields) for name, fields in self.kept.items()}
        return {name: value for name, value in found.items() if value is not None}

    # --- problems ---

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """``n`` problems or all there are, in the order of the files; a larger ``n`` only adds some.

        Metadata: ``row`` (where it stands), ``copies`` (rows that ask the same and give the same answer), what
        ``about`` keeps; ``no_answer`` says why a row has no reference answer. Raises ``ContaminationError`` for
        training problems, and ``InputError`` for a row without a question, rows that ask the same with other answers or
        something else under the same id, and a file in which no row has an answer.
        """
        problems = list(self._all(split).values())
        order = list(range(len(problems)))
        stream(seed, self.name, split).shuffle(order)
        return [problems[place] for place in sorted(order if n is None else order[:n])]

    def _all(self, split: Split) -> dict[str, Problem]:
        problems: dict[str, Problem] = {}
        named: dict[tuple[str, Any], Problem] = {}
        for where, row in self._rows(split):
            new = self._problem(where, row, split)
            if (name := first(row, self.identified_by)) is not None:
                same = named.setdefault((where.rpartition(" row ")[0], to_json(name)), new)
                if same.problem_id != new.problem_id:
                    rows = f"{same.metadata['row']} and {where}"
                    raise InputError(f"{rows} have the same id {to_json(name)} and ask something else", SAME_ID)
            old = problems.setdefault(new.problem_id, new)
            if old is new:
                continue
            if old.answer != new.answer:
                rows = f"{old.metadata['row']} and {where}"
                raise InputError(f"{rows} ask the same with other answers ({old.answer}, {new.answer})", COPIES)
            known = {**old.metadata, "copies": old.metadata["copies"] + 1}
            problems[old.problem_id] = replace(old, metadata=known)
        if problems and all(problem.answer is None for problem in problems.values()):
            some = next(iter(problems.values())).metadata
            raise InputError(f"no row has an answer that can be used; {some['row']}: {some['no_answer']}", OTHER_NAMES)
        return problems

    def _rows(self, split: Split) -> Iterable[tuple[str, Row]]:
        """The rows of a split, each with where it stands."""
        if not any(self.files(each) for each in self.splits):
            return ((f"sample row {number}", row) for number, row in enumerate(self.sample[split], 1))
        if split not in self.splits:
            raise ContaminationError(
                f"{self.name} is an evaluation set and has no training problems",
                "train on another set, as a file: task: {questions: {train: FILE, test: FILE}}",
            )
        if not self.files(split):
            raise InputError(f"{self.name} has no {split} file", f"task: {{{self.name}: {{{split}: FILE}}}}")
        return (
            (f"{file.name} row {number}", row) for file in self.files(split) for number, row in rows_of(file, split)
        )

    def _problem(self, where: str, row: Row, split: Split) -> Problem:
        prompt = self.prompt(row)
        if isinstance(prompt, Skip):
            fields = ", ".join(row)[:200]
            raise InputError(f"{where}: {prompt.reason} (its fields are {fields})", OTHER_NAMES)
        gold, known = self.gold(row), {"row": where, "copies": 1, **self.about(row)}
        if isinstance(gold, Skip):
            known["no_answer"] = gold.reason
        answer = None if isinstance(gold, Skip) else gold
        return Problem(problem_id(self.name, prompt), self.name, prompt, answer, split, known)

    # --- answers ---

    @cached_property
    def _grader(self) -> Grader:
        made: Grader = build("graders", Piece(self.graded_by, {}))
        return made

    def extract(self, problem: Problem, response: str) -> Found | None:
        """The answer in a response, as the benchmark's grader reads it."""
        return self._grader.extract(problem, response)

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """As the benchmark's grader compares."""
        return self._grader.compare(problem, answer)

    def grade(self, problem: Problem, response: str) -> Score:
        """By the benchmark's grader."""
        return self._grader.grade(problem, response)

    def grade_all(self, pairs: Sequence[tuple[Problem, str]]) -> list[Score]:
        """As ``grade``, on all cores where the grader can."""
        if isinstance(self._grader, BatchGrader):
            return self._grader.grade_all(pairs)
        return [self.grade(problem, response) for problem, response in pairs]


def first(row: Row, fields: Sequence[str]) -> Any:
    """The value of the first of these fields that the row has one in, or null."""
    return next((row[field] for field in fields if row.get(field) not in (None, "")), None)


def text_in(row: Row, fields: Sequence[str]) -> str | Skip:
    """``written`` of the first of these fields that the row has a value in, or that there is none."""
    text = written(first(row, fields))
    return text or Skip(f"it has no {' or '.join(map(repr, fields))}")


def written(value: Any) -> str | None:
    """A value of a row as text: a whole number without decimals, of a list of one that one, of several JSON."""
    if isinstance(value, list | tuple):
        return written(value[0]) if len(value) == 1 else to_json(list(value)) if value else None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if value is None else to_json(value)


def whole(text: str) -> str:
    """A number without a fraction in its shortest form ("025", "27.0"); any other text as it is."""
    value = number.value(text)
    return text if value is None or value.denominator != 1 else str(value.numerator)
