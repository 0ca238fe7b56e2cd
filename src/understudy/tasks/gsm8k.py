"""Word problems of grade-school arithmetic, as in GSM8K; a worked solution ends in ``#### 18``.

    task: {gsm8k: {test: benchmarks/gsm8k_test.jsonl.gz}}

The files are GSM8K's own (arXiv 2110.14168); none is part of this package. Without one there are a few
questions of ours, to try things out with. Answers are graded by the ``number`` grader.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.errors import InputError
from understudy.graders.number import Number, extract
from understudy.randomness import stream
from understudy.registry import entry
from understudy.rows import present, read_rows
from understudy.tasks import problem_id
from understudy.types import Problem, Score, Split

SAMPLE: dict[Split, tuple[tuple[str, str], ...]] = {
    "train": (
        (
            "A baker fills 6 trays with 14 rolls each and sells 59 rolls. How many rolls are left?",
            "There were 6 * 14 = 84 rolls.\nSo 84 - 59 = 25 are left.\n#### 25",
        ),
        (
            "Noor reads 18 pages a day from Monday to Friday and 35 on each day of the weekend. "
            "How many pages does she read in a week?",
            "Five days make 5 * 18 = 90 pages.\nThe weekend adds 2 * 35 = 70.\n90 + 70 = 160.\n#### 160",
        ),
        (
            "A bus ticket costs $3 and a pass for the month costs $54. Emil rides 26 times this month. "
            "How many dollars does he save with the pass?",
            "Single tickets cost 26 * 3 = 78 dollars.\nHe saves 78 - 54 = 24 dollars.\n#### 24",
        ),
        (
            "Three friends share a bill of $87 evenly, and each adds a tip of $4. How much does each pay?",
            "A third of the bill is 87 / 3 = 29 dollars.\nWith the tip it is 29 + 4 = 33.\n#### 33",
        ),
    ),
    "test": (
        (
            "A gardener plants 7 rows of 12 tulips. A quarter of them do not come up. How many do?",
            "She plants 7 * 12 = 84 tulips.\n84 / 4 = 21 do not come up.\nSo 84 - 21 = 63 do.\n#### 63",
        ),
        (
            "A tank holds 450 liters. A pump adds 18 liters a minute, and a leak loses 3 liters a minute. "
            "How many minutes does it take to fill the empty tank?",
            "Each minute adds 18 - 3 = 15 liters.\nIt takes 450 / 15 = 30 minutes.\n#### 30",
        ),
        (
            "Ines is 5 years older than Jo. In 4 years their ages will add up to 41. How old is Ines now?",
            "Now they add up to 41 - 8 = 33.\nTwice Ines is 33 + 5 = 38.\nShe is 38 / 2 = 19.\n#### 19",
        ),
        (
            "A shop takes 20% off a jacket of $65 and then $7 more for members. What does a member pay?",
            "20% of 65 is 13 dollars.\nThat leaves 65 - 13 = 52.\nA member pays 52 - 7 = 45.\n#### 45",
        ),
    ),
}


@entry
@dataclass(frozen=True)
class Gsm8k:
    """Problems from JSON lines with a ``question`` and an ``answer``; ``train`` and ``test`` name the files.

    A question that stands twice in a file is one problem.
    """

    train: str | None = None
    test: str | None = None
    root: Path = Path()

    def __post_init__(self) -> None:
        for path in (self.train, self.test):
            if path is not None:
                present(self.root / path)

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """``n`` problems or all there are, in the order of the file; a larger ``n`` only adds some.

        Raises ``InputError`` if the split has no file, or if a row of the file is no question.
        """
        problems = list(self._all(split).values())
        order = list(range(len(problems)))
        stream(seed, "gsm8k", split).shuffle(order)
        return [problems[place] for place in sorted(order if n is None else order[:n])]

    def grade(self, problem: Problem, response: str) -> Score:
        """1 if the response gives the reference number, 0 if not or if blank, null if it has no number."""
        return Number().grade(problem, response)

    def _all(self, split: Split) -> dict[str, Problem]:
        problems: dict[str, Problem] = {}
        for question, solution in self._rows(split):
            name = problem_id("gsm8k", question)
            known = {} if solution is None else {"solution": solution}
            problem = Problem(name, "gsm8k", question.strip(), extract(solution or ""), split, known)
            problems.setdefault(name, problem)
        return problems

    def _rows(self, split: Split) -> Iterable[tuple[str, str | None]]:
        if not (self.train or self.test):
            return SAMPLE[split]
        path = self.train if split == "train" else self.test
        if path is None:
            raise InputError(f"gsm8k has no {split} file", f"task: {{gsm8k: {{{split}: FILE.jsonl}}}}")
        return _read(self.root / path)


def _read(file: Path) -> list[tuple[str, str | None]]:
    """Question and worked solution (or null) of each row."""
    rows, unreadable = read_rows(file)
    if unreadable:
        number, reason = unreadable[0]
        raise InputError(f"{file.resolve()}, row {number}: {reason}")
    return [(_text(file, number, row), _solution(row)) for number, row in rows]


def _text(file: Path, number: int, row: dict[str, Any]) -> str:
    question = row.get("question")
    if not isinstance(question, str) or not question.strip():
        raise InputError(f"{file.resolve()}, row {number}: it has no 'question'", "GSM8K has question and answer")
    return question


def _solution(row: dict[str, Any]) -> str | None:
    answer = row.get("answer")
    return None if answer is None else str(answer)
