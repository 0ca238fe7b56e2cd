"""The tables of the report, each from the contents of a run directory.

    comparisons(read(Path("runs/quickstart"))).rows

A row is a list of finished cells, so that the page and the Markdown say the same.
"""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from understudy.compare import two_by_two
from understudy.compare.samples import IF_RIGHT
from understudy.profile import summarise
from understudy.report import cells
from understudy.report.cells import DASH, Table
from understudy.report.contents import Contents
from understudy.style.pivots import TYPES
from understudy.types import Estimate

ALPHA = 0.05
_BOUND = "If unscored were right, %"
MOST_MOVED = 8
"""Measures a variant in the table of what moved."""


def verdict(estimate: Estimate) -> str:
    """What a comparison shows: a difference needs a corrected p under 0.05 and an interval without zero.

    The p-value is about the students that were trained; the interval also covers how other seeds would do.
    """
    if estimate.p_adjusted is None or estimate.value is None:
        return "not tested"
    touches = estimate.lower is not None and estimate.upper is not None and estimate.lower <= 0 <= estimate.upper
    if estimate.p_adjusted >= ALPHA or estimate.value == 0 or touches:
        return "no difference shown"
    return "higher" if estimate.value > 0 else "lower"


def results(contents: Contents) -> Table:
    """Accuracy with its bounds, and what became of the attempts."""
    several, forced = bool(_sampled(contents)), bool(contents.named("share forced end"))
    head = ["Arm", "Sampling", f"Accuracy{' (mean@k)' if several else ''}, % [interval]", "Problems"]
    head += [_BOUND, "Truncated, %", "Empty, %", "Malformed, %", "Error, %", "Mean tokens"]
    head += ["Forced end, %", "Mean waits"] if forced else []
    rows = [
        [
            arm,
            sampling,
            *_accuracy(contents, arm, sampling),
            *_attempts(contents, arm, sampling),
            *(_forced(contents, arm, sampling) if forced else []),
        ]
        for arm in contents.arms
        for sampling in contents.samplings
    ]
    return Table(head, "ll" + "r" * (len(head) - 2), rows)


def training(contents: Contents) -> Table:
    """What each student was trained on. Empty where none was trained."""
    columns = {"Examples": "examples", "Epochs": "epochs", "Optimizer steps": "steps", "Training tokens": "tokens"}
    rows = [
        [arm, *(cells.spread(of_arm[name].to_list(), int(name == "epochs")) for name in columns.values())]
        for arm in (contents.arms if contents.trains else ())
        if len(of_arm := contents.training.filter(pl.col("arm") == arm))
    ]
    return Table(["Arm", *columns], "lrrrr", rows)


def samples(contents: Contents) -> Table:
    """pass@k and majority@k for every k, with their upper bounds. Empty where each problem was tried once."""
    head = ["Arm", "Sampling", "k", "pass@k, % [interval]", _BOUND, "majority@k, % [interval]", _BOUND]
    rows = []
    for arm, sampling in _sampled(contents):
        for k in contents.samples(arm, sampling):
            found = [contents.estimate(f"{name}@{k}", arm, sampling) for name in ("pass", "majority")]
            passed, elected = map(cells.share, found)
            bounds = [contents.value(f"{name}@{k}{IF_RIGHT}", arm, sampling) for name in ("pass", "majority")]
            rows.append([arm, sampling, str(k), passed, cells.percent(bounds[0]), elected, cells.percent(bounds[1])])
    return Table(head, "llrrrrr", rows)


def comparisons(contents: Contents) -> Table:
    """Every pair of arms that was compared, in the order of the run's estimates."""
    head = ["Arm", "compared with", "Sampling", "Difference, points [interval]", "Problems", "p", "p (Holm)"]
    head += ["Verdict", "Detectable, points"]
    return Table(head, "lllrrrrlr", [_comparison(contents, found) for found in differences(contents)])


def differences(contents: Contents) -> list[Estimate]:
    """The accuracy differences, pair by pair, each pair's samplings in the order of the study."""
    found = contents.named("accuracy difference")
    pairs = list(dict.fromkeys((e.arm, e.versus) for e in found))
    return sorted(found, key=lambda e: (pairs.index((e.arm, e.versus)), contents.samplings.index(e.sampling)))


