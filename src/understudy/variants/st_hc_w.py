"""A right trace with its ending bent to a wrong answer, by rule or with a model's help (ST-HC-W).

vary: st-hc-w
vary: {st-hc-w: {model: {openai: {model: NAME, base_url: URL}}}}
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random
from string import Template
from typing import Any, ClassVar

from understudy.errors import StudyError
from understudy.protocols import Puzzle, Report, Task, silent
from understudy.registry import entry
from understudy.types import Problem, Skip, Trace
from understudy.variants import _bending, _text
from understudy.variants._rewriting import Rewriting
from understudy.variants._writing import headed
from understudy.variants.wrong_ending import WrongEnding


@entry
@dataclass(frozen=True)
class StHcW:
    """Puts a wrong answer where reasoning and response conclude (ST-HC-W of Style over Substance, arXiv 2504.01738).

    A number becomes another one in one of the ``ways``, in random order: off by one in its last place (``unit``), two
    digits swapped (``digits``), an ``intermediate`` result of like size, the other ``sign``. A letter becomes that of
    another choice of the question; a puzzle gets a candidate that does not solve it. With a ``model``, which is shown
    the question and the right answer (``st_hc_w.txt``) and not the trace, the wrong answer is the model's, of any kind.

    Either way it is put in by rule: in the steps of the synthesis, or else in the last one that names the answer, so
    that the body stays as it was. The task must call the result wrong; another candidate is tried if it does not.
    """

    task: Task
    ways: tuple[_bending.Way, ...] = _bending.WAYS
    model: str | Mapping[str, Any] | None = None
    max_tokens: int = 256
    root: Path = Path()
    journal: Path = Path("answers.journal.jsonl")
    report: Report = silent

    keeps: ClassVar[frozenset[str]] = frozenset({"body", "length"})
    makes: ClassVar[frozenset[str]] = frozenset({"wrong-answer"})
    prompt: ClassVar[str] = "st_hc_w.txt"

    def __post_init__(self) -> None:
        """Make the model, so that a mistake in it is found before anything runs."""
        if not self.ways:
            raise StudyError("st-hc-w has no way to bend a number", f"ways: some of {', '.join(_bending.WAYS)}")
        _ = self._writer

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """As ``vary_all``, of one trace."""
        return self.vary_all([trace], [problem], [rng])[0]

    def vary_all(
        self, traces: Sequence[Trace], problems: Sequence[Problem], rngs: Sequence[Random]
    ) -> list[Trace | Skip]:
        """Each trace with a wrong ending; skipped if its answer is not right, or no wrong one can be put in."""
        if isinstance(self.task, Puzzle):
            puzzle = WrongEnding(self.task)
            return [puzzle.vary(*one) for one in zip(traces, problems, rngs, strict=True)]
        answers = [self._answer(trace, problem) for trace, problem in zip(traces, problems, strict=True)]
        told = self._told(traces, problems, answers)
        every = zip(traces, problems, rngs, answers, told, strict=True)
        return [self._one(*one) for one in every]

    def _one(
        self, trace: Trace, problem: Problem, rng: Random, answer: str | Skip, said: Trace | Skip | None
    ) -> Trace | Skip:
        """The trace with the first wrong answer that the task calls wrong."""
        if isinstance(answer, Skip):
            return answer
        if isinstance(said, Skip):
            return said
        wrong: Iterable[str]
        if said is None:
            wrong = _bending.candidates(answer, problem.prompt, _text.shown(trace), self.ways, rng)
        else:
            wrong = [(said.reasoning or "").splitlines()[-1].strip()]
        found = (self._bent(trace, problem, answer, candidate) for candidate in wrong)
        return next(filter(None, found), Skip("no wrong answer can be put in the place of its own"))

    @cached_property
    def _writer(self) -> "_WrongAnswer | None":
        if self.model is None:
            return None
        return _WrongAnswer(self.model, self.max_tokens, self.task, self.root, self.journal, self.report)

    def _answer(self, trace: Trace, problem: Problem) -> str | Skip:
        """The answer as the task's grader reads it, if it is right."""
        score = self.task.grade(problem, trace.response)
        if score.value is None or score.answer is None:
            return Skip("its answer cannot be read")
        return score.answer if score.value == 1 else Skip("its answer is not right")

    def _told(
        self, traces: Sequence[Trace], problems: Sequence[Problem], answers: Iterable[str | Skip]
    ) -> list[Trace | Skip | None]:
        """What the model says of each right answer; null where nobody is asked."""
        if self._writer is None:
            return [None] * len(traces)
        asked = [
            replace(trace, reasoning=None, response="" if isinstance(answer, Skip) else answer)
            for trace, answer in zip(traces, answers, strict=True)
        ]
        return list(self._writer.vary_all(asked, problems, [Random()] * len(asked)))

    def _bent(self, trace: Trace, problem: Problem, answer: str, wrong: str) -> Trace | None:
        """The trace with a wrong answer; null if the task does not call it wrong."""
        response = _bending.bent(trace.response, answer, wrong)
        if _text.reasons(trace) and not self._is_wrong(problem, response):
            response = _bending.replaced(trace.response, answer, wrong)
        if not self._is_wrong(problem, response):
            return None
        if not trace.reasoning or not _text.reasons(trace):
            return replace(trace, response=response)
        return replace(trace, reasoning=_bending.bent(trace.reasoning, answer, wrong), response=response)

    def _is_wrong(self, problem: Problem, response: str) -> bool:
        return self.task.grade(problem, response).value == 0


class _WrongAnswer(Rewriting):
    """Has a model write a wrong answer, where a rewriting puts the reasoning."""

    needs_reasoning: ClassVar[bool] = False

    @cached_property
    def _template(self) -> Template:
        return headed(StHcW.prompt)[1]
