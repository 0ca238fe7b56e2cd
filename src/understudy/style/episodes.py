"""Episodes: what each step of a trace does, told by a small linear model whose features are words and phrases.

    label(["Okay, so there are 12 eggs.", "3 * 12 = 36.", "Let me check that again."])
    # ["read", "implement", "verify"]

The seven episodes are Schoenfeld's with *monitor*; the guideline by which the training labels were made is
``docs/reference/episodes.md``, and ``training/`` holds the labels and the script that makes ``episodes.json`` of
them. A step's score for an episode is a sum of weights: of its words, of the phrases it opens with, of its shape
(ends in a question mark, holds an equals sign, how long, how far into the trace), and, in a second layer, of the
first layer's scores for it and its two neighbours on either side.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import EQUALS, OPERATOR, Buffer, Flags, Places
from understudy.style.matcher import Matcher, Table
from understudy.style.words import Words, key, words

EPISODES = ("read", "analyze", "plan", "implement", "explore", "verify", "monitor")
"""In the order of the model's columns."""
MONITOR = EPISODES.index("monitor")
NUMBER = "0"
"""Every word that starts with a digit is this word to the model."""
SHAPES = (
    *("ends in ?", "ends in !", "ends in :", "holds =", "holds several =", "holds + * /", "holds no number"),
    *("some numbers", "many numbers", "1 or 2 words", "up to 4 words", "up to 7 words", "20 words or more"),
    *("35 words or more", "headline", "first step", "first 5 %", "first 20 %", "middle", "last 20 %", "last 5 %"),
)
REACH = 2
"""How many neighbours on either side the second layer sees."""

Reals = NDArray[np.float32]


@dataclass(frozen=True)
class Steps:
    """The steps of a buffer: where each starts and ends, its first word and the one after its last, its text."""

    start: Places
    end: Places
    first: Places
    last: Places
    text: Places

    @classmethod
    def of(cls, texts: Buffer, found: Words, start: Places) -> "Steps":
        """The steps that start at these bytes; each ends where the next starts, or its text ends."""
        text = texts.text_of(start)
        end = np.minimum(np.append(start[1:], len(texts.data)), texts.ends[text])
        first = np.searchsorted(found.start, start)
        return cls(start, end, first, np.searchsorted(found.start, end), text)


