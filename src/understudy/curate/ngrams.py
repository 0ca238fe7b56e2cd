"""n-grams: the hashes of all runs of n words, of many texts at once.

    hashes, border = ngrams(found.key, found.border, 13)     # those of text t are hashes[border[t]:border[t + 1]]

Equal runs have equal hashes in every buffer and every process. The hash is polynomial, modulo 2^64, over the hashes of
the words, and rolls from one run to the next, so that all of them take O(words) whatever n is.
"""

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import Places
from understudy.style.kernel import kernel

Hashes = NDArray[np.uint64]

_BASE = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
"""Of the finalizer of SplitMix64 (Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195)."""
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)


def ngrams(keys: Hashes, border: Places, n: int, whole: bool = False) -> tuple[Hashes, Places]:
    """The hashes of the runs of ``n`` words of each text, in order, and where those of each text begin.

    ``whole``: a text of 1 to ``n`` − 1 words has one, of all of it; else it has none.
    """
    return _ngrams(keys, border, n, whole)


@kernel
def _ngrams(keys: Hashes, border: Places, n: int, whole: bool) -> tuple[Hashes, Places]:
    hashes, starts = np.empty(len(keys), np.uint64), np.empty(len(border), np.int64)
    oldest = np.uint64(1)
    for _ in range(n):
        oldest *= _BASE
    count = 0
    for text in range(len(border) - 1):
        starts[text] = count
        first, last = border[text], border[text + 1]
        rolling = np.uint64(0)
        for place in range(first, last):
            rolling = rolling * _BASE + keys[place]
            if place - first >= n:
                rolling -= keys[place - n] * oldest
            if place - first >= n - 1:
                hashes[count] = _mixed(rolling)
                count += 1
        if whole and 0 < last - first < n:
            hashes[count] = _mixed(rolling)
            count += 1
    starts[-1] = count
    return hashes[:count], starts


@kernel
def _mixed(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> _30)) * _FIRST
    value = (value ^ (value >> _27)) * _SECOND
    return value ^ (value >> _31)
