"""Exact duplicates: traces with the same prompt, reasoning and response.

    duplicates(digests(frame), np.arange(frame.height))

Texts are the same if they are so after Unicode's canonical composition (NFC) and with each stretch of white space as
one space. Case and signs count: in mathematics they are meaning. Model, sample and metadata do not.
"""

from hashlib import blake2b
from unicodedata import normalize

import numpy as np
import polars as pl

from understudy.curate.texts import prompt
from understudy.style.buffer import Places

_EDGE = b"\xff"
"""No byte of UTF-8: no text ends where another one begins."""


def digests(traces: pl.DataFrame) -> pl.Series:
    """A digest of each trace: equal for equal texts, in every process."""
    rows = traces.select(prompt(), "reasoning", "response").iter_rows()
    return pl.Series("digest", [_digest(row) for row in rows], dtype=pl.Binary)


def duplicates(digest: pl.Series, order: Places) -> Places:
    """For each trace the number of the first one in ``order`` that equals it, or -1 if it is that one itself.

    ``order`` holds the numbers of the traces to look at; the others have no duplicates.
    """
    rows = pl.DataFrame({"row": order, "digest": digest.gather(order)})
    first = rows.select(pl.col("row").first().over("digest"))["row"].to_numpy()
    of = np.full(len(digest), -1)
    of[order] = np.where(first == order, -1, first)
    return of


def _digest(sides: tuple[str | None, ...]) -> bytes:
    parts = (b"" if side is None else _plain(side).encode("utf-8", "replace") for side in sides)
    return blake2b(_EDGE.join(parts), digest_size=16).digest()


def _plain(text: str) -> str:
    return " ".join((text if text.isascii() else normalize("NFC", text)).split())
