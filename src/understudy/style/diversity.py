"""Diversity: how soon words come again (MTLD), and how much of a text is said again word for word.

    found = words(texts)
    index = Index.of(found.key)
    mtld(texts, found, index)             # one figure a text; NaN where no word occurs twice
    repetition(texts, found)              # share of its words; NaN where a text has none

MTLD (McCarthy & Jarvis 2010, doi:10.3758/BRM.42.2.381) is the mean length of stretches of text, called factors, that
keep a type–token ratio above .72. A factor ends with the word at which the ratio of its types to its words reaches
.72 or falls below; what is left at the end counts as (1 − ratio) / (1 − .72) of a factor. The figure is the number
of words by the number of factors, the mean of a pass from the start and one from the end. Below about 100 words it
is noisy.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import Buffer, Flags, Places
from understudy.style.words import Keys, Words

Numbers = NDArray[np.int32]
Reals = NDArray[np.float64]

GRAM = 8
"""Words of a stretch that counts as said again. Shorter ones recur by chance: "so the total number of"."""
_REPEAT, _WORD = 25, 7
"""The ratio is at most .72 = 18/25 once 25 · repeated words ≥ 7 · words."""
_WINDOW = 48
"""Words that a pass looks at in one go, a little more than a usual factor has; a multiple of 8, at most 248."""
_ENOUGH = 500
"""So many words must a round of all texts get on, or a plain loop over what is left is faster."""
_COST = _WORD * np.arange(1, _WINDOW + 1, dtype=np.int16)
_EACH = np.uint64(0x0101010101010101)
_FAR = 2 * _REPEAT * _WINDOW
_LEAST_BITS = 24
_MIX = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Index:
    """Where each word (or whatever else has a key) occurs. ``codes`` rise: a hash over ``bits`` bits of place."""

    codes: Keys
    bits: np.uint64

    @classmethod
    def of(cls, keys: Keys) -> "Index":
        bits = np.uint64(max(_LEAST_BITS, len(keys).bit_length()))
        return cls(np.sort(keys >> bits << bits | np.arange(len(keys), dtype=np.uint64)), bits)

    @cached_property
    def places(self) -> Places:
        """The numbers of the words, sorted by word and then by place."""
        return self.low(self.codes)

    @cached_property
    def again(self) -> Flags:
        """Whether the word at each of ``places`` is that at the place before it in ``places``."""
        return np.append(False, (self.codes[1:] ^ self.codes[:-1]) >> self.bits == 0)[: len(self.codes)]

    def code(self, keys: Keys, places: Places) -> Keys:
        """The codes that these words would have at these places."""
        return keys >> self.bits << self.bits | places.astype(np.uint64)

    def low(self, codes: Keys) -> Places:
        """The places that these codes hold."""
        return (codes & np.uint64((1 << int(self.bits)) - 1)).view(np.int64)


def borders(texts: Buffer, found: Words) -> Places:
    """The number of the first word of each text, and at the end that of all words."""
    return np.append(np.searchsorted(found.start, texts.starts), len(found.start))


def mtld(texts: Buffer, found: Words, index: Index) -> Reals:
    """MTLD of each text, over all its words."""
    edges, count = borders(texts, found), len(found.start)
    first, last = edges[:-1], edges[1:]
    earlier = _earlier(index, count)
    start = np.concatenate([first, 2 * count - last]).astype(np.int32)
    end = np.concatenate([last, 2 * count - first]).astype(np.int32)
    factors = _factors(earlier, start, end).reshape(2, -1)
    forward, backward = (ratio(last - first, each) for each in factors)
    result: Reals = (forward + backward) / 2
    return result


def _earlier(index: Index, count: int) -> Numbers:
    """The number of the word before that is the same (-1: none), of all words and then of all words backwards."""
    forwards, backwards, again = index.places, 2 * count - 1 - index.places, index.again[1:]
    earlier = np.full(2 * count + _WINDOW, -1, np.int32)
    earlier[forwards[1:]] = np.where(again, forwards[:-1].astype(np.int32), -1)
    earlier[backwards[:-1]] = np.where(again, backwards[1:].astype(np.int32), -1)
    return earlier


def _factors(earlier: Numbers, start: Numbers, end: Numbers) -> Reals:
    """The factors of each stretch of words: all stretches in step as long as that pays, then one by one.

    A stretch has been read up to ``at``; ``balance`` is 25 · repeats − 7 · words of the factor that began at ``begin``.
    """
    factors, balance = np.zeros((2, len(start)), np.int32)
    begin, at = start.copy(), start.copy()
    windows = np.lib.stride_tricks.sliding_window_view(earlier, _WINDOW)
    row, advanced = np.flatnonzero(at < end), _ENOUGH
    while advanced >= _ENOUGH:
        runs = _counts(windows[at[row]] >= begin[row, None]) * np.int16(_REPEAT) - _COST
        full = runs >= np.minimum(-balance[row], _FAR).astype(np.int16)[:, None]
        ends = full.argmax(axis=1)
        left = end[row] - at[row]
        ended = full[np.arange(len(row)), ends] & (ends < left)
        taken = np.where(ended, ends + 1, np.minimum(left, _WINDOW)).astype(np.int32)
        at[row] += taken
        balance[row] = np.where(ended, 0, balance[row] + runs[np.arange(len(row)), taken - 1])
        begin[row[ended]] = at[row[ended]]
        factors[row[ended]] += 1
        advanced = int(taken.sum())
        row = row[at[row] < end[row]]
    for one in row.tolist():
        more, begin[one], balance[one] = _read(earlier, at[one], end[one], begin[one], balance[one])
        factors[one] += more
    left = end - begin
    result: Reals = factors + (balance / _WORD + left) / np.maximum(left, 1)
    return result


def _counts(flags: Flags) -> NDArray[np.uint8]:
    """How many are set in each row up to each place: in eights, as bytes of one number, and then over eights."""
    eights = flags.view(np.uint64) * _EACH
    eights[:, 1:] += np.cumsum(eights[:, :-1] >> np.uint64(56), axis=1, dtype=np.uint64) * _EACH
    return eights.view(np.uint8)


def _read(earlier: Numbers, at: int, end: int, begin: int, balance: int) -> tuple[int, int, int]:
    """How many factors end on the way, and where the last one began and its balance."""
    factors = 0
    for place, before in enumerate(earlier[at:end].tolist(), at):
        balance += _REPEAT - _WORD if before >= begin else -_WORD
        if balance >= 0:
            factors, begin, balance = factors + 1, place + 1, 0
    return factors, begin, balance


def repetition(texts: Buffer, found: Words) -> Reals:
    """The share of a text's words that lie in a stretch of ``GRAM`` words that began earlier in the text too.

    The two may overlap, so that a loop ("wait wait wait …", or a paragraph over and over) counts from its second
    round on.
    """
    edges = borders(texts, found)
    grams = _grams(found.key)
    index = Index.of(grams)
    again = np.flatnonzero(index.again)
    here, before = index.low(index.codes[again]), index.low(index.codes[again - 1])
    text = np.searchsorted(edges, here, side="right") - 1
    inside = (grams[here] == grams[before]) & (before >= edges[text]) & (here + GRAM <= edges[text + 1])
    covered = np.zeros(len(found.key), np.bool_)
    covered[here[inside]] = True
    for more in (1, 2, 4):
        covered[more:] |= covered[:-more].copy()
    return ratio(np.diff(np.searchsorted(np.flatnonzero(covered), edges)), np.diff(edges))


def ratio(above: Reals | Places, below: Reals | Places) -> Reals:
    """The quotients, NaN for what is divided by nothing."""
    result = np.full(len(above), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _grams(keys: Keys) -> Keys:
    """A key of each ``GRAM`` words in a row, by the place of the first."""
    for words in (1, 2, 4):
        keys = keys[:-words] * np.uint64(pow(_MIX, words, 2**64)) + keys[words:]
    return keys
