"""Matcher: find thousands of phrases in all texts of a buffer at once, with one automaton over words.

    phrases = Matcher(["let me check", "check"])
    phrases.find(texts, words(texts))       # every place at which one of them stands, overlapping or not

The automaton is a tree of words, walked from every word of every text as far as the text goes along.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.style.buffer import SPACE, Buffer, Bytes, Places, table
from understudy.style.kernel import gathered, kernel
from understudy.style.words import Keys, Numbers, Table, Words, words

_WORD = re.compile(r"[^\W_]+")
_SINGLE = table(b" \t\r\n-'")
_EVERY, _ONE = np.zeros(0, np.int64), np.uint64(1)
_SPACE, _COMMA, _STOP = b" ,."


@dataclass(frozen=True)
class Found:
    """Phrase ``phrase[i]`` stands on ``size[i]`` words from word ``word[i]`` on; sorted by word, then size."""

    word: Places
    size: Places
    phrase: Places


class Matcher:
    """Phrases of one word and more, numbered as given. Signs in a phrase part words as a space does.

    The nodes of the tree stand level by level, those with the same parent side by side: those that follow node n
    are ``child[n]`` to ``child[n + 1]``, ``word`` is the number of the last word of each, rising among them, and
    ``phrase`` the phrase that ends there, or -1. The tree begins at node 0, from which ``root`` leads on by number.
    Bit n of ``among`` says whether a word whose number ends in these six bits follows a node: most do not.
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        paths = [tuple(map(str.lower, _WORD.findall(phrase))) for phrase in phrases]
        vocabulary = sorted({word for path in paths for word in path})
        self.vocabulary = Table(words(Buffer.of(vocabulary)).keys)
        levels = {path[:size] for path in paths for size in range(1, len(path) + 1)}
        nodes = sorted({(), *levels}, key=lambda path: (len(path), path))
        number = {path: place for place, path in enumerate(nodes)}
        parents = [-1, *(number[path[:-1]] for path in nodes[1:])]
        self.child = np.array([bisect_left(parents, n) for n in range(len(nodes) + 1)], np.int64)
        self.word = np.array([-1, *(bisect_left(vocabulary, path[-1]) for path in nodes[1:])], np.int32)
        self.root = np.array([*(number.get((word,), 0) for word in vocabulary), 0], np.int64)
        self.phrase = np.full(len(nodes), -1, np.int64)
        self.phrase[[number[path] for path in paths]] = np.arange(len(paths))
        self.among = np.zeros(len(nodes), np.uint64)
        np.bitwise_or.at(self.among, parents[1:], _ONE << (self.word[1:] & 63).astype(np.uint64))

    def find(self, texts: Buffer, found: Words, at: Places | None = None) -> Found:
        """Every occurrence of every phrase in the texts, or of those that start at the words ``at``, which rise."""
        known = self.vocabulary.find(found.keys)
        count, begins = (len(found.type), _EVERY) if at is None else (len(at), at)
        place = texts.data, found.start, found.end, found.type
        tree = known, self.root[known], self.child, self.word, self.phrase, self.among
        return Found(*np.ascontiguousarray(gathered(_walk, *place, count, begins, *tree, room=len(found.type)).T))


@kernel
def _walk(
    data: Bytes,
    start: Places,
    end: Places,
    types: Numbers,
    number: int,
    begins: Places,
    known: Numbers,
    root: Places,
    child: Places,
    word: Numbers,
    phrase: Places,
    among: Keys,
    hits: Places,
) -> int:
    """Write down the hits: word, size, phrase. Of each type: its number in the vocabulary, the node it leads to."""
    count = 0
    for place in range(number):
        first = begins[place] if len(begins) else place
        node, at = root[np.uint32(types[first])], first
        while node > 0:
            if phrase[node] >= 0:
                if count < len(hits):
                    hits[count, 0], hits[count, 1], hits[count, 2] = first, at + 1 - first, phrase[node]
                count += 1
            at += 1
            if at == len(types):
                break
            follower = known[np.uint32(types[at])]
            if not (among[node] >> np.uint64(follower & 63)) & _ONE or not _joined(data, end[at - 1], start[at]):
                break
            node = _follow(child, word, node, follower)
    return count


@kernel
def _follow(child: Places, word: Numbers, node: int, known: int) -> int:
    """The node that this word leads to, 0 if there is none."""
    low, high = child[node], child[node + 1]
    if known < 0:
        return 0
    while low < high:
        middle = (low + high) // 2
        if word[middle] < known:
            low = middle + 1
        else:
            high = middle
    return low if low < child[node + 1] and word[low] == known else 0


@kernel
def _joined(data: Bytes, end: int, start: int) -> bool:
    """Whether a phrase may span what stands between two words.

    That is one to three characters of white space, with or without a comma before them, a hyphen, or either
    apostrophe, or a full stop between two spaces, as in tokenized text.
    """
    size, first = start - end, data[end]
    if size == 1:
        return _SINGLE[first]
    if size == 3 and first == 0xE2:
        return data[end + 1] == 0x80 and data[end + 2] == 0x99
    if size == 3 and first == _SPACE and data[end + 1] == _STOP:
        return data[end + 2] == _SPACE
    at = blank = end + (first == _COMMA)
    while at < start and at < blank + 3 and SPACE[data[at]]:
        at += 1
    return blank < at == start
