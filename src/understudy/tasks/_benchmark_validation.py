r"""Can a task's problems be answered at all? The reference answer of each, written as a response, should score 1.

    understudy task validate '{gsm8k: {test: gsm8k_test.jsonl}}'

It is written in two ways: in a box, as models are mostly asked to (``\boxed{18}``), and as it stands (``18``). A
problem that scores 1 in neither way cannot be answered right: whoever is tested on it loses a point.

Where the task is a grader as well, a wrong number is graded, too. If that cannot be compared with the reference, the
reference is no mathematics that the grader can read: only the same text scores 1, and no other way of writing it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from understudy.graders import NO_REFERENCE
from understudy.protocols import BatchGrader, Task
from understudy.types import Problem, Score

Writing = Literal["boxed", "bare"]
WRITINGS: Mapping[Writing, str] = {"boxed": r"\boxed{%s}", "bare": "%s"}
WRONG = r"\boxed{-97531.0248}"
"""An answer that is nobody's reference."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A problem with the score of its own reference answer, by the way in which that was written.

    ``text_only``: why only the same text scores 1, or null if other ways of writing it can be compared with it.
    """

    problem: Problem
    scores: Mapping[Writing, Score]
    text_only: str | None = None

    @property
    def failed(self) -> tuple[Writing, ...]:
        """The ways in which the reference answer does not score 1."""
        return tuple(way for way, score in self.scores.items() if score.value != 1)

    @property
    def ungradable(self) -> bool:
        """Whether it scores 1 in no way."""
        return len(self.failed) == len(WRITINGS)

    @property
    def why(self) -> str:
        """What the grader said where it failed."""
        said = [self.scores[way].explanation for way in self.failed]
        return "; ".join(dict.fromkeys([*said, *([self.text_only] if self.text_only else [])]))


def validate(task: Task, problems: Sequence[Problem]) -> list[Checked]:
    """Each problem with the scores of its reference answer, in their order; null where it has none."""
    known = [problem for problem in problems if problem.answer is not None]
    scores = iter(_graded(task, [(each, way % each.answer) for each in known for way in WRITINGS.values()]))
    wrong = iter(_graded(task, [(each, WRONG) for each in known]) if isinstance(task, BatchGrader) else ())
    found = []
    for problem in problems:
        if problem.answer is None:
            nothing = Score("", "answer", None, None, str(problem.metadata.get("no_answer", NO_REFERENCE)))
            found.append(Checked(problem, dict.fromkeys(WRITINGS, nothing)))
        else:
            found.append(Checked(problem, {way: next(scores) for way in WRITINGS}, _text_only(next(wrong, None))))
    return found


def _graded(task: Task, pairs: Sequence[tuple[Problem, str]]) -> list[Score]:
    return task.grade_all(pairs) if isinstance(task, BatchGrader) else [task.grade(*pair) for pair in pairs]


def _text_only(score: Score | None) -> str | None:
    """Why an answer that was read could not be compared, if it could not."""
    return score.explanation if score and score.value is None and score.answer is not None else None
