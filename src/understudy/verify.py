"""Traces × Task → Scores: is the answer right, and where steps can be checked, is the trace right?

    understudy verify TRACES.jsonl --task '{gsm8k: {test: QUESTIONS.jsonl}}'

A trace that was cut off, is empty, or holds no answer is not a wrong answer: its value is null and its status says
what it is, so that accuracy can be given with its bounds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

import polars as pl

from understudy.protocols import CheckableTask, Task
from understudy.types import Problem, Score, Trace

Status = Literal["finished", "truncated", "empty", "malformed", "error"]


def verify(traces: Iterable[Trace], problems: Mapping[str, Problem], task: Task) -> list[Score]:
    """A score ``answer`` for every trace, and where the task can replay what was written: ``trace`` and its parts."""
    scores = []
    for trace in traces:
        problem = problems.get(trace.problem_id)
        if problem is None:
            scores.append(Score(trace.trace_id, "answer", None, None, "not scored: its problem is unknown"))
            continue
        scores.append(grade(trace, problem, task))
        if isinstance(task, CheckableTask) and trace.error is None:
            scores += _check(trace, problem, task)
    return scores


def grade(trace: Trace, problem: Problem, task: Task) -> Score:
    """The answer's score. Null, with the reason, unless the trace is finished and holds an answer."""
    score = replace(task.grade(problem, trace.response), trace_id=trace.trace_id, grader="answer")
    found = status(trace, score.answer)
    return score if found == "finished" else replace(score, value=None, explanation=f"not scored: {found}")


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


def outcomes(traces: Iterable[Trace], scores: Iterable[Score], arm: str, seed: int, sampling: str) -> pl.DataFrame:
    """One row a trace: how it ended, whether its answer and its steps are right, and its tokens (``OUTCOMES``)."""
    from understudy.compare import OUTCOMES

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
                "sampling": sampling,
                "problem_id": trace.problem_id,
                "sample": trace.sample,
                "trace_id": trace.trace_id,
                "status": status(trace, answer.answer if answer else None),
                "answer": answer.value if answer else None,
                "trace": steps.value if steps else None,
                "tokens": trace.usage.completion_tokens,
            }
        )
    return pl.DataFrame(rows, schema=OUTCOMES)
