"""Reading: everything that is found in a buffer of texts, each thing computed when it is first asked for.

    read = Reading.of(["Let me check: 2 + 2 = 4."])
    read.episodes, read.stages, read.tree

The reading of a text does not depend on the texts beside it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from understudy.style import stages, structure
from understudy.style.buffer import Buffer, Flags, Places
from understudy.style.episodes import Steps, Tagger
from understudy.style.kernel import patiently
from understudy.style.matcher import Found
from understudy.style.pivots import ALTERNATIVE, BACKTRACK, CONCLUSION, SUPPOSITION, TYPES, Lexicon, Turns
from understudy.style.segment import segment
from understudy.style.words import Words, spaced, words


@dataclass(frozen=True)
class Reading:
    """Texts with their words, steps, phrases, episodes, stages and trees."""

    texts: Buffer

    @classmethod
    def of(cls, texts: Iterable[str | bytes]) -> "Reading":
        """The reading of these texts, strings or UTF-8."""
        prepare()
        return cls(Buffer.of(texts))

    @property
    def size(self) -> int:
        """How many texts there are."""
        return len(self.texts.starts)

    @cached_property
    def words(self) -> Words:
        """All words."""
        return words(self.texts)

    @cached_property
    def word_counts(self) -> Places:
        """Words of each text as white space parts them; what holds no letter or digit is none."""
        return spaced(self.texts, self.words)

    @cached_property
    def steps(self) -> Steps:
        """All steps."""
        return Steps.of(self.texts, self.words, segment(self.texts))

    @cached_property
    def phrases(self) -> Found:
        """Every phrase of the lexicon."""
        return Lexicon.shipped().find(self.texts, self.words)

    @cached_property
    def pivots(self) -> Turns:
        """The pivots, ``kind`` in the order of ``pivots.TYPES``."""
        return Lexicon.shipped().turns(self.phrases, *TYPES)

    @cached_property
    def backtracks(self) -> Turns:
        """The phrases with which a line is given up."""
        return Lexicon.shipped().turns(self.phrases, BACKTRACK)

    @cached_property
    def pivot_of_step(self) -> NDArray[np.int8]:
        """The number of the first pivot's type in each step, -1 where there is none."""
        step = self.step_of(self.pivots)
        result = np.full(len(self.steps.start), -1, np.int8)
        result[step[::-1]] = self.pivots.kind[::-1]
        return result

    @cached_property
    def episodes(self) -> NDArray[np.int8]:
        """The number of each step's episode in ``episodes.EPISODES``."""
        return Tagger.shipped().tag(self.texts, self.words, self.steps)

    @cached_property
    def stages(self) -> NDArray[np.int8]:
        """The number of each step's stage in ``stages.STAGES``."""
        concludes = self._marked(Lexicon.shipped().turns(self.phrases, CONCLUSION))
        return stages.stages(self.episodes, concludes, self.steps.border)

    @cached_property
    def tree(self) -> structure.Tree:
        """The branches of every text."""
        shipped = Lexicon.shipped()
        supposes, instead = (
            self._marked(shipped.turns(self.phrases, name), structure.OPENING) for name in (SUPPOSITION, ALTERNATIVE)
        )
        ending = self.stages == stages.SYNTHESIS
        gives_up = self._marked(self.backtracks)
        return structure.tree(supposes, instead, gives_up, ending, self.steps.border)

    def step_of(self, turns: Turns) -> Places:
        """The step in which each phrase starts."""
        return np.searchsorted(self.steps.start, self.words.start[turns.word], side="right") - 1

    def text_of(self, turns: Turns) -> Places:
        """The text in which each phrase stands."""
        return self.texts.text_of(self.words.start[turns.word])

    def per_text(self, text: Places) -> Places:
        """How often each text occurs in ``text``."""
        return np.bincount(text, minlength=self.size)

    def per_kind(self, kind: NDArray[np.int8], text: Places, kinds: int) -> NDArray[np.int64]:
        """How often each kind occurs in each text: (kinds, texts)."""
        return np.bincount(kind.astype(np.int64) * self.size + text, minlength=kinds * self.size).reshape(kinds, -1)

    def _marked(self, turns: Turns, among: int | None = None) -> Flags:
        """The steps that hold one of the phrases, among their first words if ``among`` is given."""
        step = self.step_of(turns)
        if among is not None:
            step = step[turns.word - self.steps.first[step] < among]
        marked = np.zeros(len(self.steps.start), np.bool_)
        marked[step] = True
        return marked


@cache
def prepare() -> None:
    """Compile the kernels of a reading, or load what was compiled before; tells the user if that takes long."""
    with patiently():
        read = Reading(Buffer.of(["So 2 + 2 = 4."]))
        for found in ("word_counts", "stages", "tree"):
            getattr(read, found)
