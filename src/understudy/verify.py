"""Traces × Task → Scores: is the answer right, and where steps can be checked, is the trace right?

    understudy verify TRACES.jsonl --task '{gsm8k: {test: QUESTIONS.jsonl}}'
    understudy verify TRACES.jsonl --grader math --answer gold

A trace that was cut off, is empty, or holds no answer is not a wrong answer: its value is null and its status says
what it is, so that accuracy can be given with its bounds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import polars as pl

from understudy.protocols import BatchGrader, CheckableTask, Grader, Task
from understudy.types import Problem, Score, Trace

Status = Literal["finished", "truncated", "empty", "malformed", "error"]


def verify(traces: Iterable[Trace], problems: Mapping[str, Problem], rule: Task | Grader) -> list[Score]:
    """A score ``answer`` for every trace, and where a task can replay what was written: ``trace`` and its parts.

    ``rule`` is a task, or a grader that takes its place.
    """
    read = list(traces)
    known = [(trace, problem) for trace in read if (problem := problems.get(trace.problem_id))]
    answers = iter(_answers(known, rule))
    scores = []
    for trace in read:
        problem = problems.get(trace.problem_id)
        if problem is None:
            scores.append(Score(trace.trace_id, "answer", None, None, "not scored: its problem is unknown"))
            continue
        scores.append(next(answers))
        if isinstance(rule, CheckableTask) and trace.error is None:
            scores += _check(trace, problem, rule)
    return scores


def _answers(pairs: Sequence[tuple[Trace, Problem]], rule: Task | Grader) -> list[Score]:
    """The answers' scores; many at once, where the rule is made for it: then only of what is there to be graded."""
    if not isinstance(rule, BatchGrader):
        return [grade(trace, problem, rule) for trace, problem in pairs]
    whole = [n for n, (trace, _) in enumerate(pairs) if status(trace, trace.response) == "finished"]
    graded = rule.grade_all([(pairs[n][1], pairs[n][0].response) for n in whole])
    found = dict(zip(whole, graded, strict=True))
    nothing = Score("", "answer", None)
    return [_score(trace, found.get(n, nothing)) for n, (trace, _) in enumerate(pairs)]


def grade(trace: Trace, problem: Problem, rule: Task | Grader) -> Score:
    """The answer's score. Null, with the reason, unless the trace is finished and holds an answer."""
    return _score(trace, rule.grade(problem, trace.response))


def _score(trace: Trace, graded: Score) -> Score:
    score = replace(graded, trace_id=trace.trace_id, grader="answer")
    found = status(trace, score.answer)
    return score if found == "finished" else replace(score, value=None, explanation=f"not scored: {found}")


class Accuracy(NamedTuple):
    """The mean score over all traces, as if what is not scored were wrong (``value``) or right (``upper``).

    ``interval`` is Wilson's 95 % interval of ``value``: null if a score is neither 0 nor 1.
    """

    value: float
    upper: float
    interval: tuple[float, float] | None


def accuracy(values: Sequence[float | None]) -> Accuracy:
    """The accuracy with its bounds. The interval takes traces to be independent, also several of one problem."""
    from understudy.compare.statistics import wilson

    scored = [value for value in values if value is not None]
    n = len(values) or 1
    share = sum(scored) / n
    whole = bool(values) and all(value in (0, 1) for value in scored)
    return Accuracy(share, share + (len(values) - len(scored)) / n, wilson(share, n) if whole else None)


class Agreement(NamedTuple):
    """How far two graders agree on what both scored: how many, the share, and Cohen's kappa (1960).

    ``kappa`` is null where both always say the same one thing, and ``share`` where nothing was scored by both.
    """

    n: int
    share: float | None
    kappa: float | None


def agreement(one: Sequence[Score], other: Sequence[Score]) -> Agreement:
    """Of two graders' scores ``answer``, matched by trace. A score below 1 counts as wrong."""
    known = {score.trace_id: score.value for score in other if score.grader == "answer"}
    pairs = [
        (score.value == 1, value == 1)
        for score in one
        if score.grader == "answer" and score.value is not None and (value := known.get(score.trace_id)) is not None
    ]
    if not pairs:
        return Agreement(0, None, None)
    n = len(pairs)
    share = sum(a == b for a, b in pairs) / n
    right = [sum(pair[k] for pair in pairs) / n for k in (0, 1)]
    chance = right[0] * right[1] + (1 - right[0]) * (1 - right[1])
    return Agreement(n, share, None if chance == 1 else (share - chance) / (1 - chance))


def status(trace: Trace, answer: str | None) -> Status:
    """How a trace ended; ``answer`` is what the grader read in it."""
    if trace.error is not None or trace.finish_reason == "error":
        return "error"
    if trace.finish_reason == "length":
        return "truncated"
    if not trace.response.strip():
        return "empty"
    return "malformed" if answer is None else "finished"


def _check(trace: Trace, problem: Problem, task: CheckableTask) -> list[Score]:
    if not trace.reasoning:
        return [Score(trace.trace_id, "trace", None, None, "no trace")]
    if trace.finish_reason == "length":
        return [Score(trace.trace_id, "trace", None, None, "not scored: truncated")]
    found = task.check_trace(problem, trace.reasoning, trace.response)
    return [replace(score, trace_id=trace.trace_id) for score in found]


def outcomes(
    traces: Iterable[Trace],
    scores: Iterable[Score],
    arm: str,
    seed: int,
    sampling: str,
    budget: bool = False,
    sets: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """One row a trace: how it ended, what it answered, whether answer and steps are right, tokens (``OUTCOMES``).

    ``budget``: the sampling forces budgets, so that of a trace that says nothing of it none was forced. ``sets``: of
    several test sets, the name of the one that each problem is of (``compare.condition``).
    """
    from understudy.compare import OUTCOMES, condition

    by_grader: dict[str, dict[str, Score]] = {"answer": {}, "trace": {}}
    for score in scores:
        by_grader.setdefault(score.grader, {})[score.trace_id] = score
    rows = []
    for trace in traces:
        answer, steps = by_grader["answer"].get(trace.trace_id), by_grader["trace"].get(trace.trace_id)
        rows.append(
            {
                "arm": arm,
                "seed": seed,
                "sampling": condition((sets or {}).get(trace.problem_id), sampling),
                "problem_id": trace.problem_id,
                "sample": trace.sample,
                "trace_id": trace.trace_id,
                "status": status(trace, answer.answer if answer else None),
                "answer": answer.value if answer else None,
                "trace": steps.value if steps else None,
                "tokens": trace.usage.completion_tokens,
                "extracted": answer.answer if answer else None,
                "forced_end": trace.metadata.get("forced_end", 0 if budget else None),
                "waits": trace.metadata.get("waits", 0 if budget else None),
            }
        )
    return pl.DataFrame(rows, schema=OUTCOMES)
