"""What the page reads: columns of tables, and the names of stages, episodes and pivots with their colours.

The colours are those of Okabe and Ito (2008, *Color universal design*), which stay apart for colour-blind readers;
nothing is said by colour alone.
"""

from collections.abc import Mapping

import polars as pl

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

_TEXT, _INT, _REAL = pl.String(), pl.Int64(), pl.Float64()
MEASURES = pl.Schema(
    {
        **dict.fromkeys(("trace_id", "problem_id", "model", "source"), _TEXT),
        "correct": pl.Boolean(),
        **dict.fromkeys(("characters", "words", "tokens", "steps", *PIVOTS, "pivot_types"), _INT),
        **dict.fromkeys((f"episode_{name}" for name in EPISODES), _INT),
        **dict.fromkeys((f"stage_{name}" for name in STAGES), _INT),
        **dict.fromkeys(("branches", "abandoned", "depth", "width"), _INT),
        "failed_steps": _REAL,
        **dict.fromkeys(("coherence", "coherence_null", "coherence_decay"), _REAL),
        **dict.fromkeys(("question_overlap", "question_overlap_null"), _REAL),
        **dict.fromkeys(("mtld", "repetition", "first_correct", "reflection_after"), _REAL),
    }
)
TEXTS = pl.Schema(dict.fromkeys(("trace_id", "text", "question"), _TEXT))
STEPS = pl.Schema(
    {
        "trace_id": _TEXT,
        **dict.fromkeys(("index", "start", "end"), _INT),
        **dict.fromkeys(("episode", "stage"), _TEXT),
        **dict.fromkeys(("branch", "depth"), _INT),
        "abandoned": pl.Boolean(),
    }
)
COMPARED = pl.Schema(
    {
        **dict.fromkeys(("measure", "kind"), _TEXT),
        **dict.fromkeys(("n_a", "n_b"), _INT),
        **dict.fromkeys(("mean_a", "mean_b", "effect", "lower", "upper", "p_adjusted"), _REAL),
    }
)


def called(measure: str) -> str:
    """A measure as the page calls it, without what its kind says already: ``stage_framing`` → ``stage: framing``."""
    name = measure.removesuffix("_per_1000_words").removesuffix("_share")
    for group in ("stage", "episode"):
        name = name.replace(f"{group}_", f"{group}: ", 1) if name.startswith(f"{group}_") else name
    return name.replace("mtld", "MTLD").replace("_", " ")
