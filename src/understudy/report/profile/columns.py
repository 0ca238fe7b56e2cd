"""What the page reads: columns, and the names of stages, episodes and pivots with their colours.

The colours are those of Okabe and Ito (2008, *Color universal design*), which stay apart for colour-blind readers;
nothing is said by colour alone.
"""

from collections.abc import Mapping

import polars as pl

from understudy import profile
from understudy.style import episodes, stages
from understudy.style.pivots import TYPES

PIVOTS = (*TYPES, "backtracks")
"""The four pivot types, and phrases with which a line is given up."""
STAGES: Mapping[str, str] = dict(zip(stages.STAGES, ("#0072b2", "#e69f00", "#009e73", "#cc79a7"), strict=True))
EPISODES: Mapping[str, str] = dict(
    zip(
        episodes.EPISODES,
        ("#0072b2", "#56b4e9", "#d55e00", "#cc79a7", "#e69f00", "#009e73", "#8b929b"),
        strict=True,
    )
)

MEASURES = pl.Schema({**profile.MEASURES, "correct": pl.Boolean()})
"""Those of the room ``profile``, and whether the answer is right, where somebody graded it."""
TEXTS = pl.Schema(dict.fromkeys(("trace_id", "text", "question"), pl.String()))


def called(measure: str) -> str:
    """A measure as the page calls it, without what its kind says already: ``stage_framing`` → ``stage: framing``."""
    name = measure.removesuffix("_per_1000_words").removesuffix("_share")
    for group in ("stage", "episode"):
        name = name.replace(f"{group}_", f"{group}: ", 1) if name.startswith(f"{group}_") else name
    return name.replace("mtld", "MTLD").replace("_", " ")