class Tagger:
    """The model: phrases, and the weights of both layers.

    ``word_weights`` (words, 7), ``opening_weights`` (openings, 7), ``shape_weights`` (shapes + 1, 7) with the
    constant last; ``context`` ((2 * REACH + 1) * 7 + shapes + 1, 7).
    """

    def __init__(self, model: dict[str, Any]) -> None:
        self.words = list(model["words"])
        self.openings = list(model["openings"])
        self.table = Table(np.array([key(word) for word in self.words], np.uint64))
        self.matcher = Matcher(self.openings)
        weights = [*model["words"].values(), *model["openings"].values()]
        self.weights = np.array(weights, np.float32).reshape(-1, len(EPISODES))
        self.shapes = np.array(list(model["shapes"].values()), np.float32)
        self.context = np.array(model["context"], np.float32)

    @classmethod
    @cache
    def shipped(cls) -> "Tagger":
        """The model that comes with the package."""
        return cls(json.loads(files("understudy.style").joinpath("episodes.json").read_text(encoding="utf-8")))

    def tag(self, texts: Buffer, found: Words, steps: Steps) -> NDArray[np.int8]:
        """The number of each step's episode in ``EPISODES``."""
        if not len(steps.start):
            return np.zeros(0, np.int8)
        shape = shape_codes(texts, found, steps)
        wide = np.asarray(self.features(texts, found, steps) @ self._wide_weights + self._wide_shapes[shape])
        episodes = (_gathered(wide, steps.text) + self._second_shapes[shape]).argmax(axis=1).astype(np.int8)
        episodes[wordless(texts, found, steps)] = MONITOR
        return episodes

    @cached_property
    def _blocks(self) -> Reals:
        """The second layer's weights of scores, those of all neighbours side by side: (7, (2 * REACH + 1) * 7)."""
        size, blocks = len(EPISODES), 2 * REACH + 1
        scores = self.context[: blocks * size].reshape(blocks, size, size)
        return np.concatenate(list(scores), axis=1)

    @cached_property
    def _wide_weights(self) -> Reals:
        """Both layers in one, as both are linear: what each word or opening adds to each neighbour's scores."""
        return self.weights @ self._blocks

    @cached_property
    def _wide_shapes(self) -> Reals:
        """The same of each code of shape."""
        return (_SHAPE_ROWS @ self.shapes @ self._blocks).astype(np.float32)

    @cached_property
    def _second_shapes(self) -> Reals:
        """What each code of shape adds to the second layer."""
        return np.asarray(_SHAPE_ROWS @ self.context[-len(SHAPES) - 1 :], np.float32)

    def explain(
        self, texts: Buffer, found: Words, steps: Steps, episodes: NDArray[np.int8]
    ) -> list[list[tuple[str, float]]]:
        """What spoke for each step's episode and against the next best, the weightiest first: words in quotes,
        opening phrases with dots, the shape, and ``neighbours``. Weights are differences of scores."""
        if not len(steps.start):
            return []
        shape = shapes(texts, found, steps)
        features = self.features(texts, found, steps)
        first = self.first(features, shape)
        total = self.second(first, shape, steps.text)
        names = [*(f"'{word}'" for word in self.words), *(f"'{phrase} …'" for phrase in self.openings)]
        middle = self.context[REACH * len(EPISODES) : (REACH + 1) * len(EPISODES)]
        reasons = []
        for step, chosen in enumerate(episodes):
            rest = total[step].copy()
            rest[chosen] = -np.inf
            direction = np.eye(len(EPISODES))[chosen] - np.eye(len(EPISODES))[rest.argmax()]
            row = features[step]
            parts = [
                (names[column], float(value * (self.weights[column] @ middle @ direction)))
                for column, value in zip(row.indices, row.data, strict=True)
            ]
            shaped = shape[step] @ self.shapes @ middle @ direction
            parts += [("shape", float(shaped + shape[step] @ self.context[-len(SHAPES) - 1 :] @ direction))]
            own = first[step] @ middle + shape[step] @ self.context[-len(SHAPES) - 1 :]
            parts += [("neighbours", float((total[step] - own) @ direction))]
            reasons.append(sorted(parts, key=lambda part: -abs(part[1])))
        return reasons

    def features(self, texts: Buffer, found: Words, steps: Steps) -> Any:
        """A sparse matrix (steps, words + openings): how often each occurs, scaled by how many do.

        Row i is multiplied by 3 / sqrt(3 + its sum), so that long steps do not outweigh their shape.
        """
        from scipy.sparse import csr_matrix

        plain = replace(found, key=np.where(found.numeric, _NUMBER_KEY, found.key))
        known = self.table.find(plain.key)
        at = np.flatnonzero(known >= 0)
        ends = np.searchsorted(at, np.append(steps.first, len(known)))
        row, phrase = self._openings(texts, plain, steps)
        opened = np.searchsorted(row, np.arange(len(steps.start) + 1))
        columns = np.empty(len(at) + len(row), np.int32)
        mine = np.arange(len(row)) + ends[row + 1]
        rest = np.ones(len(columns), np.bool_)
        rest[mine] = False
        columns[rest], columns[mine] = known[at], phrase + len(self.words)
        bounds = ends + opened
        size = np.diff(bounds)
        scale = np.repeat((3 / np.sqrt(3 + size)).astype(np.float32), size)
        shape = (len(steps.start), len(self.words) + len(self.openings))
        return csr_matrix((scale, columns, bounds), shape=shape)

    def _openings(self, texts: Buffer, found: Words, steps: Steps) -> tuple[Places, Places]:
        """The phrases with which steps open: step and number of the phrase, in the order of the steps."""
        full = np.flatnonzero(steps.last > steps.first)
        opening = self.matcher.find(texts, found, steps.first[full])
        row = full[np.searchsorted(steps.first[full], opening.word)]
        inside = opening.word + opening.size <= steps.last[row]
        return row[inside], opening.phrase[inside]

    def first(self, features: Any, shape: Reals) -> Reals:
        """The first layer's scores (steps, 7)."""
        return np.asarray(features @ self.weights + shape @ self.shapes)

    def second(self, scores: Reals, shape: Reals, text: Places) -> Reals:
        """The second layer's scores (steps, 7): ``around`` times ``context``."""
        return _gathered(scores @ self._blocks, text) + shape @ self.context[-len(SHAPES) - 1 :]


def _gathered(wide: Reals, text: Places) -> Reals:
    """The sum of what a step's neighbours say of it; ``wide`` (steps, (2 * REACH + 1) * 7) is what each says of all."""
    size = len(EPISODES)
    result = np.zeros((len(wide), size), np.float32)
    for place, offset in enumerate(range(-REACH, REACH + 1)):
        here, there = _shifted(len(wide), offset)
        said = wide[there, place * size : (place + 1) * size]
        said[text[there] != text[here]] = 0
        result[here] += said
    return result


def _shifted(size: int, offset: int) -> tuple[slice, slice]:
    """The steps that have a neighbour at this offset, and the neighbours."""
    here = slice(max(0, -offset), max(0, size - max(0, offset)))
    return here, slice(max(0, offset), max(0, size + min(0, offset)))


def around(scores: Reals, shape: Reals, text: Places) -> Reals:
    """What the second layer sees: the scores of two steps before to two steps after, 0 beyond the text, and shape."""
    views = []
    for offset in range(-REACH, REACH + 1):
        moved = np.zeros_like(scores)
        here, there = _shifted(len(scores), offset)
        moved[here] = scores[there] * (text[there] == text[here])[:, None]
        views.append(moved)
    return np.hstack((*views, shape))


