"""One file's traces under every rule: answers, parts of the trace, and the 2×2 of each pair of rules.

from understudy.rescore.scoring import score
scores = score("vanilla", outputs, task)
scores.answers["exact-set"].figure, scores.tables["all-facts", "exact-set"]
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy import markers
from understudy.compare import STATUSES
from understudy.compare.statistics import Bootstrap, percentiles
from understudy.protocols import CheckableTask, RescoredTask, RuledTask, Task
from understudy.rescore.contingency import Contingency, Figure, share, tabulate
from understudy.rescore.reading import Outputs
from understudy.types import Problem, Score, Trace
from understudy.verify import Status, grade, status

FACT_RULES = ("any-fact", "all-facts", "exact-facts")
"""Parts of a trace check that say which facts the trace must name. Each makes a trace rule: these facts, and the right
class where the task has one. A task without them has one trace rule, its own: ``trace``. If the class of no problem in
a file is known, these rules go by the facts alone, and that is said (``Scores.by_facts``)."""
_BOOTSTRAP = Bootstrap(seed=0, resamples=10_000)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row under every rule: 1 right, 0 wrong, null not scored. ``traces`` has a verdict for each trace rule."""

    problem_id: str
    status: Status
    has_trace: bool
    answers: Mapping[str, float | None]
    parts: Mapping[str, float | None]
    traces: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something is right, with its bounds over all attempts: as if unscored ones were wrong, or right.

    ``right`` is the sum of the scores; ``figure`` of an answer rule is of all attempts (unscored: not right), that
    of a part of the trace is of the attempts in which it has a score.
    """

    figure: Figure
    right: float
    unscored: int
    at_least: float | None
    at_most: float | None


@dataclass(frozen=True)
class Scores:
    """A file of outputs, scored. ``tables`` has a 2×2 for each (trace rule, answer rule).

    ``unclassed`` counts the problems whose class is unknown, though the task has classes. Where it is only some of
    them, their traces have no verdict: else they could be wrong, and never right.
    """

    name: str
    outputs: Outputs
    attempts: Sequence[Attempt]
    statuses: Mapping[str, int]
    no_trace: int
    unclassed: int
    answers: Mapping[str, Rate]
    parts: Mapping[str, Rate]
    tables: Mapping[tuple[str, str], Contingency]

    @property
    def by_facts(self) -> bool:
        """Whether traces were judged by their facts alone, because the class of no problem is known."""
        return self.unclassed == len(self.attempts) > 0


def score(name: str, outputs: Outputs, task: Task, trace_rules: Sequence[str]) -> Scores:
    """Every figure of one file; the order of its rows does not matter."""
    grading = Grading(task)
    unclassed = sum(map(_unclassed, outputs.problems.values()))
    rules_of = {rule: _parts_of(rule, unclassed == len(outputs.traces)) for rule in trace_rules}
    attempts = [_attempt(outputs.problems[key], outputs.traces[key], grading, rules_of) for key in outputs.traces]
    attempts.sort(key=lambda attempt: attempt.problem_id)
    rules = list(grading.rules)
    parts = list(dict.fromkeys(part for attempt in attempts for part in attempt.parts))
    return Scores(
        name=name,
        outputs=outputs,
        attempts=attempts,
        statuses={kind: sum(attempt.status == kind for attempt in attempts) for kind in STATUSES},
        no_trace=sum(not attempt.has_trace for attempt in attempts),
        unclassed=unclassed,
        answers={rule: _of_all([attempt.answers[rule] for attempt in attempts]) for rule in rules},
        parts={part: _of_scored([attempt.parts.get(part) for attempt in attempts]) for part in parts},
        tables={
            (trace, answer): tabulate((attempt.traces[trace], attempt.answers[answer]) for attempt in attempts)
            for trace in trace_rules
            for answer in rules
        },
    )


def answer_rules(task: Task) -> Mapping[str, str]:
    """The answer rules of a task in words, by name; the first is its own."""
    return task.answer_rules if isinstance(task, RuledTask) else {"answer": "as the task grades it"}


def trace_rules(task: Task) -> list[str]:
    """The trace rules that a task's checks can be read by; none if it checks no trace."""
    if not isinstance(task, CheckableTask):
        return []
    example = next(iter(task.problems("test", 1, 0)), None)
    named = {found.grader for found in task.check_trace(example, "?", "?")} if example else set()
    return [rule for rule in FACT_RULES if rule in named] or ["trace"]


