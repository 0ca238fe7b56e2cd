"""The tree of one trace of each corpus: where it branches, how deep, and what it gives up.

    trees({"R1": corpus})[0].limbs

The trace is not picked by hand: it is the one of the sample that has the middle number of branches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from understudy.report import cells
from understudy.report.profile import Corpus
from understudy.report.profile.columns import STAGES

MOST = 40
"""Limbs that are drawn."""
TRUNK = 0
"""The branch that a trace starts on."""
_FINEST = 200
"""Pieces of a bar."""
_DEEPEST = 8
"""Levels that are indented; deeper ones stand below the last."""


@dataclass(frozen=True)
class Piece:
    """Neighbouring steps of one stage (null: of none), and their characters."""

    stage: str | None
    characters: int


@dataclass(frozen=True)
class Limb:
    """Steps in a row that are on one branch; ``width`` is its share of the longest limb."""

    indent: int
    width: float
    abandoned: bool
    pieces: Sequence[Piece]
    label: str


@dataclass(frozen=True)
class Tree:
    """A trace as limbs from start to end; ``left_out`` are the limbs at its end that are not drawn.

    ``branches`` and ``abandoned`` count those beside the trunk, which is branch 0.
    """

    corpus: str
    trace_id: str
    branches: int
    abandoned: int
    limbs: Sequence[Limb]
    left_out: int


def trees(corpora: Mapping[str, Corpus]) -> list[Tree]:
    """A tree a corpus; corpora whose steps have no branches are left out."""
    return [tree for name, corpus in corpora.items() if (tree := _tree(name, corpus.steps))]


def _tree(name: str, steps: pl.DataFrame) -> Tree | None:
    placed = steps.drop_nulls(["branch", "depth"])
    if placed.is_empty():
        return None
    counted = placed.group_by("trace_id", maintain_order=True).agg(pl.col("branch").n_unique())
    trace_id = counted.sort("branch", maintain_order=True)["trace_id"][(len(counted) - 1) // 2]
    one = placed.filter(pl.col("trace_id") == trace_id).sort("start")
    branches = one.filter(pl.col("branch") != TRUNK).group_by("branch").agg(pl.col("abandoned").fill_null(False).any())
    runs = _runs(one)
    return Tree(
        corpus=name,
        trace_id=trace_id,
        branches=len(branches),
        abandoned=int(branches["abandoned"].sum()),
        limbs=_limbs(runs.filter(pl.col("limb") < MOST)),
        left_out=max(int(runs["limb"][-1]) + 1 - MOST, 0),
    )


def _runs(steps: pl.DataFrame) -> pl.DataFrame:
    """The steps with the number of their limb, and their own from 1; ``stage`` is null where it is none of ours."""
    return steps.select(
        "branch",
        "depth",
        limb=pl.col("branch").rle_id().cast(pl.Int64),
        number=pl.int_range(1, pl.len() + 1),
        stage=pl.when(pl.col("stage").is_in(list(STAGES))).then("stage"),
        characters=pl.col("end") - pl.col("start"),
        abandoned=pl.col("abandoned").fill_null(False),
    )


def _limbs(runs: pl.DataFrame) -> list[Limb]:
    parts = runs.partition_by("limb", maintain_order=True)
    longest = max(int(part["characters"].sum()) for part in parts)
    return [_limb(part, longest) for part in parts]


def _limb(part: pl.DataFrame, longest: int) -> Limb:
    place = f"{_named(part['branch'][0])}: {_steps(part['number'][0], part['number'][-1])}"
    abandoned = bool(part["abandoned"].any())
    return Limb(
        indent=min(max(part["depth"][0], 0), _DEEPEST),
        width=round(int(part["characters"].sum()) / longest, 4),
        abandoned=abandoned,
        pieces=_pieces(part),
        label=f"{place}, abandoned" if abandoned else place,
    )


def _pieces(part: pl.DataFrame) -> list[Piece]:
    """The stages of a limb; of more pieces than a bar has room for, the longest at each place."""
    run = pl.col("stage").rle_id()
    pieces = part.group_by(run.alias("run"), maintain_order=True).agg(
        pl.col("stage").first(), pl.col("characters").sum()
    )
    if len(pieces) > _FINEST:
        place = (pl.col("characters").cum_sum() - 1) * _FINEST // pl.col("characters").sum()
        longest = pl.col("stage").sort_by("characters").last()
        pieces = pieces.group_by(place.alias("run"), maintain_order=True).agg(longest, pl.col("characters").sum())
    return [Piece(stage, characters) for stage, characters in pieces.select("stage", "characters").iter_rows()]


def _steps(first: int, last: int) -> str:
    if first == last:
        return f"step {cells.decimal(first, 0)}"
    return f"steps {cells.decimal(first, 0)}–{cells.decimal(last, 0)}"


def _named(branch: int) -> str:
    return "trunk" if branch == TRUNK else f"branch {cells.decimal(branch, 0)}"
