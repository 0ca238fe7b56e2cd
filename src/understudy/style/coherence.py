"""Coherence: do neighbouring steps speak of the same things, and do they speak of the question?

    found = words(texts)
    measured = coherence(found, Steps.of(texts, found, segment(texts)), questions, others)
    measured.adjacent, measured.null           # one figure a text; NaN where there is nothing to compare

A step is the set S of its content words: all words and numbers that are not in ``STOP_WORDS``. Steps without any
are left out. Two steps are as similar as the cosine of their sets as binary vectors (Hearst 1997 compares
neighbouring blocks of text so; for sets it is Ochiai's coefficient):

    sim(A, B) = |A ∩ B| / √(|A| |B|)

The null of the adjacent steps is the mean over all orders that the steps could have, which seeded shuffles would
only estimate: neighbours are then any two steps. It needs no seed, has no noise and depends on the trace alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from understudy.randomness import seed_of
from understudy.style.buffer import Buffer, Flags, Places, Reals
from understudy.style.diversity import ratio
from understudy.style.episodes import Steps
from understudy.style.kernel import kernel
from understudy.style.words import Numbers, Table, Words, words

DISTANCES = (1, 2, 4, 8)
"""How far apart steps are that are compared."""
STOP_WORDS = """
a about after again all also am an and any are aren as at be because been before being both but by can cannot could
couldn d did didn do does doesn doing don down each else few for from further had hadn has hasn have haven having he
her here hers him his how i if in into is isn it its itself just let ll m may me might more most must my no nor not
now of off on once only or other our out over own re s same shall she should shouldn so some such t than that the
their them then there therefore these they this those through thus to too under until up upon us ve very was wasn we
were weren what when where whether which while who whom whose why will with won would wouldn yes you your
"""
"""Words that hold a sentence together and have no subject, with what apostrophes leave of them ("don't": don, t)."""

_REACH = 2 ** (DISTANCES[-1] + 1) - 1


@dataclass(frozen=True)
class Coherence:
    """A figure of each text, NaN where there is none.

    ``adjacent``: mean of sim(S_i, S_{i+1}) over neighbours that both hold content words.
    ``null``: mean of sim over all pairs of steps, which is the mean of ``adjacent`` over all orders of the steps.
    ``decay``: how much similarity falls when the distance doubles, (3 m_1 + m_2 − m_4 − 3 m_8) / 10 with m_d the
    mean of sim(S_i, S_{i+d}); the slope of least squares on log2 d, negated. In shuffled steps it is 0 on average.
    ``question``: mean of sim(S_i, Q) over steps, Q being the content words of the question.
    ``question_null``: the same with another problem's question.
    """

    adjacent: Reals
    null: Reals
    decay: Reals
    question: Reals
    question_null: Reals


def coherence(found: Words, steps: Steps, questions: Sequence[str], others: Sequence[str]) -> Coherence:
    """``questions``, ``others``: one for each text, or an empty one."""
    texts, types = len(steps.border) - 1, len(found.keys)
    size, number, border = _asked([*questions, *others], found)
    alike, pairs, some, squares, shared = (np.zeros((rows, texts)) for rows in (4, 4, 1, 1, 2))
    spans = steps.first, steps.last, steps.border, np.zeros(len(steps.start)), np.empty(types, np.int64)
    state = np.full(types, -1), np.zeros(types, np.int64), np.zeros(types)
    _coherence(found.type, _content(found), *spans, *state, number, border, alike, pairs, some[0], squares[0], shared)
    one, two, four, eight = map(ratio, alike, pairs)
    (null,) = map(ratio, np.maximum(squares - some, 0), some * (some - 1))
    like = map(ratio, shared, np.sqrt(size).reshape(2, texts) * some)
    return Coherence(one, null, (3 * one + two - four - 3 * eight) / 10, *like)


def other_questions(questions: Iterable[str]) -> dict[str, str]:
    """For each question another one, the same in whatever order they come; "" if there is but one.

    They stand in a seeded random order, and each gets the next. Give it those of the whole corpus: with those of a
    batch, ``question_null`` would depend on the batch.
    """
    ring = sorted(set(questions) - {""}, key=lambda question: (seed_of("other question", question), question))
    others = dict(zip(ring, ring[1:] + ring[:1], strict=True)) if len(ring) > 1 else {}
    return {question: others.get(question, "") for question in ["", *ring]}


def _content(found: Words) -> Flags:
    """Whether each type is a content word."""
    return _stops().find(found.keys) < 0


def _asked(questions: list[str], found: Words) -> tuple[Reals, Numbers, Places]:
    """How many content words each question has; for each word its type in ``found``, or -1 if there is none, if it is
    no content word or said again; where each question's words begin."""
    asked = words(Buffer.of(questions))
    number, size = Table(found.keys).find(asked.keys)[asked.type], np.zeros(len(questions))
    _new(asked.type, _content(asked), asked.border, np.full(len(asked.keys), -1), number, size)
    return size, number, asked.border