def trace_counts(contents: Contents) -> Table:
    """Answer against trace as counts. Empty if no trace has a verdict."""
    head = ["Arm", "Sampling", "Both right", "Answer only", "Trace only", "Neither", "No verdict"]
    if not has_verdicts(contents):
        return Table(head, "llrrrrr", [])
    names = ["answer_and_trace", "answer_not_trace", "trace_not_answer", "neither", "no_trace"]
    counts = {(row["arm"], row["sampling"]): row for row in two_by_two(contents.outcomes).iter_rows(named=True)}
    rows = [
        [arm, sampling, *(cells.decimal(counts[arm, sampling][name], 0) for name in names)]
        for arm in contents.arms
        for sampling in contents.samplings
        if any(counts.get((arm, sampling), {}).get(name) for name in names[:4])
    ]
    return Table(head, "llrrrrr", rows)


def trace_shares(contents: Contents) -> Table:
    """The joint and the conditional figures, each with its denominator. Empty if no trace has a verdict."""
    head = ["Arm", "Sampling", "P(A∧T), %", "of", "P(A|T), %", "of", "P(A|¬T), %", "of", "Odds ratio"]
    names = ["answer and trace right", "answer right given trace right", "answer right given trace wrong"]
    rows = []
    for arm in contents.arms if has_verdicts(contents) else []:
        for sampling in contents.samplings:
            found = [contents.estimate(name, arm, sampling) for name in names]
            if any(found):
                odds = contents.estimate("odds ratio of answer and trace", arm, sampling)
                pairs = [cell for e in found for cell in (cells.share(e), cells.decimal(e.n if e else None, 0))]
                rows.append([arm, sampling, *pairs, cells.ratio(odds)])
    return Table(head, "llrrrrrrr", rows)


def has_verdicts(contents: Contents) -> bool:
    """Whether any trace was checked."""
    return contents.outcomes["trace"].drop_nulls().len() > 0


def style(contents: Contents) -> Table:
    """The style of what each student was trained on, then of what it wrote on the test problems."""
    head = ["Arm", "Traces", "n", "Left out", "Mean tokens", "Mean words"]
    head += [f"{pivot.capitalize()} / 1,000 words" for pivot in TYPES]
    head += ["≥ 3 of 4 pivots, %", "Backtracks / trace"]
    rows = []
    for arm in contents.arms:
        trained_on = contents.trained_style(arm)
        if trained_on is not None:
            rows.append([arm, "trained on", *_style(trained_on, None)])
        for sampling in contents.ways:
            written = written_style(contents, arm, sampling)
            if written is not None:
                tokens = contents.mean_tokens(arm, sampling)
                label = f"written,\N{NO-BREAK SPACE}{sampling}" if contents.trains else sampling
                rows.append([arm, label, *_style(written, tokens)])
    return Table(head, "ll" + "r" * (len(head) - 2), rows)


def written_style(contents: Contents, arm: str, sampling: str) -> pl.DataFrame | None:
    """The style of all test traces of an arm, of every seed."""
    frames = [contents.test_table("style", arm, sampling, seed) for seed in contents.seeds]
    found = [frame for frame in frames if frame is not None]
    return pl.concat(found) if found else None


def checks(contents: Contents) -> Table:
    """What each variant promised and how often it held."""
    rows = [
        [
            row["arm"] or DASH,
            row["variant"] or DASH,
            row["claim"] or DASH,
            cells.percent(row["value"]),
            cells.decimal(row["n"], 0),
            cells.decimal(row["dropped"], 0),
            _reasons(row["dropped_reasons"]),
        ]
        for row in contents.checks.iter_rows(named=True)
    ]
    head = ["Arm", "Variant", "Claim", "Holds, %", "Traces", "Dropped", "Why dropped"]
    return Table(head, "lllrrrl", rows)


