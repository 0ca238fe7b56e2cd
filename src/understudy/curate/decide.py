"""The decisions that need all traces: which one of several duplicates stays, and which are drawn.

    dropped = decide(examined, curation)

The order of precedence: a trace whose answer is right before all others, then the order of the input.
"""

import numpy as np
import polars as pl

from understudy.curate import exact, near, sample
from understudy.curate.curation import Curation
from understudy.curate.decontaminate import Held
from understudy.curate.examine import DROPPED, Examined
from understudy.style.buffer import Flags, Places

SPAN = pl.Struct({"side": pl.String(), "start": pl.Int64(), "end": pl.Int64()})
WHY = pl.Schema(
    {
        "step": pl.String(),
        "reason": pl.String(),
        "duplicate_of": pl.String(),
        "similarity": pl.Float64(),
        "benchmark": pl.String(),
        "question": pl.String(),
        "overlap": pl.Float64(),
        "spans": pl.List(SPAN),
    }
)
"""Why a trace was dropped. ``duplicate_of`` is the ``trace_id`` of one that was not dropped as a duplicate;
``similarity`` is null for exact ones. ``overlap`` is the share of the words of ``question`` that the trace holds, and
``spans`` are where, in characters of its prompt, reasoning or response."""
SCHEMA = pl.Schema({"row": pl.Int64(), **WHY})


def decide(examined: Examined, curation: Curation) -> pl.DataFrame:
    """The traces that are dropped, by their number, each once, with the reason (``SCHEMA``).

    Raises ``InputError`` if no trace has one of the fields to draw by.
    """
    candidates = examined.candidates
    sample.check(candidates["stratum"], curation.by, examined.fields)
    found = [examined.dropped]
    order = _precedence(candidates["right"])
    for step in curation.steps:
        dropped = _STEPS[step](examined, candidates, order, curation) if step in _STEPS else DROPPED.to_frame()
        found.append(dropped)
        gone = np.isin(candidates["row"].to_numpy(), dropped["row"].to_numpy())
        order = order[~gone[order]]
    return pl.concat([SCHEMA.to_frame(), *found], how="diagonal").sort("row")


def _precedence(right: pl.Series) -> Places:
    """The numbers of the candidates: first the right ones."""
    return np.argsort(~right.fill_null(False).to_numpy(), kind="stable")


def _exact(_: Examined, candidates: pl.DataFrame, order: Places, __: Curation) -> pl.DataFrame:
    of = exact.duplicates(candidates["digest"], order)
    return _duplicates("exact", "same text", candidates, of)


def _near(examined: Examined, candidates: pl.DataFrame, order: Places, curation: Curation) -> pl.DataFrame:
    found = near.duplicates(examined.minima, order, curation.similarity)
    similarity = found.similarity[found.of >= 0]
    return _duplicates("near", "nearly the same text", candidates, found.of).with_columns(similarity=similarity)


def _duplicates(step: str, reason: str, candidates: pl.DataFrame, of: Places) -> pl.DataFrame:
    gone = of >= 0
    dropped = _dropped(step, candidates, gone, reason)
    return dropped.with_columns(duplicate_of=candidates["trace_id"].gather(of[gone]))


def _decontaminate(examined: Examined, candidates: pl.DataFrame, order: Places, _: Curation) -> pl.DataFrame:
    places = np.sort(order).tolist()
    rows = [_held(candidates["row"][place], held) for place in places if (held := examined.held[place])]
    return pl.DataFrame(rows, schema={name: kind for name, kind in SCHEMA.items() if name in _HELD}, orient="row")


_HELD = ("row", "step", "reason", "benchmark", "question", "overlap", "spans")


def _held(row: int, held: Held) -> tuple[object, ...]:
    reason = f"{held.side} holds a question of {held.benchmark}"
    spans = [span._asdict() for span in held.spans]
    return row, "decontaminate", reason, held.benchmark, held.question, held.overlap, spans


def _sample(_: Examined, candidates: pl.DataFrame, order: Places, curation: Curation) -> pl.DataFrame:
    drawn = sample.drawn(candidates["stratum"], candidates["digest"], order, curation.n or 0, curation.seed)
    left = np.zeros(candidates.height, np.bool_)
    left[order] = True
    return _dropped("sample", candidates, left & ~drawn, "not drawn")


def _dropped(step: str, candidates: pl.DataFrame, gone: Flags, reason: str) -> pl.DataFrame:
    return candidates.filter(gone).select("row", step=pl.lit(step), reason=pl.lit(reason))


_STEPS = {"exact": _exact, "near": _near, "decontaminate": _decontaminate, "sample": _sample}