@cache
def _stops() -> Table:
    return Table(words(Buffer.of([STOP_WORDS])).keys)


@kernel
def _new(types: Numbers, content: Flags, border: Places, seen: Places, number: Numbers, size: Reals) -> None:
    """Count the content words of each text, each once; the number of any other word becomes -1."""
    for text in range(len(border) - 1):
        for word in range(border[text], border[text + 1]):
            if content[types[word]] and seen[types[word]] != text:
                seen[types[word]] = text
                size[text] += 1
            else:
                number[word] = -1


@kernel
def _coherence(
    types: Numbers,
    content: Flags,
    first: Places,
    last: Places,
    border: Places,
    weight: Reals,
    members: Places,
    seen: Places,
    history: Places,
    total: Reals,
    asked: Numbers,
    asked_border: Places,
    alike: Reals,
    pairs: Reals,
    some: Reals,
    squares: Reals,
    shared: Reals,
) -> None:
    """Add up, for each text: similarities at each distance and their ``pairs``, ``some`` steps with content words, the
    ``squares`` of the sum of their vectors, and its products with both questions'.

    Each step is a vector of length 1, in which every one of its ``members`` has its ``weight``. Of each type, ``seen``
    is the last step that holds it, ``history`` has bit n set if the n-th step before that one does too, and ``total``
    is its sum over the steps of the text.
    """
    for text in range(len(border) - 1):
        since = border[text]
        for step in range(since, border[text + 1]):
            count = _members(types, content, first[step], last[step], step, since, members, seen, history, total)
            if count == 0:
                continue
            some[text] += 1
            weight[step] = 1 / np.sqrt(count)
            _compare(members, count, text, step, since, history, weight, alike, pairs)
            for place in range(count):
                squares[text] += weight[step] * (2 * total[members[place]] + weight[step])
                total[members[place]] += weight[step]
        for question in range(2):
            row = question * (len(border) - 1) + text
            for word in range(asked_border[row], asked_border[row + 1]):
                if asked[word] >= 0 and seen[asked[word]] >= since:
                    shared[question, text] += total[asked[word]]


@kernel
def _members(
    types: Numbers,
    content: Flags,
    first: int,
    last: int,
    step: int,
    since: int,
    members: Places,
    seen: Places,
    history: Places,
    total: Reals,
) -> int:
    """How many content words a step has, each once; write down which, and that it has them."""
    count = 0
    for word in range(first, last):
        member = types[word]
        if not content[member] or seen[member] == step:
            continue
        if seen[member] < since:
            history[member], total[member] = 0, 0
        apart = min(step - seen[member], DISTANCES[-1] + 1)
        history[member] = (history[member] << apart | 1) & _REACH
        seen[member] = step
        members[count] = member
        count += 1
    return count


@kernel
def _compare(
    members: Places,
    count: int,
    text: int,
    step: int,
    since: int,
    history: Places,
    weight: Reals,
    alike: Reals,
    pairs: Reals,
) -> None:
    """Add the similarities of a step with those before it, and how many there are."""
    for number in range(len(DISTANCES)):
        before = step - DISTANCES[number]
        if before >= since and weight[before] > 0:
            shared = 0
            for place in range(count):
                shared += history[members[place]] >> DISTANCES[number] & 1
            alike[number, text] += shared * weight[step] * weight[before]
            pairs[number, text] += 1
