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
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import CLOSER, SPACE, Buffer, Bytes, Flags, Places, Reals, table
from understudy.style.kernel import kernel
from understudy.style.matcher import Matcher
from understudy.style.words import Numbers, Table, Words, key, words

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

_QUESTION, _EXCLAMATION, _COLON, _EQUALS, _PLUS, _TIMES, _OVER = b"?!:=+*/"
_EPISODES = len(EPISODES)
_BUSY = [SHAPES.index(name) for name in ("holds =", "holds + * /", "holds no number")]
_HEADLINE = table(b"#*")


@dataclass(frozen=True)
class Steps:
    """The steps of a buffer: where each starts and ends, its first word and the one after its last, its text.

    The steps of text t are those from ``border[t]`` to ``border[t + 1]``.
    """

    start: Places
    end: Places
    first: Places
    last: Places
    text: Places
    border: Places

    @classmethod
    def of(cls, texts: Buffer, found: Words, start: Places) -> "Steps":
        """The steps that start at these bytes, the first of each text with it; each ends where the next starts."""
        text = texts.text_of(start)
        end = np.minimum(np.append(start[1:], len(texts.data)), texts.ends[text])
        first = np.searchsorted(found.start, start)
        border = np.searchsorted(start, np.append(texts.starts, len(texts.data)))
        return cls(start, end, first, np.append(first[1:], len(found.start)), text, border)


class Tagger:
    """The model: phrases, and the weights of both layers.

    ``word_weights`` (words, 7), ``opening_weights`` (openings, 7), ``shape_weights`` (shapes + 1, 7) with the
    constant last; ``context`` ((2 * REACH + 1) * 7 + shapes + 1, 7).
    """

    def __init__(self, model: dict[str, Any]) -> None:
        self.words = list(model["words"])
        self.openings = list(model["openings"])
        self.table = Table(words(Buffer.of(self.words)).keys)
        self.matcher = Matcher(self.openings)
        weights = [*model["words"].values(), *model["openings"].values()]
        self.weights = np.array(weights, np.float64).reshape(-1, len(EPISODES))
        self.shapes = np.array(list(model["shapes"].values()), np.float64)
        self.context = np.array(model["context"], np.float64)

    @classmethod
    @cache
    def shipped(cls) -> "Tagger":
        """The model that comes with the package."""
        return cls(json.loads(files("understudy.style").joinpath("episodes.json").read_text(encoding="utf-8")))

    def tag(self, texts: Buffer, found: Words, steps: Steps) -> NDArray[np.int8]:
        """The number of each step's episode in ``EPISODES``."""
        shape = shapes(texts, found, steps)
        first = np.zeros((len(shape), len(EPISODES)))
        _first(*self._columns(texts, found, steps), self.weights, shape, self.shapes, first)
        episodes = self.second(first, shape, steps).argmax(axis=1).astype(np.int8)
        episodes[wordless(found, steps, shape)] = MONITOR
        return episodes

    def explain(
        self, texts: Buffer, found: Words, steps: Steps, episodes: NDArray[np.int8]
    ) -> list[list[tuple[str, float]]]:
        """What spoke for each step's episode and against the next best, the weightiest first: words in quotes,
        opening phrases with dots, the shape, and ``neighbours``. Weights are differences of scores."""
        if not len(steps.start):
            return []
        shape = shapes(texts, found, steps)
        features = self.features(texts, found, steps)
        first = np.asarray(features @ self.weights + shape @ self.shapes)
        total = self.second(first, shape, steps)
        names = [*(f"'{word}'" for word in self.words), *(f"'{phrase} …'" for phrase in self.openings)]
        middle = self.context[REACH * len(EPISODES) : (REACH + 1) * len(EPISODES)]
        reasons = []
        for step, chosen in enumerate(episodes):
            rest = total[step].copy()
            rest[chosen] = -np.inf
            direction = np.eye(len(EPISODES))[chosen] - np.eye(len(EPISODES))[rest.argmax()]
            held = zip(features[step].indices, features[step].data, strict=True)
            parts = [(names[at], float(value * (self.weights[at] @ middle @ direction))) for at, value in held]
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

        columns, bounds = self._columns(texts, found, steps)
        size = np.diff(bounds)
        scale = np.repeat(3 / np.sqrt(3 + size), size)
        return csr_matrix((scale, columns, bounds), shape=(len(steps.start), len(self.weights)))

    def second(self, scores: Reals, shape: Flags, steps: Steps) -> Reals:
        """The second layer's scores (steps, 7), of the first layer's: ``around`` times ``context``."""
        total = np.zeros(scores.shape)
        _second(scores, shape, steps.border, self.context, total)
        return total

    def _columns(self, texts: Buffer, found: Words, steps: Steps) -> tuple[Numbers, Places]:
        """The known words of each step and the phrases that open it: those of step i from ``bounds[i]`` on."""
        plain = replace(found, keys=np.where(found.numeric, np.uint64(key(NUMBER)), found.keys))
        known = self.table.find(plain.keys)
        opening = self.matcher.find(texts, plain, steps.first[steps.last > steps.first])
        opened = opening.word, opening.size, opening.phrase + len(self.words)
        columns, bounds = (
            np.empty(len(found.type) + len(opening.word) + 1, np.int32),
            np.zeros(len(steps.start) + 1, np.int64),
        )
        _columns(found.type, known, *opened, steps.first, steps.last, columns, bounds)
        return columns[: bounds[-1]], bounds