def moved(contents: Contents) -> Table:
    """What each variant moved: the measures whose interval leaves zero out, the largest relative changes first."""
    shown = contents.moved.filter(
        (pl.col("difference") != 0) & ~((pl.col("lower") <= 0) & (pl.col("upper") >= 0)).fill_null(False)
    )
    size = pl.coalesce(pl.col("relative").abs(), pl.lit(float("inf")))
    most = shown.with_columns(size=size).sort("size", descending=True).group_by("arm", "variant", maintain_order=True)
    rows = [_move(row) for row in most.head(MOST_MOVED).sort("arm", "size", descending=[False, True]).to_dicts()]
    still = contents.moved.group_by("arm", "variant", maintain_order=True).agg(n=pl.col("n").max())
    found = {(row[0], row[1]) for row in rows}
    rows += [
        [row["arm"], row["variant"], "nothing" if row["n"] else "no pair to compare", *[DASH] * 4, str(row["n"])]
        for row in still.to_dicts()
        if (row["arm"], row["variant"]) not in found
    ]
    head = ["Arm", "Variant", "Moved", "Before", "After", "Difference", "Relative, %", "Pairs"]
    return Table(head, "lllrrrrr", rows)


def _move(row: Mapping[str, Any]) -> list[str]:
    """One measure that moved; an interval is there if the pairs did not all move by the same."""
    bounds = [cells.decimal(row[name], 2) for name in ("lower", "upper")]
    interval = "" if row["lower"] is None else f" [{bounds[0]}, {bounds[1]}]"
    return [
        *(row["arm"], row["variant"], f"{row['measure'].replace('_', ' ')}, {row['kind']}"),
        *(cells.decimal(row[name], 2) for name in ("before", "after")),
        cells.decimal(row["difference"], 2) + interval,
        *(cells.percent(row["relative"]), cells.decimal(row["n"], 0)),
    ]


def _sampled(contents: Contents) -> list[tuple[str, str]]:
    """The arms and samplings with several samples a problem."""
    every = ((arm, sampling) for arm in contents.arms for sampling in contents.samplings)
    return [(arm, sampling) for arm, sampling in every if contents.samples(arm, sampling)]


def _accuracy(contents: Contents, arm: str, sampling: str) -> list[str]:
    accuracy = contents.estimate("accuracy", arm, sampling)
    return [
        cells.share(accuracy),
        cells.decimal(accuracy.n if accuracy else None, 0),
        cells.percent(contents.value("accuracy if unscored were right", arm, sampling)),
    ]


def _forced(contents: Contents, arm: str, sampling: str) -> list[str]:
    ended, waits = (contents.value(name, arm, sampling) for name in ("share forced end", "mean waits"))
    return [cells.percent(ended), cells.decimal(waits, 2)]


def _attempts(contents: Contents, arm: str, sampling: str) -> list[str]:
    shares = [f"share {status}" for status in ("truncated", "empty", "malformed", "error")]
    return [
        *(cells.percent(contents.value(name, arm, sampling)) for name in shares),
        cells.decimal(contents.value("mean tokens", arm, sampling)),
    ]


def _comparison(contents: Contents, found: Estimate) -> list[str]:
    detectable = contents.estimate("detectable difference", found.arm, found.sampling, found.versus)
    return [
        found.arm,
        found.versus or DASH,
        found.sampling,
        cells.difference(found),
        cells.decimal(found.n, 0),
        cells.probability(found.p_value),
        cells.probability(found.p_adjusted),
        verdict(found),
        cells.percent(detectable.value if detectable else None),
    ]


def _style(frame: pl.DataFrame, tokens: float | None) -> list[str]:
    row = summarise(frame).row(0, named=True)
    return [
        cells.decimal(row["n"], 0),
        cells.decimal(row["n_excluded"], 0),
        cells.decimal(tokens),
        cells.decimal(row["words_mean"]),
        *(cells.decimal(row[f"{pivot}_per_1000_words"]) for pivot in TYPES),
        cells.percent(row["share_3_types"]),
        cells.decimal(row["backtracks_mean"], 2),
    ]


def _reasons(text: str | None) -> str:
    try:
        reasons = json.loads(text or "{}")
        return "; ".join(f"{reason} ({count})" for reason, count in reasons.items()) or DASH
    except (ValueError, AttributeError):
        return text or DASH
