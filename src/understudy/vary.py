"""Traces → Traces: controlled changes, with lineage and a manipulation check.

    understudy list variants

A variant declares what it keeps and what it makes; ``check`` measures both on every changed trace, and ``moved`` says
what its style gained and lost, declared or not: so a study can say what its arms really differ in. A trace that a
variant leaves out stays in the table with the reason as its error: nothing is dropped in silence.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import polars as pl

from understudy.errors import StudyError
from understudy.exchange import WHY_UNFINISHED
from understudy.protocols import BatchVariant, Variant
from understudy.randomness import stream
from understudy.rows import Census
from understudy.style.episodes import EPISODES
from understudy.style.pivots import TYPES
from understudy.style.stages import STAGES
from understudy.types import Problem, Score, Skip, Trace
from understudy.variants import _text

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
MOVED = pl.Schema(
    {
        **dict.fromkeys(("arm", "variant", "measure", "kind"), pl.String()),
        "n": pl.Int64(),
        **dict.fromkeys(("before", "after", "difference", "lower", "upper", "relative"), pl.Float64()),
    }
)
"""One row a measure and kind (raw, or density: per 1,000 words, a share of the steps): means before and after, their
difference with its 95 % interval, and as a share of the mean before; ``n`` counts pairs of traces."""

ALIGNED = pl.Schema({"problem_id": pl.String(), "having": pl.List(pl.String()), "lacking": pl.List(pl.String())})
"""One row a training problem: the arms that have a trace of it, and those that lack one. Students are trained on the
problems that no arm lacks."""

Answers = Mapping[str, float | None]


def vary(
    traces: Sequence[Trace], problems: Mapping[str, Problem], variant: Variant, name: str, arm: str, seed: int
) -> list[Trace]:
    """Every trace changed by the variant. Those of failed attempts are passed on as they are."""
    whole = [trace for trace in traces if trace.error is None]
    asked = [problems[trace.problem_id] for trace in whole]
    rngs = [stream(seed, name, trace.problem_id, trace.sample) for trace in whole]
    if isinstance(variant, BatchVariant):
        changed = variant.vary_all(whole, asked, rngs)
    else:
        changed = [variant.vary(*one) for one in zip(whole, asked, rngs, strict=True)]
    made = iter([_descended(old, new, name, arm) for old, new in zip(whole, changed, strict=True)])
    return [next(made) if trace.error is None else trace for trace in traces]


def _descended(trace: Trace, changed: Trace | Skip, name: str, arm: str) -> Trace:
    """What became of a trace, with its lineage."""
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
    styles = _Styles(before.values(), after)
    kept = [trace for trace in after if trace.error is None]
    reasons = Counter(trace.error for trace in after if trace.error is not None)
    rows = []
    for claim in [
        *(f"keeps {c}" for c in sorted(variant.keeps)),
        *(f"makes {c}" for c in sorted(variant.makes)),
    ]:
        holds = [_holds(claim, before[t.parent_id or ""], t, answers, traces, styles) for t in kept]
        known = [value for value in holds if value is not None]
        share = sum(known) / len(known) if known else None
        rows.append((arm, name, claim, share, len(known), sum(reasons.values()), json.dumps(reasons)))
    return pl.DataFrame(rows, schema=CHECKS, orient="row")


def moved(arm: str, name: str, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """What the style of changed traces gained and lost: a row a measure, of pairs of a trace and what became of it.

    ``before`` and ``after`` are tables of traces. The columns are those of ``MOVED``. Like is compared with like: a
    trace that lost its reasoning is no pair with what it was.
    """
    from understudy.contrast import changes
    from understudy.profile import measure

    changed = after.filter(pl.col("error").is_null() & pl.col("parent_id").is_in(before["trace_id"].implode()))
    was = before.filter(pl.col("trace_id").is_in(changed["parent_id"].implode()))
    old, now = measure(was, core=True), measure(changed, core=True).with_columns(changed["parent_id"])
    alike = old.select("source", parent_id="trace_id")
    found = changes(old, now.join(alike, ["parent_id", "source"], "semi"))
    return (
        found.select(pl.lit(arm).alias("arm"), pl.lit(name).alias("variant"), pl.all())
        .select(MOVED.names())
        .cast(MOVED)
    )


def align(arms: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Which arms have a finished trace of which problem, as ``ALIGNED``; in the order of the first arm.

    Raises ``StudyError`` if there is no problem that every arm has.
    """
    held = {arm: set(traces.filter(WHY_UNFINISHED.is_null())["problem_id"]) for arm, traces in arms.items()}
    every = dict.fromkeys(name for traces in arms.values() for name in traces["problem_id"])
    rows = [(name, [arm for arm in arms if name in held[arm]]) for name in every]
    table = [(name, having, [arm for arm in arms if arm not in having]) for name, having in rows if having]
    if arms and all(lacking for _, _, lacking in table):
        fewest = min(held, key=lambda arm: len(held[arm]))
        raise StudyError(
            f"no problem has a finished trace in every arm ('{fewest}' has traces of {len(held[fewest]):,})",
            "see why in the column error of its traces, or set align: false",
        )
    return pl.DataFrame(table, schema=ALIGNED, orient="row")


