"""Episodes of the steps of one text, by dicts and sums: the model of ``understudy.style.episodes``, applied plainly.

    steps = ["okay, so there are 12 eggs. ", "3 * 12 = 36."]
    label(steps, "".join(steps), words_of(steps, "".join(steps)))       # ["read", "implement"]

The loops are those that a reader of that module would write first.
"""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from benchmarks.plain.cohesion import WORD
from benchmarks.plain.phrases import JOINT

from understudy.style.episodes import EPISODES, REACH

LAST = re.compile(r"([?!:])[\"')\]*_]{0,4}[ \t\r\n]{0,4}\Z")
OPERATOR = re.compile(r"[+*/]")
LONGEST = 4
"""Words of the longest phrase that opens a step."""

Scores = list[float]
Piece = tuple[str, int, int]
"""A word, where it starts and ends in the text."""


@cache
def model() -> dict[str, Any]:
    """The shipped weights."""
    loaded = json.loads(files("understudy.style").joinpath("episodes.json").read_text(encoding="utf-8"))
    return {**loaded, "shapes": list(loaded["shapes"].values())}


def label(steps: list[str], text: str, words: list[list[Piece]]) -> list[str]:
    """The episode of each step, given the text in lower case and its words by step."""
    shaped = [shape(step, found, n, len(steps)) for n, (step, found) in enumerate(zip(steps, words, strict=True))]
    first = [score(text, found, flags) for found, flags in zip(words, shaped, strict=True)]
    return [
        "monitor" if wordless(step, words[n]) else EPISODES[best(second(first, shaped[n], n))]
        for n, step in enumerate(steps)
    ]


def words_of(steps: list[str], text: str) -> list[list[Piece]]:
    """The words that start in each step; every number is the word 0."""
    found = [("0" if m[0][0] in "0123456789" else m[0], m.start(), m.end()) for m in WORD.finditer(text)]
    parts, at, end = [], 0, 0
    for step in steps:
        first, end = at, end + len(step)
        while at < len(found) and found[at][1] < end:
            at += 1
        parts.append(found[first:at])
    return parts


def shape(step: str, words: list[Piece], number: int, count: int) -> list[int]:
    """The numbers of the shapes that a step has, in the order of ``SHAPES``; the last is always there."""
    last = LAST.search(step[-9:])
    sign = last[1] if last else ""
    equals, size, place = step.count("="), len(words), number / max(count - 1, 1)
    share = sum(1 for word, _, _ in words if word == "0") / max(size, 1)
    flags = (
        *(sign == "?", sign == "!", sign == ":", equals > 0, equals > 1, bool(OPERATOR.search(step))),
        *(share == 0, 0 < share < 0.3, share >= 0.3, size <= 2, size <= 4, size <= 7, size >= 20, size >= 35),
        *(step[0] in "#*", number == 0, place < 0.05, place < 0.2, 0.2 <= place < 0.8, place >= 0.8, place >= 0.95),
        True,
    )
    return [n for n, flag in enumerate(flags) if flag]


def score(text: str, words: list[Piece], flags: list[int]) -> Scores:
    """The first layer: the weights of words and of the phrases that open the step, scaled, and of its shape."""
    known = [model()["words"][word] for word, _, _ in words if word in model()["words"]]
    known += [model()["openings"][phrase] for phrase in openings(text, words) if phrase in model()["openings"]]
    scale = 3 / (3 + len(known)) ** 0.5
    shapes = [model()["shapes"][flag] for flag in flags]
    return [scale * a + b for a, b in zip(total(known), total(shapes), strict=True)]


def openings(text: str, words: list[Piece]) -> list[str]:
    """The phrases of one word and more with which a step opens."""
    phrases, so_far = [], ""
    for n, (word, start, _) in enumerate(words[:LONGEST]):
        if n and not JOINT.fullmatch(text, words[n - 1][2], start):
            break
        so_far = f"{so_far} {word}" if n else word
        phrases.append(so_far)
    return phrases


def second(scores: list[Scores], flags: list[int], number: int) -> Scores:
    """The second layer: the scores of the step and of its neighbours, weighed, and its shape once more."""
    context, size = model()["context"], len(EPISODES)
    rows = [context[(2 * REACH + 1) * size + flag] for flag in flags]
    for place in range(2 * REACH + 1):
        near = number + place - REACH
        if 0 <= near < len(scores):
            weights = context[place * size : (place + 1) * size]
            rows += [[value * w for w in row] for value, row in zip(scores[near], weights, strict=True)]
    return total(rows)


def total(rows: list[Scores]) -> Scores:
    """The sum of some rows."""
    return [sum(column) for column in zip(*rows, strict=True)] if rows else [0.0] * len(EPISODES)


def best(scores: Scores) -> int:
    """The place of the greatest."""
    return max(range(len(scores)), key=scores.__getitem__)


def wordless(step: str, words: list[Piece]) -> bool:
    """Signs alone, or one number without a sign of arithmetic."""
    return not words or (len(words) == 1 and words[0][0] == "0" and not ("=" in step or OPERATOR.search(step)))
