"""The texts of traces that every step looks at, read into words once.

    texts = Texts.of(frame)
    texts.words.border[texts.side("reasoning")]     # where the reasoning of each trace begins, in words

The sides of trace i (its prompt, reasoning and response) are the texts 3 i, 3 i + 1 and 3 i + 2 of one buffer, so that
the words of a trace follow each other. A side that a trace does not have is an empty text.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from understudy.style.buffer import Buffer, Places
from understudy.style.words import Words, words

SIDES = ("prompt", "reasoning", "response")


@dataclass(frozen=True)
class Texts:
    """Traces in a buffer; ``words`` are those of all sides."""

    buffer: Buffer
    words: Words
    size: int

    @classmethod
    def of(cls, traces: pl.DataFrame) -> "Texts":
        """The texts of a table of traces; the prompt is that in ``metadata``."""
        sides = traces.select(prompt(), "reasoning", "response").select(pl.all().fill_null("").cast(pl.Binary))
        buffer = Buffer.of(text for row in sides.iter_rows() for text in row)
        return cls(buffer, words(buffer), traces.height)

    def side(self, name: str) -> Places:
        """The numbers of the texts that are this side of each trace: (traces,)."""
        return np.arange(self.size) * len(SIDES) + SIDES.index(name)

    @property
    def border(self) -> Places:
        """The words of trace i are those from ``border[i]`` to ``border[i + 1]``."""
        return self.words.border[:: len(SIDES)]


def prompt() -> pl.Expr:
    """The prompt that is stored with a trace, or null."""
    return pl.col("metadata").str.json_path_match("$.prompt").alias("prompt")
