"""The tables of the page: what the corpora are like, and how two of them differ.

summary({"R1": corpus}).rows[3]      # ["words, median (middle half)", "650 (480 to 903)"]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from understudy.contrast import Contrast, Figure
from understudy.report import cells
from understudy.report.cells import Table
from understudy.report.profile import Corpus
from understudy.report.profile.columns import STAGES, called
from understudy.report.profile.ratios import Ratio, ratio, share
from understudy.style.pivots import TYPES

KINDS: Mapping[str, str] = {"raw": "as it is", "density": "per word or step", "matched": "equal length"}
"""How the page calls the kinds of a comparison."""
EFFECT = "Hedges' g"
"""The effect size of a comparison."""
_UNBROKEN = "\u00a0"


@dataclass(frozen=True)
class Difference:
    """What the page says of a comparison: sentences, and a table of all measures."""

    sentences: Sequence[str]
    table: Table


def summary(corpora: Mapping[str, Corpus]) -> Table:
    """A row a figure, a column a corpus. A row that no corpus has a figure for is left out."""
    columns = [_figures(corpus.measures) for corpus in corpora.values()]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    kept = [row for row in rows if any(cell != cells.DASH for cell in row[1:])]
    return Table(["", *corpora], "l" + "r" * len(columns), kept)


def _figures(measures: pl.DataFrame) -> dict[str, str]:
    source, words, steps = pl.col("source"), pl.col("words"), pl.col("steps")
    pivots = ratio(measures, 1000 * pl.sum_horizontal(TYPES, ignore_nulls=False), words)
    return {
        "traces": _count(measures, pl.lit(True)),
        "nothing to profile": _count(measures, source.is_null()),
        "no reasoning, response profiled": _count(measures, source == "response"),
        "right answers, %": _percent(share(measures, pl.col("correct"))),
        "words, median (middle half)": _median(measures["words"]),
        "tokens, median (middle half)": _median(measures["tokens"]),
        "steps, median (middle half)": _median(measures["steps"]),
        "pivots per 1,000 words": _between(pivots, 2),
        "traces with ≥ 3 of 4 pivot types, %": _percent(share(measures, pl.col("pivot_types") >= 3)),
        **{f"{stage}, % of steps": _percent(ratio(measures, pl.col(f"stage_{stage}"), steps)) for stage in STAGES},
        "branches a trace": _between(ratio(measures, pl.col("branches")), 2),
        "abandoned branches a trace": _between(ratio(measures, pl.col("abandoned")), 2),
        "steps in abandoned branches, %": _percent(ratio(measures, pl.col("failed_steps") * steps, steps)),
        "coherence of neighbouring steps": _between(ratio(measures, pl.col("coherence")), 3),
        "the same, steps shuffled": _between(ratio(measures, pl.col("coherence_null")), 3),
        "overlap with the question": _between(ratio(measures, pl.col("question_overlap")), 3),
        "the same, by chance": _between(ratio(measures, pl.col("question_overlap_null")), 3),
        "lexical diversity (MTLD)": _between(ratio(measures, pl.col("mtld")), 1),
        "repeated words, %": _percent(ratio(measures, pl.col("repetition"))),
        "first right answer, % of the trace": _percent(ratio(measures, pl.col("first_correct"))),
        "reflection after it, % of steps": _percent(ratio(measures, pl.col("reflection_after"))),
    }


def contrast(found: Contrast) -> Difference:
    """The comparison in sentences and as a table, measure by measure, those with the largest effects first."""
    order = {measure: rank for rank, measure in enumerate(measures(found.rows))}
    listed = sorted(
        found.rows.iter_rows(named=True),
        key=lambda row: (order[called(row["measure"])], list(KINDS).index(row["kind"]) if row["kind"] in KINDS else 9),
    )
    rows = [
        [
            called(row["measure"]),
            KINDS.get(row["kind"], str(row["kind"])),
            _few(row["mean_a"]),
            _few(row["mean_b"]),
            _between(Ratio(row["effect"], row["lower"], row["upper"], 0), 2),
            cells.probability(row["p_adjusted"]),
            f"{_whole(row['n_a'])}, {_whole(row['n_b'])}",
        ]
        for row in listed
    ]
    head = ["Measure", "Compared", *found.names, EFFECT, "p (Holm)", "Traces"]
    return Difference(_sentences(found), Table(head, "llrrrrr", rows))


def measures(rows: pl.DataFrame) -> list[str]:
    """What the measures are called, the one with the largest effect (of any kind) first."""
    size: dict[str, float] = {}
    for name, effect in rows.select("measure", "effect").iter_rows():
        size[called(name)] = max(size.get(called(name), -1.0), -1.0 if effect is None else abs(effect))
    return sorted(size, key=lambda name: -size[name])


def _sentences(found: Contrast) -> list[str]:
    said = []
    if found.distance.value is not None:
        null = cells.decimal(found.distance_null, 3)
        halves = "" if null == cells.DASH else f"; random halves of one corpus stay below {null} in 95 % of splits"
        said.append(f"Their style distance is {_figure(found.distance)}{halves}.")
    if found.auc.value is not None:
        others = (("among traces of like length", found.auc_matched), ("by length alone", found.auc_length))
        rest = "".join(f"; {how}, {_figure(figure)}" for how, figure in others if figure.value is not None)
        said.append(
            f"A classifier that does not see length tells them apart with an AUC of {_figure(found.auc)} on traces "
            f"it was not trained on{rest} (0.5 is chance)."
        )
    if len(found.carriers):
        said.append(f"It goes by {cells.listing(map(called, found.carriers['measure']), most=6)}.")
    matched = found.rows.filter(pl.col("kind") == "matched")
    if len(matched) and (lacking := matched["effect"].null_count()):
        said.append(
            f"At equal length no effect can be given for {lacking} of {len(matched)} measures: too few traces of the "
            "two corpora are as long as each other, or have a value."
        )
    return said


def _count(measures: pl.DataFrame, holds: pl.Expr) -> str:
    return _whole(measures.filter(holds).height)


def _median(values: pl.Series) -> str:
    known = values.drop_nulls()
    if known.is_empty():
        return cells.DASH
    low, middle, high = (cells.decimal(known.quantile(q, "linear"), 0) for q in (0.25, 0.5, 0.75))
    return _broken_once(f"{middle} ({low} to {high})")


def _percent(found: Ratio) -> str:
    return _between(found.times(100), 1)


def _between(found: Ratio, digits: int) -> str:
    value, lower, upper = (cells.decimal(part, digits) for part in (found.value, found.lower, found.upper))
    return value if cells.DASH in (value, lower, upper) else _broken_once(f"{value} [{lower}, {upper}]")


def _broken_once(cell: str) -> str:
    """The cell with white space at which a narrow column breaks it before its bracket only."""
    figure, _, bracket = cell.partition(" ")
    return f"{figure} {bracket.replace(' ', _UNBROKEN)}"


def _figure(found: Figure) -> str:
    value, lower, upper = (cells.decimal(part, 3) for part in (found.value, found.lower, found.upper))
    return value if cells.DASH in (lower, upper) else f"{value} [{lower}, {upper}]"


def _few(value: float | None) -> str:
    """Three figures: a mean of 1,234 words and a share of 0.0123 both say enough."""
    if value is None:
        return cells.DASH
    size = abs(value)
    return cells.decimal(value, 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3)


def _whole(number: int | None) -> str:
    return cells.decimal(number, 0)