def shapes(texts: Buffer, found: Words, steps: Steps) -> Reals:
    """The shape of each step (steps, shapes + 1): 0 or 1, and a last column of ones."""
    return _SHAPE_ROWS[shape_codes(texts, found, steps)]


def shape_codes(texts: Buffer, found: Words, steps: Steps) -> Places:
    """The shape of each step as one number, the row of ``_SHAPE_ROWS`` that spells it out."""
    edges = np.append(steps.start, len(texts.data))
    equals = np.diff(np.searchsorted(texts.where(EQUALS), edges))
    operators = np.diff(np.searchsorted(texts.where(OPERATOR), edges))
    size = steps.last - steps.first
    numeric = np.concatenate(([0], np.cumsum(found.numeric)))
    counted = numeric[steps.last] - numeric[steps.first]
    order, count = _places(steps.text)
    place = 20 * order
    where = np.where(place < 4 * (count - 1), 2 - (place < count - 1), 3) + (place >= 16 * np.maximum(count - 1, 1))
    where += place >= 19 * np.maximum(count - 1, 1)
    digits = (
        _SIGN[_last_sign(texts, steps)],
        np.minimum(equals, 2),
        operators > 0,
        1 * (counted > 0) + (10 * counted >= 3 * np.maximum(size, 1)),
        _SIZE[np.minimum(size, len(_SIZE) - 1)],
        _HEADLINE[texts.data[steps.start]],
        np.where(order == 0, 0, where),
    )
    code = np.zeros(len(size), np.int64)
    for radix, digit in zip(_RADIX, digits, strict=True):
        code = code * radix + digit
    return code


def _shape_rows() -> Reals:
    """Every shape spelled out: (codes, shapes + 1)."""
    sign, equals, operators, share, size, headline, place = np.indices(_RADIX).reshape(len(_RADIX), -1)
    columns = (
        *(sign == 1, sign == 2, sign == 3, equals > 0, equals > 1, operators > 0, share == 0, share == 1, share == 2),
        *(size <= 0, size <= 1, size <= 2, size >= 4, size >= 5, headline == 1),
        *(place == 0, place <= 1, place <= 2, place == 3, place >= 4, place >= 5),
        np.ones(len(sign)),
    )
    return np.column_stack(columns).astype(np.float32)


def wordless(texts: Buffer, found: Words, steps: Steps) -> Flags:
    """Steps of signs alone, or of one number without a sign of arithmetic: there is nothing they could do."""
    size = steps.last - steps.first
    empty = size == 0
    single = np.flatnonzero(size == 1)
    single = single[found.numeric[steps.first[single]]]
    signs = texts.count(EQUALS | OPERATOR, steps.start[single], steps.end[single])
    empty[single[signs == 0]] = True
    return empty


def label(steps: Sequence[str], tagger: Tagger | None = None) -> list[str]:
    """The episode of each step of one trace, cut as they are given; white space between them does not matter."""
    if not steps:
        return []
    pieces = [step.strip() + "\n" for step in steps]
    texts = Buffer.of(["".join(pieces)])
    sizes = [len(piece.encode("utf-8", "replace")) for piece in pieces]
    starts = texts.starts[0] + np.concatenate(([0], np.cumsum(sizes[:-1]))).astype(np.int64)
    found = words(texts)
    tags = (tagger or Tagger.shipped()).tag(texts, found, Steps.of(texts, found, starts))
    return [EPISODES[tag] for tag in tags]


def _last_sign(texts: Buffer, steps: Steps) -> NDArray[np.uint8]:
    """The last byte of each step, up to four bytes of white space and four closing quotes or brackets aside."""
    at = steps.end - 1
    for skipped in (_BLANK, _CLOSER):
        for _ in range(4):
            at = at - (skipped[texts.data[at]] & (at > steps.start))
    return texts.data[at]


def _places(text: Places) -> tuple[Places, Places]:
    """The place of each step in its text, from 0, and how many steps the text has."""
    first = np.flatnonzero(np.diff(text, prepend=-1))
    sizes = np.diff(first, append=len(text))
    return np.arange(len(text)) - np.repeat(first, sizes), np.repeat(sizes, sizes)


_RADIX = (4, 3, 2, 3, 6, 2, 6)
_SIGN = np.zeros(256, np.int64)
_SIGN[[ord(sign) for sign in "?!:"]] = 1, 2, 3
_SIZE = np.searchsorted([2, 4, 7, 19, 34], np.arange(36))
_HEADLINE = np.isin(np.arange(256), list(b"#*")).astype(np.int64)
_SHAPE_ROWS = _shape_rows()
_NUMBER_KEY = np.uint64(key(NUMBER))
_BLANK = np.isin(np.arange(256), list(b" \t\r\n"))
_CLOSER = np.isin(np.arange(256), list(b"\"')]*_"))
