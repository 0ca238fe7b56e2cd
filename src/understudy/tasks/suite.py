"""Several test sets as one task: students are trained on one source and tested on many.

    task:
      suite:
        train: {questions: {train: train.jsonl}}
        test: {MATH500: {math500: {test: math500.jsonl}}, AIME24: {aime: {test: aime_2024.jsonl}}}

A study's figures and comparisons are given for each set by itself: a mean over sets of unlike size says little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from understudy.errors import ContaminationError, InputError, StudyError
from understudy.protocols import BatchGrader, Found, Grader, Task, Verdict
from understudy.registry import Piece, build, entry
from understudy.types import Problem, Score, Split

SET = "benchmark"
"""Where the metadata of a problem names the set that it is of."""


def _few() -> dict[str, str | dict[str, Any]]:
    return {"MATH500": "math500", "AIME": "aime"}


@entry
@dataclass(frozen=True)
class Suite:
    """``test``: tasks by the name that their figures get, each as a study file writes it; ``train``: another one.

    Problems are those of the tasks, with their ids; metadata names the set as ``benchmark``. Where only ``n`` are
    wanted, that many are taken of each set. Without ``train`` there are no training problems.
    """

    test: Mapping[str, str | dict[str, Any]] = field(default_factory=_few)
    train: str | dict[str, Any] | None = "questions"
    root: Path = Path()

    def __post_init__(self) -> None:
        if not self.test:
            raise StudyError("suite names no test set", "test: {NAME: TASK, ...}")
        for name, task in self._tests.items():
            if not isinstance(task, Grader):
                raise StudyError(
                    f"suite cannot hold '{name}': its answers are read by rules of its own", "take it alone"
                )

    @cached_property
    def _tests(self) -> dict[str, Any]:
        return {name: build("tasks", Piece.parse(piece), root=self.root) for name, piece in self.test.items()}

    @cached_property
    def _train(self) -> Task | None:
        return None if self.train is None else build("tasks", Piece.parse(self.train), root=self.root)

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """The problems of every set in turn, ``n`` of each.

        Raises ``ContaminationError`` if training problems are wanted and there is no ``train``, ``InputError`` if two
        sets hold the same problem.
        """
        if split == "train":
            if self._train is None:
                raise ContaminationError("suite has test sets only", "name a training set: train: {questions: {...}}")
            return self._train.problems(split, n, seed)
        found: dict[str, Problem] = {}
        for name, task in self._tests.items():
            for problem in task.problems(split, n, seed):
                named = replace(problem, metadata={**problem.metadata, SET: name})
                other = found.setdefault(problem.problem_id, named)
                if other is not named:
                    raise InputError(
                        f"the sets {other.metadata[SET]} and {name} hold the same problem: {problem.prompt[:80]!r}"
                    )
        return list(found.values())

    def _of(self, problem: Problem) -> Any:
        return self._tests.get(problem.metadata.get(SET, ""), self._train)

    def extract(self, problem: Problem, response: str) -> Found | None:
        """The answer in a response, as the problem's set reads it."""
        found: Found | None = self._of(problem).extract(problem, response)
        return found

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """As the problem's set compares."""
        verdict: Verdict = self._of(problem).compare(problem, answer)
        return verdict

    def grade(self, problem: Problem, response: str) -> Score:
        """By the rule of the problem's set."""
        score: Score = self._of(problem).grade(problem, response)
        return score

    def grade_all(self, pairs: Sequence[tuple[Problem, str]]) -> list[Score]:
        """As ``grade``, the problems of each set together."""
        places: dict[Any, list[int]] = {}
        for place, (problem, _) in enumerate(pairs):
            places.setdefault(problem.metadata.get(SET), []).append(place)
        scores: dict[int, Score] = {}
        for held in places.values():
            task, some = self._of(pairs[held[0]][0]), [pairs[place] for place in held]
            many = isinstance(task, BatchGrader)
            scores |= zip(held, task.grade_all(some) if many else [task.grade(*pair) for pair in some], strict=True)
        return [scores[place] for place in range(len(pairs))]
