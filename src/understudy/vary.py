"""Traces → Traces: controlled changes, with lineage and a manipulation check.

    understudy list variants

A variant declares what it keeps and what it makes; ``check`` measures both on every changed trace, so that a study
can say what its arms really differ in. A trace that a variant leaves out stays in the table with the reason as its
error: nothing is dropped in silence.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from understudy.protocols import Variant
from understudy.randomness import stream
from understudy.rows import Census
from understudy.types import Problem, Score, Skip, Trace

CHECKS = pl.Schema(
    {
        "arm": pl.String(),
        "variant": pl.String(),
        "claim": pl.String(),
        "value": pl.Float64(),
        "n": pl.Int64(),
        "dropped": pl.Int64(),
        "dropped_reasons": pl.String(),
    }
)
Answers = Mapping[str, float | None]


def vary(
    traces: Sequence[Trace], problems: Mapping[str, Problem], variant: Variant, name: str, arm: str, seed: int
) -> list[Trace]:
    """Every trace changed by the variant. Those of failed attempts are passed on as they are."""
    return [
        trace if trace.error else _one(trace, problems[trace.problem_id], variant, name, arm, seed) for trace in traces
    ]


def _one(trace: Trace, problem: Problem, variant: Variant, name: str, arm: str, seed: int) -> Trace:
    changed = variant.vary(trace, problem, stream(seed, name, trace.problem_id, trace.sample))
    if isinstance(changed, Skip):
        changed = replace(trace, finish_reason="error", error=changed.reason)
    trace_id = f"{arm}/{trace.problem_id}/{trace.sample}"
    return replace(changed, trace_id=trace_id, variant=name, parent_id=trace.trace_id)


def check(
    arm: str,
    name: str,
    variant: Variant,
    before: Mapping[str, Trace],
    after: Sequence[Trace],
    scores: Sequence[Score],
) -> pl.DataFrame:
    """The manipulation check: for each thing that the variant keeps or makes, the share of traces of which it holds.

    ``before`` maps ids to the traces that were changed, ``scores`` are of the changed ones. A claim that no trace can
    be checked for has the value null.
    """
    answers = {score.trace_id: score.value for score in scores if score.grader == "answer"}
    traces = {score.trace_id: score.value for score in scores if score.grader == "trace"}
    kept = [trace for trace in after if trace.error is None]
    reasons = Counter(trace.error for trace in after if trace.error is not None)
    rows = []
    for claim in [
        *(f"keeps {c}" for c in sorted(variant.keeps)),
        *(f"makes {c}" for c in sorted(variant.makes)),
    ]:
        holds = [CLAIMS[claim](before[t.parent_id or ""], t, answers, traces) for t in kept]
        known = [value for value in holds if value is not None]
        share = sum(known) / len(known) if known else None
        rows.append((arm, name, claim, share, len(known), sum(reasons.values()), json.dumps(reasons)))
    return pl.DataFrame(rows, schema=CHECKS, orient="row")


def count(arm: str, name: str, census: Census) -> pl.DataFrame:
    """The rows of a file of traces as a check: which share of them is used, and why the others are not."""
    reasons = {"duplicate": census.duplicates, "of no problem here": census.unmatched}
    reasons |= Counter(f"unreadable: {reason}" for _, reason in census.unreadable)
    dropped = {reason: number for reason, number in reasons.items() if number}
    share = census.traces / census.rows
    row = (arm, name, "uses the rows of the file", share, census.rows, census.rows - census.traces, json.dumps(dropped))
    return pl.DataFrame([row], schema=CHECKS, orient="row")


def _value(scores: Answers, trace: Trace, wanted: float) -> bool | None:
    value = scores.get(trace.trace_id)
    return None if value is None else value == wanted


CLAIMS: Mapping[str, Callable[[Trace, Trace, Answers, Answers], bool | None]] = {
    "keeps reasoning": lambda old, new, answers, traces: old.reasoning == new.reasoning,
    "keeps response": lambda old, new, answers, traces: old.response == new.response,
    "keeps answer": lambda old, new, answers, traces: _value(answers, new, 1.0),
    "keeps length": lambda old, new, answers, traces: _words(old) == _words(new),
    "makes wrong-answer": lambda old, new, answers, traces: _value(answers, new, 0.0),
    "makes wrong-trace": lambda old, new, answers, traces: _value(traces, new, 0.0),
    "makes no-trace": lambda old, new, answers, traces: new.reasoning is None,
}
"""What can be declared, and how it is measured: true, false, or null where it cannot be said."""


def _words(trace: Trace) -> int:
    return len((trace.reasoning or "").split())