def check_aligned(aligned: pl.DataFrame) -> pl.DataFrame:
    """For each arm of which problems are left out: the share that stays, and which arms lacked the others."""
    rows = []
    for (arm,), held in aligned.explode("having").group_by("having", maintain_order=True):
        lacking = held.filter(pl.col("lacking").list.len() > 0)["lacking"].explode()
        left_out = held.height - held.filter(pl.col("lacking").list.len() == 0).height
        if left_out:
            reasons = {f"no finished trace in {other}": number for other, number in Counter(lacking).items()}
            claim, share = "has the problems of every arm", 1 - left_out / held.height
            rows.append((arm, "aligned", claim, share, held.height, left_out, json.dumps(reasons)))
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


def _ending(old: Trace, new: Trace) -> bool:
    """Whether the response is the same; where it is all there is, whether its last step is."""
    if _text.reasons(old):
        return old.response == new.response
    last = "".join(_text.cut(old.response.rstrip())[-1:])
    return new.response.rstrip().endswith(last)


def _body(old: Trace, new: Trace) -> bool:
    """Whether the text is the same up to its last third, counted in steps."""
    steps = _text.cut(_of(old, old))
    return _of(old, new).startswith("".join(steps[: 2 * len(steps) // 3]).rstrip())


def _order(old: Trace, new: Trace) -> bool:
    """Whether the words of the text with fewer are words of the other, in the same order."""
    few, many = sorted((_text.words(_of(old, old)), _text.words(_of(old, new))), key=len)
    following = iter(many)
    return all(word in following for word in few)


def _lost(old: Trace, new: Trace) -> Counter[str]:
    """The words that the text had, and has no more or not as often."""
    return Counter(_text.words(_of(old, old))) - Counter(_text.words(_of(old, new)))


CLAIMS: Mapping[str, Callable[[Trace, Trace, Answers, Answers], bool | None]] = {
    "keeps reasoning": lambda old, new, answers, traces: old.reasoning == new.reasoning,
    "keeps response": lambda old, new, answers, traces: old.response == new.response,
    "keeps ending": lambda old, new, answers, traces: _ending(old, new),
    "keeps body": lambda old, new, answers, traces: _body(old, new),
    "keeps words": lambda old, new, answers, traces: not _lost(old, new),
    "keeps order": lambda old, new, answers, traces: _order(old, new),
    "keeps answer": lambda old, new, answers, traces: _value(answers, new, 1.0),
    "keeps length": lambda old, new, answers, traces: 10 * abs(_words(old, new) - _words(old, old)) <= _words(old, old),
    "makes wrong-answer": lambda old, new, answers, traces: _value(answers, new, 0.0),
    "makes wrong-trace": lambda old, new, answers, traces: _value(traces, new, 0.0),
    "makes shorter": lambda old, new, answers, traces: _words(old, new) < _words(old, old),
    "makes other-order": lambda old, new, answers, traces: not _order(old, new),
    "makes no-trace": lambda old, new, answers, traces: new.reasoning is None,
}
"""What can be declared, and how it is measured: true, false, or null where it cannot be said."""
MADE: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "makes no-pivots": lambda row: not any(row[name] for name in TYPES),
    "makes three-pivot-types": lambda row: row["pivot_types"] >= 3,
    "makes four-stages": lambda row: all(row[f"stage_{name}"] for name in STAGES),
}
"""What can be declared of the style of a changed trace alone, by its measures."""


STYLE: Mapping[str, tuple[str, ...]] = {
    "pivots": (*TYPES, "backtracks"),
    "steps": ("steps",),
    "episodes": tuple(f"episode_{name}" for name in EPISODES),
    "stages": tuple(f"stage_{name}" for name in STAGES),
    "structure": ("branches", "abandoned", "depth", "width"),
}
"""The parts of style that can be kept, or made other: ``keeps pivots``, ``makes other-pivots``. One is the same in two
traces if all these measures are."""


class _Styles:
    """The parts of style of traces before and after a change, measured when first asked for."""

    def __init__(self, before: Iterable[Trace], after: Iterable[Trace]) -> None:
        self.traces = [*before, *after]

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        from understudy import profile, tables

        measured = profile.measure(tables.to_frame(Trace, self.traces), core=True)
        return {row["trace_id"]: row for row in measured.iter_rows(named=True)}

    def same(self, part: str, old: Trace, new: Trace) -> bool | None:
        """Whether a part is the same in both; null where one of them has no text."""
        was, now = self.rows[old.trace_id], self.rows[new.trace_id]
        if was["source"] is None or now["source"] is None:
            return None
        return all(was[column] == now[column] for column in STYLE[part])


def _holds(claim: str, old: Trace, new: Trace, answers: Answers, traces: Answers, styles: _Styles) -> bool | None:
    if claim in CLAIMS:
        return CLAIMS[claim](old, new, answers, traces)
    if claim in MADE:
        row = styles.rows[new.trace_id]
        return None if row["source"] is None else MADE[claim](row)
    verb, _, part = claim.partition(" ")
    same = styles.same(part.removeprefix("other-"), old, new)
    return same if verb == "keeps" or same is None else not same


CLAIMED = frozenset([*CLAIMS, *MADE]) | {f"keeps {part}" for part in STYLE} | {f"makes other-{part}" for part in STYLE}
"""Everything that a variant can declare."""


def _of(old: Trace, trace: Trace) -> str:
    """The text of a trace that is compared: its reasoning, or its response if the old trace had no reasoning."""
    return (trace.reasoning or "") if _text.reasons(old) else trace.response


def _words(old: Trace, trace: Trace) -> int:
    return len(_of(old, trace).split())
