"""The first pass over traces: everything that can be said of one without the others.

    found = Examined(curation)
    for frame in found.examine(frames):
        ...                          # the same traces, with their scores

Those that verification and filtering leave are *candidates*: of each, a digest, its minima, its stratum and the
benchmark question that it holds are kept in memory, but not its texts.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import orjson
import polars as pl

from understudy.curate import exact, filtering, near, sample, verify
from understudy.curate.curation import Curation
from understudy.curate.decontaminate import Held
from understudy.curate.near import Minima
from understudy.curate.texts import Texts, prompt
from understudy.style.buffer import Places

DROPPED = pl.Schema({"row": pl.Int64(), "step": pl.String(), "reason": pl.String()})
CANDIDATES = pl.Schema(
    {
        "row": pl.Int64(),
        "trace_id": pl.String(),
        "right": pl.Boolean(),
        "digest": pl.Binary(),
        "stratum": pl.String(),
    }
)
BATCH = 4 << 20
"""Bytes of text that are read at once, about: the words of a text take several times its room."""


class Examined:
    """What is known of traces, by their number ``row`` in the input."""

    def __init__(self, curation: Curation) -> None:
        self.total = 0
        self.unprompted = 0
        """Traces without a prompt: only what their model wrote can be compared with benchmarks."""
        self.fields: set[str] = set()
        """Fields of the metadata, of the first traces."""
        self.held: list[Held | None] = []
        self._curation = curation
        self._dropped: list[pl.DataFrame] = []
        self._candidates: list[pl.DataFrame] = []
        self._minima: list[Minima] = []

    @property
    def dropped(self) -> pl.DataFrame:
        """The traces that verification and filtering drop (``DROPPED``)."""
        return pl.concat([DROPPED.to_frame(), *self._dropped])

    @property
    def candidates(self) -> pl.DataFrame:
        """The others (``CANDIDATES``); ``held`` has an item for each."""
        return pl.concat([CANDIDATES.to_frame(), *self._candidates])

    @property
    def minima(self) -> Minima:
        """Those of the candidates; none if near duplicates are not looked for."""
        return np.concatenate([np.empty((0, near.HASHES), np.uint32), *self._minima])

    def examine(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The traces as they come, with ``score`` in their metadata if they are verified."""
        for frame in _parts(frames):
            if not self.fields and frame.height:
                self.fields = set(orjson.loads(frame["metadata"][0]))
            labelled, right, rows = self._verified(frame)
            texts = Texts.of(labelled[rows])
            reasons = filtering.reasons(labelled[rows], texts, self._curation.drop)
            self._drop("filter", rows, reasons)
            kept = np.flatnonzero(reasons.is_null().to_numpy())
            self._add(labelled[rows[kept]], rows[kept], right.gather(rows[kept]), texts, kept)
            self.total += frame.height
            yield labelled

    def _verified(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series, Places]:
        """The traces with their scores, whether each is right, and the numbers of those that go on."""
        everyone = np.arange(frame.height)
        if self._curation.verifier is None:
            return frame, pl.Series([None], dtype=pl.Boolean).new_from_index(0, frame.height), everyone
        scores = self._curation.verifier.scores(frame)
        right = pl.Series([score.value == 1 for score in scores], dtype=pl.Boolean)
        labelled = verify.labelled(frame, scores)
        if self._curation.keep == "all":
            return labelled, right, everyone
        self._drop("verify", everyone, pl.Series([score.reason for score in scores], dtype=pl.String))
        return labelled, right, np.flatnonzero(right.to_numpy())

    def _drop(self, step: str, rows: Places, reasons: pl.Series) -> None:
        frame = pl.DataFrame({"row": rows + self.total, "step": step, "reason": reasons})
        self._dropped.append(frame.cast(DROPPED).drop_nulls("reason"))

    def _add(self, frame: pl.DataFrame, rows: Places, right: pl.Series, texts: Texts, kept: Places) -> None:
        """Note candidates; ``kept`` are their numbers in ``texts``."""
        plan = self._curation
        columns = {
            "row": rows + self.total,
            "trace_id": frame["trace_id"],
            "right": right,
            "digest": exact.digests(frame),
            "stratum": sample.strata(frame, plan.by),
        }
        self._candidates.append(pl.DataFrame(columns).cast(CANDIDATES))
        if plan.dedupe == "near":
            self._minima.append(near.signatures(texts)[kept])
        if plan.benchmarks:
            held = plan.benchmarks.search(texts)
            self.held += [held[place] for place in kept.tolist()]
            self.unprompted += int(frame.select(prompt().is_null().sum()).item())


def _parts(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The traces in pieces of about ``BATCH`` bytes of text."""
    for frame in frames:
        size = frame.select(pl.sum_horizontal(pl.col("reasoning", "response").str.len_bytes()).sum()).item()
        yield from frame.iter_slices(max(1, frame.height * BATCH // max(size, 1)))
