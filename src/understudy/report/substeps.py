"""How often each sub-step of the traces is right, where a task scores them one by one.

    substeps(read(Path("runs/interpretable-traces"))).rows

A task that checks traces gives the verdict ``trace``, and scores for parts of it such as ``class`` and ``all-facts``.
"""

from itertools import product

import polars as pl

from understudy.compare import OUTCOMES, estimate
from understudy.report import cells
from understudy.report.cells import DASH, Table
from understudy.report.contents import Contents

VERDICTS = ("answer", "trace")
RESAMPLES = 2_000
SUBSTEPS = pl.Schema(
    {
        **dict.fromkeys(("arm", "sampling", "trace_id", "grader"), pl.String()),
        "seed": pl.Int64(),
        "value": pl.Float64(),
    }
)


def substeps(contents: Contents) -> Table:
    """A row an arm and sampling, a column a sub-step: the share of all attempts in which it is right.

    One that a trace does not state counts as not right. Empty if the task scores no sub-step.
    """
    scores = _scores(contents)
    parts = scores["grader"].unique(maintain_order=True).to_list()
    head = ["Arm", "Sampling", *(f"{part}, % [interval]" for part in parts), "of"]
    attempts = contents.outcomes.join(scores.select("arm", "sampling").unique(), ["arm", "sampling"], "semi")
    shares = [_shares(attempts, scores.filter(pl.col("grader") == part)) for part in parts]
    tried = {(arm, sampling): n for arm, sampling, n in attempts.group_by("arm", "sampling").len().iter_rows()}
    rows = [
        [arm, sampling, *(found.get((arm, sampling), DASH) for found in shares), cells.decimal(tried[arm, sampling], 0)]
        for arm in contents.arms
        for sampling in contents.samplings
        if any((arm, sampling) in found for found in shares)
    ]
    return Table(head, "ll" + "r" * (len(head) - 2), rows)


def _scores(contents: Contents) -> pl.DataFrame:
    """The scores of the sub-steps of all test traces, but for arms that state none."""
    frames = [pl.DataFrame(schema=SUBSTEPS)]
    for arm, sampling, seed in product(contents.arms, contents.ways, contents.seeds):
        table = contents.test_table("scores", arm, sampling, seed)
        if table is not None and (found := table.filter(~pl.col("grader").is_in(VERDICTS)))["value"].count():
            named = found.with_columns(arm=pl.lit(arm), sampling=pl.lit(sampling), seed=pl.lit(seed, pl.Int64))
            frames.append(named.select(list(SUBSTEPS)).cast(SUBSTEPS))
    return pl.concat(frames)


def _shares(outcomes: pl.DataFrame, part: pl.DataFrame) -> dict[tuple[str, str], str]:
    """By arm and sampling: how often a part is right, reckoned as accuracy is, with its interval."""
    keys = ["arm", "sampling", "seed", "trace_id"]
    joined = outcomes.drop("answer", "status").join(part.select(*keys, answer="value"), keys, "left")
    status = pl.when(pl.col("answer").is_null()).then(pl.lit("malformed")).otherwise(pl.lit("finished"))
    frame = joined.with_columns(status=status, extracted=pl.lit(None, pl.String)).select(list(OUTCOMES))
    arms = frame["arm"].unique().to_list()
    found = estimate(frame, arms, baseline=None, pairs=[], resamples=RESAMPLES)
    return {(e.arm, e.sampling): cells.share(e) for e in found if e.name == "accuracy"}
