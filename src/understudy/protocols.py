"""What an entry on each shelf must do. Every protocol is a few lines, so that a stranger can write one.

An entry is a frozen dataclass whose fields are its parameters in a study file. A field called ``task`` or
``root`` is filled in by the study: the study's task, and the folder that its paths are relative to.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from understudy.types import FinishReason, Problem, Sampling, Score, Skip, Split, Trace

Lesson = list[tuple[str, bool]]
"""A text in pieces, each with whether a student learns to write it (true) or only reads it (false)."""


class Report(Protocol):
    """Told how far a stage has come: units done, units in all, and in a few words what else is worth showing."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Called from time to time."""
        ...


def silent(done: int, total: int, note: str = "") -> None:
    """A report that nobody reads."""


@runtime_checkable
class Task(Protocol):
    """Problems with a rule that says which answers are right."""

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """``n`` problems (null: all there are); the same seed gives the same rows; splits never share one."""
        ...

    def grade(self, problem: Problem, response: str) -> Score:
        """1 if the response answers the problem, 0 if not, null if that cannot be said. Never raises."""
        ...


@runtime_checkable
class RuledTask(Task, Protocol):
    """A task whose answers can be graded by several rules, because others have scored it by another one."""

    answer_rules: ClassVar[Mapping[str, str]]
    """In words, by name: what a response must do to count as right. The first is that of ``grade``."""

    def grade_by(self, rule: str, problem: Problem, response: str) -> Score:
        """As ``grade``, by the rule of that name."""
        ...


@runtime_checkable
class CheckableTask(Task, Protocol):
    """A task whose traces can be replayed step by step."""

    trace_rule: ClassVar[str]
    """In words: what a trace must do to count as right."""

    def check_trace(self, problem: Problem, reasoning: str, response: str) -> Sequence[Score]:
        """First the verdict, named ``trace``: 1 if every step is right, else 0 and the first step that is wrong.

        Then a score for each part of it that has a name of its own, such as ``class`` or ``all-facts``; null where
        the trace does not say.
        """
        ...


@runtime_checkable
class ScriptedTask(CheckableTask, Protocol):
    """A checkable task with a rule that writes a trace for every problem, right or wrong at each step."""

    def write_trace(self, problem: Problem, correct: bool, rng: Random) -> str | None:
        """The reasoning; wrong at every sub-step unless ``correct``. Null if this problem cannot have one."""
        ...


@runtime_checkable
class RescoredTask(RuledTask, CheckableTask, Protocol):
    """A task that can read the rows in which others published the outputs of their models."""

    whole_text_rules: ClassVar[frozenset[str]]
    """Of ``answer_rules``: those whose ``response`` is to be the whole text that a model wrote, as it was published."""

    def identify(self, row: Mapping[str, Any]) -> str | None:
        """The id of the problem that a row answers, from what it says of the question; null if it does not say."""
        ...

    def problem_of(self, row: Mapping[str, Any], file: str = "") -> Problem | None:
        """The problem with the gold that the row itself carries, or null. ``file`` names the file that it is from."""
        ...

    def read(self, prediction: str) -> tuple[str | None, str, FinishReason | None]:
        """Reasoning (null: none), response, and how the text ended (null: it does not say) of what a model wrote."""
        ...


@runtime_checkable
class TaughtTask(Task, Protocol):
    """A procedural task that an embedded student can learn from scratch."""

    def words(self) -> list[str]:
        """Every word that prompts, workings, answers and lessons are made of."""
        ...

    def lesson(self, rng: Random) -> Lesson:
        """One text that teaches elementary facts or short direct answers; never about a problem of the test split."""
        ...


@runtime_checkable
class Puzzle(CheckableTask, TaughtTask, Protocol):
    """A procedural task that scripted teachers can search, one attempt after another.

    A *candidate* is a complete attempt at the problem: a tuple of words.
    """

    def candidates(self, problem: Problem) -> Iterable[tuple[str, ...]]:
        """Every candidate, in the order of a depth-first search."""
        ...

    def solves(self, problem: Problem, candidate: Sequence[str]) -> bool:
        """Whether the candidate answers the problem."""
        ...

    def goal(self, problem: Problem) -> str:
        """The goal in a few words, as a trace restates it."""
        ...

    def working(self, problem: Problem, candidate: Sequence[str]) -> str:
        """The candidate carried out fact by fact, and the goal that it is compared with."""
        ...

    def bare_steps(self, problem: Problem, candidate: Sequence[str]) -> list[str]:
        """The candidate carried out, one fact a step."""
        ...

    def false_working(self, problem: Problem, rng: Random) -> tuple[tuple[str, ...], str] | None:
        """A candidate that does not solve the problem, and a working whose one false fact makes it seem to.

        Null if every candidate solves it.
        """
        ...

    def answer(self, candidate: Sequence[str]) -> str:
        """The response that gives this candidate as the answer."""
        ...

    def read_answer(self, response: str) -> tuple[str, ...] | None:
        """The candidate that a response gives, or null."""
        ...


