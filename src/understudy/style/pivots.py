"""Pivots: the phrases at which a trace turns, found in all texts of a buffer at once.

    spans("Hmm. Let me check that.")                # [(0, 3, "realization"), (5, 17, "verification")]

The four types are those of "Style over Substance" (arXiv 2504.01738); the phrases and how they match are
written down in ``lexicon.toml``, as are those with which a line of thought is given up, a branch is opened, or
the end is announced.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import Buffer, Flags, Places
from understudy.style.matcher import Found, Matcher
from understudy.style.words import Words, words

TYPES = ("realization", "verification", "exploration", "integration")
"""The pivot types, in the order of the paper."""
BACKTRACK, ALTERNATIVE, SUPPOSITION, CONCLUSION = "backtrack", "alternative", "supposition", "conclusion"
"""Other lists of the lexicon, not pivot types."""

Span = tuple[int, int, str]
"""Start and end in characters, and the pivot type."""


@cache
def lexicon() -> dict[str, tuple[str, ...]]:
    """The phrases of each list."""
    text = files("understudy.style").joinpath("lexicon.toml").read_text(encoding="utf-8")
    return {name: tuple(phrases) for name, phrases in tomllib.loads(text).items()}


@dataclass(frozen=True)
class Turns:
    """Phrases of some lists of the lexicon: ``word`` and ``size`` in words, ``kind`` the number of the list."""

    word: Places
    size: Places
    kind: NDArray[np.int8]


class Lexicon:
    """All lists of the lexicon in one automaton."""

    def __init__(self) -> None:
        lists = lexicon()
        phrases = sorted({phrase for phrases in lists.values() for phrase in phrases})
        self.matcher = Matcher(phrases)
        self.members = {name: np.isin(phrases, lists[name]) for name in lists}

    @classmethod
    @cache
    def shipped(cls) -> "Lexicon":
        """The lexicon that comes with the package."""
        return cls()

    def find(self, texts: Buffer, found: Words) -> Found:
        """Every phrase of every list, overlapping or not."""
        return self.matcher.find(texts, found)

    def turns(self, every: Found, *names: str) -> Turns:
        """The phrases of these lists, in order; of those of one list that overlap, the first and longest."""
        parts = []
        for kind, name in enumerate(names):
            kept = self.members[name][every.phrase]
            word, size = _apart(every.word[kept], every.size[kept])
            parts.append((word, size, np.full(len(word), kind, np.int8)))
        word, size, kinds = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(word, kind="stable")
        return Turns(word[order], size[order], kinds[order])


def spans(text: str) -> list[Span]:
    """Where the pivots of one text are, in order and without overlap, for highlighting."""
    texts = Buffer.of([text])
    found = words(texts)
    shipped = Lexicon.shipped()
    turns = shipped.turns(shipped.find(texts, found), *TYPES)
    starts = texts.character(found.start[turns.word])
    ends = texts.character(found.end[turns.word + turns.size - 1])
    return [(int(a), int(b), TYPES[kind]) for a, b, kind in zip(starts, ends, turns.kind, strict=True)]


def _apart(word: Places, size: Places) -> tuple[Places, Places]:
    """Of spans sorted by start and size: the longest at each start, and of those the first that do not overlap."""
    longest = np.append(word[1:] != word[:-1], True) if len(word) else np.zeros(0, np.bool_)
    word, size = word[longest], size[longest]
    kept = _disjoint(word, word + size)
    return word[kept], size[kept]


def _disjoint(start: Places, end: Places) -> Flags:
    """Greedy from the left. Few spans overlap, so that only the clusters of those that do are walked."""
    kept = np.ones(len(start), np.bool_)
    reached = np.maximum.accumulate(end) if len(end) else end
    clash = np.flatnonzero(start[1:] < reached[:-1]) + 1
    free = 0
    for place in clash:
        if kept[place - 1]:
            free = int(end[place - 1])
        kept[place] = start[place] >= free
    return kept