def around(scores: Reals, shape: Flags, text: Places) -> Reals:
    """What the second layer sees: the scores of two steps before to two steps after, 0 beyond the text, and shape."""
    size, views = len(scores), []
    for offset in range(-REACH, REACH + 1):
        moved = np.zeros_like(scores)
        here = np.arange(max(0, -offset), max(0, size - max(0, offset)))
        moved[here] = scores[here + offset] * (text[here + offset] == text[here])[:, None]
        views.append(moved)
    return np.hstack((*views, shape))


def shapes(texts: Buffer, found: Words, steps: Steps) -> Flags:
    """The shape of each step (steps, shapes + 1); the last column is true."""
    spans = steps.start, steps.end, steps.first, steps.last, steps.border
    shape = np.zeros((len(steps.start), len(SHAPES) + 1), np.bool_)
    _shapes(texts.data, found.type, found.numeric, *spans, shape)
    return shape


def wordless(found: Words, steps: Steps, shape: Flags) -> Flags:
    """Steps of signs alone, or of one number without a sign of arithmetic: there is nothing they could do."""
    size = steps.last - steps.first
    return (size == 0) | (size == 1) & ~shape[:, _BUSY].any(axis=1)


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


@kernel
def _columns(
    types: Numbers,
    known: Numbers,
    word: Places,
    size: Places,
    phrase: Places,
    first: Places,
    last: Places,
    columns: Numbers,
    bounds: Places,
) -> None:
    count = hit = 0
    for step in range(len(first)):
        for place in range(first[step], last[step]):
            columns[count] = known[np.uint32(types[np.uint64(place)])]
            count += columns[count] >= 0
        while first[step] < last[step] and hit < len(word) and word[hit] == first[step]:
            if word[hit] + size[hit] <= last[step]:
                columns[count] = phrase[hit]
                count += 1
            hit += 1
        bounds[step + 1] = count


@kernel
def _shapes(
    data: Bytes,
    types: Numbers,
    numeric: Flags,
    start: Places,
    end: Places,
    first: Places,
    last: Places,
    border: Places,
    shape: Flags,
) -> None:
    for text in range(len(border) - 1):
        final = max(border[text + 1] - border[text] - 1, 1)
        for step in range(border[text], border[text + 1]):
            place, size, row = 20 * (step - border[text]), last[step] - first[step], shape[step]
            numbers = equals = operators = 0
            for word in range(first[step], last[step]):
                numbers += numeric[np.uint32(types[np.uint64(word)])]
            for at in range(start[step], end[step]):
                byte = data[np.uint64(at)]
                equals += byte == _EQUALS
                operators += (byte == _PLUS) | (byte == _TIMES) | (byte == _OVER)
            sign = _last_sign(data, start[step], end[step])
            many = 10 * numbers >= 3 * max(size, 1)
            row[0], row[1], row[2] = sign == _QUESTION, sign == _EXCLAMATION, sign == _COLON
            row[3], row[4], row[5] = equals > 0, equals > 1, operators > 0
            row[6], row[7], row[8] = numbers == 0, numbers > 0 and not many, many
            row[9], row[10], row[11], row[12], row[13] = size <= 2, size <= 4, size <= 7, size >= 20, size >= 35
            row[14], row[15], row[16] = _HEADLINE[data[start[step]]], place == 0, place < final
            row[17], row[18], row[19] = place < 4 * final, 4 * final <= place < 16 * final, place >= 16 * final
            row[20], row[21] = place >= 19 * final, True


@kernel
def _last_sign(data: Bytes, start: int, end: int) -> int:
    """The last byte of a step, up to four bytes of white space and four closing quotes or brackets aside."""
    at = end - 1
    for _ in range(4):
        at -= at > start and SPACE[data[at]]
    for _ in range(4):
        at -= at > start and CLOSER[data[at]]
    return data[at]


@kernel
def _first(columns: Numbers, bounds: Places, weights: Reals, shape: Flags, shapes: Reals, scores: Reals) -> None:
    """Add up the first layer's scores (steps, 7)."""
    for step in range(len(shape)):
        for at in range(bounds[step], bounds[step + 1]):
            for episode in range(_EPISODES):
                scores[step, episode] += weights[columns[at], episode]
        scale = 3 / np.sqrt(3 + bounds[step + 1] - bounds[step])
        for episode in range(_EPISODES):
            scores[step, episode] *= scale
        for number in range(shape.shape[1]):
            if shape[step, number]:
                for episode in range(_EPISODES):
                    scores[step, episode] += shapes[number, episode]


@kernel
def _second(scores: Reals, shape: Flags, border: Places, context: Reals, total: Reals) -> None:
    for text in range(len(border) - 1):
        for step in range(border[text], border[text + 1]):
            for near in range(max(step - REACH, border[text]), min(step + REACH + 1, border[text + 1])):
                for number in range(_EPISODES):
                    row = (near - step + REACH) * _EPISODES + number
                    for episode in range(_EPISODES):
                        total[step, episode] += scores[near, number] * context[row, episode]
            for number in range(shape.shape[1]):
                if shape[step, number]:
                    for episode in range(_EPISODES):
                        total[step, episode] += context[(2 * REACH + 1) * _EPISODES + number, episode]
