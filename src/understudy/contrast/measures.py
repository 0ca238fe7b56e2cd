"""Which measures are compared, and in which forms: as they are, and independent of a trace's length.

    from understudy.contrast import derive
    derive(measures).select("trace_id", "verification_per_1000_words", "episode_explore_share")

A count grows with its trace, so it has a second form: per 1,000 words for phrases and branches, a share of the steps
for episodes and stages. The mean of such a ratio does not depend on length; how it scatters does (short traces hold
many zeros), which is why effects are differences between means and why there is a third look, matched on length.
"""

from typing import NamedTuple

import polars as pl

from understudy.errors import InputError

LENGTHS = ("characters", "words", "tokens", "steps")
PER_WORDS = ("realization", "verification", "exploration", "integration", "backtracks", "branches", "abandoned")
EPISODES = tuple(f"episode_{name}" for name in ("read", "analyze", "plan", "implement", "explore", "verify", "monitor"))
STAGES = tuple(f"stage_{name}" for name in ("framing", "exploration", "verification", "synthesis"))
GROWING = ("pivot_types", "depth", "width")
"""Neither counts that a length would divide nor free of it: a longer trace has more chances to use every type."""
RATIOS = (
    *("failed_steps", "coherence", "coherence_decay", "question_overlap"),
    *("mtld", "repetition", "first_correct", "reflection_after"),
)

_FORMS = {
    **{name: f"{name}_per_1000_words" for name in PER_WORDS},
    **{name: f"{name}_share" for name in EPISODES + STAGES},
    "words_per_step": "words_per_step",
}
LENGTH_FREE = tuple(_FORMS[name] for name in (*PER_WORDS, *EPISODES, "words_per_step")) + RATIOS
"""What the style distance and the classifier see. Stages are sums of episodes and would count them twice."""


class Row(NamedTuple):
    """One row of a comparison: which measure, in which kind of look, read from which column of ``derive``."""

    measure: str
    kind: str
    column: str


def derive(measures: pl.DataFrame) -> pl.DataFrame:
    """The table of measures with the columns that do not depend on a trace's length, one row a trace.

    Added are, in the unit of their names, ``<pivot>_per_1000_words`` and the same of ``backtracks``, ``branches`` and
    ``abandoned``; ``episode_<name>_share`` and ``stage_<name>_share`` (of the steps); ``words_per_step``. They are
    null where the measure is, and where a trace has no words or no steps; a column that is not there is left out.

    Raises ``InputError`` if the table has no ``words``, ``steps``, ``trace_id`` or ``problem_id``.
    """
    for column in ("trace_id", "problem_id", "words", "steps"):
        if column not in measures.columns:
            raise InputError(
                f"the table of measures has no column '{column}'", "make it with understudy.profile.measure"
            )
    words, steps = (pl.when(pl.col(name) > 0).then(pl.col(name)) for name in ("words", "steps"))
    counts = [(name, 1000 * pl.col(name) / words) for name in PER_WORDS]
    shares = [(name, pl.col(name) / steps) for name in EPISODES + STAGES]
    known = [(1.0 * ratio).alias(_FORMS[name]) for name, ratio in counts + shares if name in measures.columns]
    return measures.with_columns(*known, words_per_step=pl.col("words") / steps)


def rows(derived: pl.DataFrame) -> list[Row]:
    """The comparisons that the columns of a derived table allow, each measure raw, as a density and matched.

    ``density`` means per 1,000 words, a share of the steps or words per step; ``matched`` is the density, or where
    there is none the measure as it is, among traces of like length. Lengths themselves are raw only.
    """
    plain = (*LENGTHS, *PER_WORDS, *EPISODES, *STAGES, *GROWING, *RATIOS)
    wanted = [Row(name, "raw", name) for name in plain]
    wanted += [Row(name, "density", column) for name, column in _FORMS.items()]
    wanted += [Row(name, "matched", _FORMS.get(name, name)) for name in (*_FORMS, *GROWING, *RATIOS)]
    return [row for row in wanted if row.column in derived.columns]
