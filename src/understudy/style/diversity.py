"""Diversity: how soon words come again (MTLD), and how much of a text is said again word for word.

    found = words(texts)
    mtld(found)                     # one figure a text; NaN where no word occurs twice
    repetition(found)               # share of its words; NaN where a text has none

MTLD (McCarthy & Jarvis 2010, doi:10.3758/BRM.42.2.381) is the mean length of stretches of text, called factors, that
keep a type–token ratio above .72. A factor ends with the word at which the ratio of its types to its words reaches
.72 or falls below; what is left at the end counts as (1 − ratio) / (1 − .72) of a factor. The figure is the number
of words by the number of factors, the mean of a pass from the start and one from the end. Below about 100 words it
is noisy.
"""

import numpy as np

from understudy.style.buffer import Places, Reals
from understudy.style.kernel import kernel
from understudy.style.words import Numbers, Words

GRAM = 8
"""Words of a stretch that counts as said again. Shorter ones recur by chance: "so the total number of"."""
_REPEAT, _WORD = 25, 7
"""The ratio is at most .72 = 18/25 once 25 · repeated words ≥ 7 · words."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
_OLDEST = np.uint64(pow(0x9E3779B97F4A7C15, GRAM, 2**64))
_TOP = np.uint64(32)


def mtld(found: Words) -> Reals:
    """MTLD of each text, over all its words."""
    length = np.diff(found.border)
    factors = np.zeros((2, len(length)))
    _factors(found.type, found.border, np.full(len(found.keys), -1), factors)
    forward, backward = (ratio(length, each) for each in factors)
    result: Reals = (forward + backward) / 2
    return result


def repetition(found: Words) -> Reals:
    """The share of a text's words that lie in a stretch of ``GRAM`` words that began earlier in the text too.

    The two may overlap, so that a loop ("wait wait wait …", or a paragraph over and over) counts from its second
    round on.
    """
    length = np.diff(found.border)
    repeated = np.zeros(len(length), np.int64)
    _repeated(found.type, found.border, np.empty(_slots(length.max(initial=0)), np.int32), repeated)
    return ratio(repeated, length)


def ratio(above: Reals | Places, below: Reals | Places) -> Reals:
    """The quotients, NaN for what is divided by nothing."""
    result = np.full(len(above), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


@kernel
def _factors(types: Numbers, border: Places, seen: Places, factors: Reals) -> None:
    """The factors of each text (2, texts): read from its start, and from its end."""
    clock = 0
    for text in range(len(border) - 1):
        first, size = border[text], border[text + 1] - border[text]
        factors[0, text] = _read(types, first, 1, size, seen, clock)
        factors[1, text] = _read(types, first + size - 1, -1, size, seen, clock + size)
        clock += 2 * size


@kernel
def _read(types: Numbers, at: int, direction: int, size: int, seen: Places, clock: int) -> float:
    """The factors of one text. ``seen`` is when each type was last read; this reading begins at ``clock``."""
    factors, balance, begin, end = 0, 0, clock, clock + size
    for now in range(clock, end):
        balance += _REPEAT - _WORD if seen[types[at]] >= begin else -_WORD
        seen[types[at]] = now
        at += direction
        if balance >= 0:
            factors, balance, begin = factors + 1, 0, now + 1
    left = end - begin
    return factors + (balance / _WORD + left) / max(left, 1)


@kernel
def _slots(words: int) -> int:
    """How many slots a hash table of a text's stretches has: a power of two."""
    size = 16
    while size < 2 * words:
        size *= 2
    return size


@kernel
def _repeated(types: Numbers, border: Places, slots: Numbers, repeated: Places) -> None:
    """How many words of each text lie in stretches that were said before. ``slots`` is room for a hash table."""
    for text in range(len(repeated)):
        size = _slots(border[text + 1] - border[text])
        for slot in range(size):
            slots[slot] = -1
        repeated[text] = _covered(types, border[text], border[text + 1], slots, size - 1)


@kernel
def _covered(types: Numbers, first: int, last: int, slots: Numbers, mask: int) -> int:
    """The words of one text in stretches that were said before; ``slots`` holds where stretches start."""
    gram, covered, reached = np.uint64(0), 0, 0
    for place in range(first, last):
        gram = gram * _MIX + np.uint64(types[place])
        start = place + 1 - GRAM
        if start < first:
            continue
        if start > first:
            gram -= np.uint64(types[start - 1]) * _OLDEST
        slot = np.int64(gram ^ (gram >> _TOP)) & mask
        while slots[slot] >= 0 and not _same(types, slots[slot], start):
            slot = (slot + 1) & mask
        if slots[slot] < 0:
            slots[slot] = start
        else:
            covered += place + 1 - max(start, reached)
            reached = place + 1
    return covered


@kernel
def _same(types: Numbers, one: int, other: int) -> bool:
    same = 0
    while same < GRAM and types[one + same] == types[other + same]:
        same += 1
    return same == GRAM
