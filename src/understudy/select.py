"""Traces → the traces that an arm keeps.

    arms: {ST: {from: {file: {path: traces.jsonl}}, select: [right, shortest]}}

Selectors see all attempts at a problem together, with their scores. What they leave out is counted, with the reason.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from understudy.errors import StudyError
from understudy.protocols import Attempt, Selector
from understudy.types import Problem, Score, Trace
from understudy.vary import CHECKS


def select(
    traces: Sequence[Trace], scores: Sequence[Score], problems: Mapping[str, Problem], selector: Selector
) -> dict[str, str | None]:
    """By trace id: why it is left out, or null. The ids are in the order of the traces."""
    answers = {score.trace_id: score for score in scores if score.grader == "answer"}
    attempts: dict[str, list[Attempt]] = {}
    for trace in sorted(traces, key=lambda trace: trace.sample):
        score = answers.get(trace.trace_id, Score(trace.trace_id, "answer", None))
        attempts.setdefault(trace.problem_id, []).append((trace, score))
    reasons: dict[str, str | None] = {}
    for name, several in attempts.items():
        found = selector.select(several, problems[name])
        reasons |= {trace.trace_id: why for (trace, _), why in zip(several, found, strict=True)}
    return {trace.trace_id: reasons[trace.trace_id] for trace in traces}


def keep(traces: Sequence[Trace], reasons: Mapping[str, str | None], arm: str, name: str) -> list[Trace]:
    """The traces that nothing is said against, under the name of the arm. Raises ``StudyError`` if that is none."""
    kept = [_named(trace, arm) for trace in traces if reasons[trace.trace_id] is None]
    if not kept:
        why = Counter(reasons.values()).most_common(1)[0][0] if traces else "there were none"
        raise StudyError(f"arm '{arm}': {name} keeps none of {len(traces):,} traces (mostly: {why})")
    return kept


def _named(trace: Trace, arm: str) -> Trace:
    own = f"{arm}/{trace.problem_id}/{trace.sample}"
    return trace if trace.trace_id == own else replace(trace, trace_id=own, parent_id=trace.trace_id)


def check(arm: str, name: str, reasons: Mapping[str, str | None]) -> pl.DataFrame:
    """What was left out, as a check: which share is kept, and why the rest is not."""
    dropped = Counter(reason for reason in reasons.values() if reason is not None)
    n, left = len(reasons), dropped.total()
    row = (arm, name, "keeps what it selects", (n - left) / n if n else None, n, left, json.dumps(dict(dropped)))
    return pl.DataFrame([row], schema=CHECKS, orient="row")