class Grading:
    """A task, and what it can do, asked once."""

    def __init__(self, task: Task) -> None:
        self.task: Any = task
        self.rules = answer_rules(task)
        self.ruled, self.checks = isinstance(task, RuledTask), isinstance(task, CheckableTask)
        self.whole_text: Set[str] = task.whole_text_rules if isinstance(task, RescoredTask) else frozenset()

    def answer(self, rule: str, problem: Problem, trace: Trace, ended: Status) -> float | None:
        """The score by a rule. A rule of the outputs' authors sees all of every text, as theirs did."""
        if not self.ruled:
            return grade(trace, problem, self.task).value
        if rule in self.whole_text:
            text = trace.metadata.get("text") or markers.join(trace.reasoning, trace.response)
        elif ended == "finished":
            text = trace.response
        else:
            return None
        value: float | None = self.task.grade_by(rule, problem, text).value
        return value

    def trace(self, problem: Problem, trace: Trace, ended: Status) -> dict[str, float | None]:
        """The scores of the trace and of its parts, where there is one that was not cut off."""
        if not (self.checks and trace.reasoning) or ended in ("truncated", "error"):
            return {}
        found: Sequence[Score] = self.task.check_trace(problem, trace.reasoning, trace.response)
        return {score.grader: score.value for score in found}


def _attempt(problem: Problem, trace: Trace, grading: Grading, trace_rules: Mapping[str, Sequence[str]]) -> Attempt:
    ended = status(trace, grading.task.grade(problem, trace.response).answer)
    answers = {rule: grading.answer(rule, problem, trace, ended) for rule in grading.rules}
    checked = grading.trace(problem, trace, ended)
    parts = {part: value for part, value in checked.items() if part != "trace"}
    unsaid = {"class"} if _unclassed(problem) else set()
    verdicts = {
        rule: None if unsaid.intersection(needed) else _verdict(needed, checked) for rule, needed in trace_rules.items()
    }
    return Attempt(problem.problem_id, ended, bool(trace.reasoning), answers, parts, verdicts)


def _unclassed(problem: Problem) -> bool:
    """Whether a task that has classes does not know that of the problem."""
    return problem.metadata.get("class", "") is None


def _parts_of(rule: str, by_facts: bool) -> tuple[str, ...]:
    """The parts of a trace that must be right under a rule."""
    return (rule,) if rule == "trace" or by_facts else (rule, "class")


def _verdict(needed: Sequence[str], checked: Mapping[str, float | None]) -> float | None:
    """0 if a part that is needed is wrong, 1 if all are right; else null, unsaid. A part that no check has is none."""
    used = [checked[part] for part in needed if part in checked]
    return 0.0 if 0.0 in used else None if None in used or not used else 1.0


def _of_all(values: Sequence[float | None]) -> Rate:
    """Of all attempts; one without a score counts as not right."""
    scored = [value for value in values if value is not None]
    return _rate(scored, len(values), _mean([value or 0.0 for value in values]))


def _of_scored(values: Sequence[float | None]) -> Rate:
    """Of the attempts that have a score."""
    scored = [value for value in values if value is not None]
    return _rate(scored, len(values), _mean(scored))


def _rate(scored: Sequence[float], n: int, figure: Figure) -> Rate:
    right, unscored = sum(scored), n - len(scored)
    return Rate(figure, right, unscored, right / n if n else None, (right + unscored) / n if n else None)


def _mean(values: Sequence[float]) -> Figure:
    """Wilson's interval of a share; resampled problems where a rule gives parts of a point, such as F1."""
    if all(value in (0, 1) for value in values):
        return share(round(sum(values)), len(values))
    draws = _BOOTSTRAP.totals((0,), np.array(values).reshape(1, 1, -1))[0] / len(values)
    value = sum(values) / len(values)
    lower, upper = percentiles(draws, value) or (None, None)
    return Figure(value, len(values), f"bootstrap over problems ({_BOOTSTRAP.resamples})", lower, upper)
