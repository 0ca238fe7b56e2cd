"""Near duplicates: traces that share most of their runs of five words (MinHash with locality-sensitive hashing).

    found = duplicates(np.vstack([signatures(Texts.of(frame)) for frame in frames]), order, 0.8)
    found.of                        # (traces,): the number of the trace that it duplicates, or -1

The similarity of two traces is the Jaccard index of their sets of shingles (runs of ``SHINGLE`` words of prompt,
reasoning and response together), estimated as the share of ``HASHES`` minima that agree (Broder 1997,
doi:10.1109/SEQUEN.1997.666900): its standard error is √(s (1 − s) / 120), 0.037 at 0.8. Pairs are compared if one of
``BANDS`` bands of six minima agrees (Leskovec, Rajaraman & Ullman, *Mining of Massive Datasets*, 3.4): 99.8 % of those
of similarity 0.8, 28 % of those of 0.5.

Traces are taken in a given order, and one is a duplicate only of a trace that is kept: chains of traces that each
resemble the next do not all fall to the first.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from understudy.curate.ngrams import Hashes, ngrams
from understudy.curate.texts import Texts
from understudy.style.buffer import Places, Reals
from understudy.style.kernel import kernel

SIMILARITY = 0.8
SHINGLE = 5
BANDS, ROWS = 20, 6
HASHES = BANDS * ROWS

Minima = NDArray[np.uint32]

_NONE = np.uint32(0xFFFFFFFF)
"""The minimum over nothing."""
_HALF = np.uint64(32)
_BASE = np.uint64(0x100000001B3)


@dataclass(frozen=True)
class Near:
    """For each trace: the number of the one it duplicates (-1: none), and how similar they are (NaN)."""

    of: Places
    similarity: Reals


def signatures(texts: Texts) -> Minima:
    """The minima of each trace (traces, ``HASHES``)."""
    hashes, border = ngrams(texts.words.key, texts.border, SHINGLE, whole=True)
    return _signatures(hashes, border, *_functions())


def duplicates(minima: Minima, order: Places, similarity: float) -> Near:
    """Which traces are near duplicates of one that comes before them in ``order`` and is none itself.

    ``order`` holds the numbers of the traces to look at; the others are none. Of several such traces it is the most
    similar, and of these the first. A trace without words has no duplicates.
    """
    return Near(*_duplicates(minima, order, similarity))


def _functions() -> tuple[Minima, Minima]:
    """The hash functions x → a x + b modulo 2^32, a odd: permutations of the 32-bit numbers."""
    draw = Random("near duplicates")
    factors = [draw.getrandbits(32) | 1 for _ in range(HASHES)]
    return np.array(factors, np.uint32), np.array([draw.getrandbits(32) for _ in range(HASHES)], np.uint32)


@kernel
def _signatures(hashes: Hashes, border: Places, factors: Minima, terms: Minima) -> Minima:
    minima = np.full((len(border) - 1, len(factors)), _NONE, np.uint32)
    for text in range(len(minima)):
        least = minima[text]
        for place in range(border[text], border[text + 1]):
            value = np.uint32(hashes[place] >> _HALF)
            for number in range(len(factors)):
                least[number] = min(least[number], np.uint32(factors[number] * value + terms[number]))
    return minima


@kernel
def _duplicates(minima: Minima, order: Places, similarity: float) -> tuple[Places, Reals]:
    of, alike = np.full(len(minima), -1), np.full(len(minima), np.nan)
    size = 1024
    while size < 2 * len(order) * BANDS:
        size *= 2
    heads, following = np.full(size, -1), np.full(len(order) * BANDS, -1)
    bands, compared = np.empty(len(order) * BANDS, np.uint64), np.full(len(order), -1)
    for place in range(len(order)):
        own, first = minima[order[place]], place * BANDS
        if own[0] == _NONE and own[1] == _NONE:
            continue
        nearest, most = -1, int(np.ceil(similarity * HASHES))
        for entry in range(first, first + BANDS):
            bands[entry] = _band(own, entry - first)
            like = heads[np.int64(bands[entry] & np.uint64(size - 1))]
            while like >= 0:
                other = like // BANDS
                if bands[like] == bands[entry] and compared[other] != place:
                    compared[other] = place
                    agreeing = _agreeing(own, minima[order[other]])
                    if agreeing > most or (agreeing == most and (nearest < 0 or other < nearest)):
                        nearest, most = other, agreeing
                like = following[like]
        if nearest >= 0:
            of[order[place]], alike[order[place]] = order[nearest], most / HASHES
        else:
            _keep(heads, following, bands, first)
    return of, alike


@kernel
def _keep(heads: Places, following: Places, bands: Hashes, first: int) -> None:
    """Let later traces be compared with this one: each slot is a list of the bands in it, the latest first."""
    for entry in range(first, first + BANDS):
        slot = np.int64(bands[entry] & np.uint64(len(heads) - 1))
        following[entry], heads[slot] = heads[slot], entry


@kernel
def _band(minima: Minima, band: int) -> np.uint64:
    """A hash of the minima of one band, and of its number."""
    key = np.uint64(band + 1)
    for row in range(band * ROWS, band * ROWS + ROWS):
        key = (key ^ np.uint64(minima[row])) * _BASE
        key ^= key >> _HALF
    return key


@kernel
def _agreeing(one: Minima, other: Minima) -> int:
    agreeing = 0
    for number in range(HASHES):
        agreeing += one[number] == other[number]
    return agreeing
