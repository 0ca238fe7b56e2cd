"""Matcher: find thousands of phrases in all texts of a buffer at once, with one automaton over words.

    phrases = Matcher(["let me check", "check"])
    phrases.find(texts, words(texts))       # every place at which one of them stands, overlapping or not

The automaton is a tree of words whose edges are kept in one hash table. It is walked from every word of every
text at once: level after level, with the places that are still on a path.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import Buffer, Places
from understudy.style.words import Keys, Words, joined, key

Numbers = NDArray[np.int64]
_WORD = re.compile(r"[^\W_]+")
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Found:
    """Phrase ``phrase[i]`` stands on ``size[i]`` words from word ``word[i]`` on; sorted by word, then size."""

    word: Places
    size: Numbers
    phrase: Numbers


class Table:
    """A map from 64-bit keys to numbers from 0 on, looked up for whole arrays; what is not in it gives -1."""

    def __init__(self, keys: Keys) -> None:
        bits = max(4, (8 * len(keys)).bit_length())
        self.shift = np.uint64(64 - bits)
        self.keys = np.zeros(2**bits + 64, np.uint64)
        self.values = np.full(len(self.keys), -1, np.int32)
        for value, (one, slot) in enumerate(zip(keys, self._slots(keys), strict=True)):
            while self.values[slot] >= 0:
                slot += 1
            self.keys[slot], self.values[slot] = one, value

    def find(self, keys: Keys) -> NDArray[np.int32]:
        """The number of each key, or -1."""
        slots = self._slots(keys)
        values: NDArray[np.int32] = self.values[slots]
        astray = np.flatnonzero((self.keys[slots] != keys) & (values >= 0))
        values[astray] = self._onwards(keys[astray], slots[astray])
        return values

    def _onwards(self, keys: Keys, slots: Places) -> NDArray[np.int32]:
        """Look in the slots that follow, where other keys took the place of these."""
        values = np.full(len(keys), -1, np.int32)
        left = np.arange(len(keys))
        while len(left):
            slots = slots + 1
            hit = self.keys[slots] == keys[left]
            values[left[hit]] = self.values[slots[hit]]
            on = ~hit & (self.values[slots] >= 0)
            left, slots = left[on], slots[on]
        return values

    def _slots(self, keys: Keys) -> Places:
        return ((keys * _SPREAD) >> self.shift).astype(np.int64)


class Matcher:
    """Phrases of one to eight words, numbered as given. Signs in a phrase part words as a space does."""

    def __init__(self, phrases: Sequence[str]) -> None:
        parts = [_WORD.findall(phrase) for phrase in phrases]
        vocabulary = sorted({word for part in parts for word in part})
        self.vocabulary = Table(np.array([key(word) for word in vocabulary], np.uint64))
        self.width = len(vocabulary) + 1
        numbers = {word: number for number, word in enumerate(vocabulary)}
        paths = [tuple(numbers[word] for word in part) for part in parts]
        nodes = sorted({path[: size + 1] for path in paths for size in range(len(path))}, key=lambda p: (len(p), p))
        number = {path: place for place, path in enumerate(nodes)}
        self.depth = max(map(len, paths), default=0)
        self.parent = np.zeros(len(nodes), np.bool_)
        self.parent[[number[path[:-1]] for path in nodes if len(path) > 1]] = True
        self.phrase = np.full(len(nodes), -1, np.int64)
        for place, path in enumerate(paths):
            self.phrase[number[path]] = place
        self.root = np.full(self.width, -1, np.int32)
        for path in nodes:
            if len(path) == 1:
                self.root[path[0]] = number[path]
        deep = [path for path in nodes if len(path) > 1]
        self.nodes = np.array([number[path] for path in deep], np.int32)
        self.edges = Table(np.array([number[path[:-1]] * self.width + path[-1] for path in deep], np.uint64))

    def find(self, texts: Buffer, found: Words, at: Places | None = None) -> Found:
        """Every occurrence of every phrase in the texts, or of those that start at the words ``at``, which rise."""
        known = self.vocabulary.find(found.key if at is None else found.key[at])
        node = self.root[known]
        on = np.flatnonzero((known >= 0) & (node >= 0))
        at, node = on if at is None else at[on], node[on]
        results = []
        for size in range(1, self.depth + 1):
            hit = np.flatnonzero(self.phrase[node] >= 0)
            results.append((at[hit], np.full(len(hit), size), self.phrase[node[hit]]))
            at, node = self._step(texts, found, at, node, size)
        word, length, phrase = (np.concatenate(column) for column in zip(*results, strict=True))
        order = np.argsort(word, kind="stable")
        return Found(word[order], length[order], phrase[order])

    def _step(
        self, texts: Buffer, found: Words, at: Places, node: NDArray[np.int32], size: int
    ) -> tuple[Places, NDArray[np.int32]]:
        """The places that stay on a path of the tree with one more word, and the nodes they reach."""
        on = self.parent[node] & (at + size < len(found.key))
        at, node = at[on], node[on]
        known = self.vocabulary.find(found.key[at + size])
        on = known >= 0
        at, node = at[on], node[on]
        edges = node.astype(np.uint64) * np.uint64(self.width) + known[on].astype(np.uint64)
        edge = self.edges.find(edges)
        on = edge >= 0
        on[on] = joined(texts, found, at[on] + size - 1)
        return at[on], self.nodes[edge[on]]