@runtime_checkable
class Model(Protocol):
    """Anything that writes traces: a scripted teacher, a file, an endpoint, a checkpoint."""

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterable[Trace]:
        """One trace for each problem and sample that the model attempts, in the order of the problems."""
        ...


class Found(NamedTuple):
    """An answer that was read in a text, and where in it it stood."""

    answer: str
    how: str


class Verdict(NamedTuple):
    """What a comparison with the reference gave, in [0, 1], or null: it cannot be said; and why."""

    value: float | None
    why: str


@runtime_checkable
class Grader(Protocol):
    """A rule that reads the answer in a response, and compares it with the reference of the problem.

    ``graders.score`` makes ``grade`` of the two.
    """

    def extract(self, problem: Problem, response: str) -> Found | None:
        """The answer that any text gives; null if it gives none. The reference is not looked at."""
        ...

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """How well an answer that ``extract`` read agrees with the reference. Never raises."""
        ...

    def grade(self, problem: Problem, response: str) -> Score:
        """As ``Task.grade``: any text gives a score."""
        ...


@runtime_checkable
class BatchGrader(Grader, Protocol):
    """A grader that is faster, or cheaper, over many responses at once."""

    def grade_all(self, pairs: Sequence[tuple[Problem, str]]) -> list[Score]:
        """``grade`` of each problem and response, in their order."""
        ...


@runtime_checkable
class Variant(Protocol):
    """A change of a trace that declares what it keeps, so that ``vary`` can measure whether it did."""

    keeps: ClassVar[frozenset[str]]
    """What the change must not touch. Of the text (the reasoning; the response if no reasoning was visible): ``words``
    (none is lost), ``order`` (the words that are in both stand in the same order), ``length`` (words, ± 10 %), ``body``
    (all but the last third of its steps). Of the rest: ``reasoning``, ``response``, ``ending`` (the response; its last
    step where it is the text), ``answer`` (still right). Of the style of the text: ``pivots``, ``steps``, ``episodes``,
    ``stages``, ``structure``."""
    makes: ClassVar[frozenset[str]]
    """Of ``wrong-answer``, ``wrong-trace``, ``no-trace``, ``shorter`` (fewer words), ``other-order`` (of the words),
    ``no-pivots``, ``three-pivot-types`` (or all four), ``four-stages``: what must hold of every changed trace. A part
    of style that it must move is ``other-pivots``, ``other-steps`` and so on."""

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """The changed trace (same ids; ``vary`` adds the lineage), or the reason why there is none."""
        ...


@runtime_checkable
class BatchVariant(Variant, Protocol):
    """A variant that changes many traces at once, because it asks a model."""

    def vary_all(
        self, traces: Sequence[Trace], problems: Sequence[Problem], rngs: Sequence[Random]
    ) -> Sequence[Trace | Skip]:
        """``vary`` of each trace with its problem and its own generator, in their order."""
        ...


Attempt = tuple[Trace, Score]
"""A trace with the score of its answer."""


@runtime_checkable
class Selector(Protocol):
    """A rule that says which traces an arm keeps."""

    def select(self, attempts: Sequence[Attempt], problem: Problem) -> Sequence[str | None]:
        """Of all attempts at a problem, in the order of their samples: why each is left out, or null."""
        ...


@runtime_checkable
class Format(Protocol):
    """A layout of rows in files of traces: how a trace is written as one row, and read back."""

    def reads(self, row: Mapping[str, Any]) -> bool:
        """Whether the row has this layout."""
        ...

    def read(self, row: Mapping[str, Any], thinks: bool) -> list[Trace] | Skip:
        """The traces of a row, one a sample (and a model: ``sample`` counts within one), or why there are none.

        ``metadata`` holds ``prompt`` and, where the row has one, the reference ``answer``. Ids are "" unless ``write``
        wrote the row; ``model`` is "" where the row does not say. ``thinks``: the file is of a model that closes
        its reasoning, so that a text without a closing tag was cut off in it (``formats.thinks``).
        """
        ...

    def write(self, trace: Trace) -> dict[str, Any]:
        """One row, with the prompt from ``metadata``; ``read`` gives the trace back, exactly."""
        ...


@runtime_checkable
class Student(Protocol):
    """A model that can be trained: how its untrained checkpoint is made."""

    def start(self, directory: Path, seed: int, report: Report) -> None:
        """Write the checkpoint that every arm starts from, as a Hugging Face directory."""
        ...


@runtime_checkable
class AdvisedStudent(Student, Protocol):
    """A student that knows how it is best trained."""

    def advised(self) -> Mapping[str, Any]:
        """Settings of ``Recipe`` that hold where the study says nothing of them."""
        ...
