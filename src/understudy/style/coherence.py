"""Coherence: do neighbouring steps speak of the same things, and do they speak of the question?

    found = words(texts)
    measured = coherence(texts, found, Index.of(found.key), segment(texts), questions, others)
    measured.adjacent, measured.null           # one figure a text; NaN where there is nothing to compare

A step is the set S of its content words: all words and numbers that are not in ``STOP_WORDS``. Steps without any
are left out. Two steps are as similar as the cosine of their sets as binary vectors (Hearst 1997 compares
neighbouring blocks of text so; for sets it is Ochiai's coefficient):

    sim(A, B) = |A ∩ B| / √(|A| |B|)

The null of the adjacent steps is the mean over all orders that the steps could have, which seeded shuffles would
only estimate: neighbours are then any two steps. It needs no seed, has no noise and depends on the trace alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from understudy.randomness import seed_of
from understudy.style.buffer import Buffer, Places
from understudy.style.diversity import Index, Reals, ratio
from understudy.style.words import Keys, Words, words

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

_STEP = 0xFFFFFFFF


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


def coherence(texts: Buffer, found: Words, index: Index, steps: Places, questions: Buffer, others: Buffer) -> Coherence:
    """``steps``: the bytes at which steps start. ``questions``, ``others``: one for each text, or an empty one."""
    sets = _Sets.of(texts, found, index, steps)
    one, two, four, eight = (sets.at_distance(distance) for distance in DISTANCES)
    decay = (3 * one + two - four - 3 * eight) / 10
    return Coherence(one, sets.any_two(), decay, sets.like(questions), sets.like(others))


def other_questions(questions: Iterable[str]) -> dict[str, str]:
    """For each question another one, the same in whatever order they come; "" if there is but one.

    They stand in a seeded random order, and each gets the next. Give it those of the whole corpus: with those of a
    batch, ``question_null`` would depend on the batch.
    """
    ring = sorted(set(questions) - {""}, key=lambda question: (seed_of("other question", question), question))
    others = dict(zip(ring, ring[1:] + ring[:1], strict=True)) if len(ring) > 1 else {}
    return {question: others.get(question, "") for question in ["", *ring]}


@dataclass(frozen=True)
class _Sets:
    """The content words of steps. Steps are numbered with a gap after each text that no distance spans.

    ``member`` rises: the number of a word over 32 bits for that of a step that holds it. ``text`` and ``size`` are
    those of the step of each number; a word weighs 1/√size in its step. ``types`` are the codes of the words of each
    text, ``owner`` their text, ``total`` the sum of their weights.
    """

    index: Index
    member: Places
    text: Places
    size: Places
    weight: Reals
    steps: Places
    types: Keys
    owner: Places
    total: Reals

    @classmethod
    def of(cls, texts: Buffer, found: Words, index: Index, steps: Places) -> "_Sets":
        number, text = _numbers(texts, steps)
        count, content = _content(index)
        of_word = np.repeat(number, np.diff(np.append(np.searchsorted(found.start, steps), len(found.start))))
        member = np.repeat(np.arange(len(count)) << 32, count) | of_word[index.places[content]]
        kept = _changes(member)
        member, content = member[kept], content[kept]
        size = np.bincount(member & _STEP, minlength=len(text))
        owner = text[member & _STEP]
        first = _changes((member >> 32 << 32) | owner)
        weight = np.where(size > 0, 1 / np.sqrt(np.maximum(size, 1)), 0.0)
        total = np.add.reduceat(weight[member & _STEP], first) if len(first) else weight[:0]
        types = index.codes[content[first]] >> index.bits << index.bits | owner[first].astype(np.uint64)
        some = np.bincount(text[size > 0], minlength=len(texts.starts))
        return cls(index, member, text, size, weight, some, types, owner[first], total)

    def at_distance(self, distance: int) -> Reals:
        """The mean similarity of steps so far apart, in each text."""
        both = (self.size[:-distance] > 0) & (self.size[distance:] > 0)
        pairs = np.bincount(self.text[:-distance][both], minlength=len(self.steps))
        step = self._shared[distance]
        alike = self.weight[step] * self.weight[step + distance]
        return ratio(np.bincount(self.text[step], alike, len(self.steps)), pairs)

    @cached_property
    def _shared(self) -> dict[int, Places]:
        """For each distance: once for each word that two steps so far apart share, the first of the two.

        The same word in a step so far on is among as many members that follow, since members are distinct.
        """
        found: dict[int, list[Places]] = {distance: [self.member[:0]] for distance in DISTANCES}
        for more in range(1, min(DISTANCES[-1], len(self.member) - 1) + 1):
            apart = self.member[more:] - self.member[:-more]
            for distance in DISTANCES:
                if distance >= more:
                    found[distance].append(self.member[np.flatnonzero(apart == distance)] & _STEP)
        return {distance: np.concatenate(parts) for distance, parts in found.items()}

    def any_two(self) -> Reals:
        """The mean similarity of any two steps: (|Σ u|² − n) / n(n − 1) with u their vectors, of length 1 each."""
        squares = np.bincount(self.owner, self.total**2, len(self.steps))
        return ratio(np.maximum(squares - self.steps, 0), self.steps * (self.steps - 1))

    def like(self, questions: Buffer) -> Reals:
        """The mean similarity of a text's steps to its question."""
        asked = words(questions)
        own = Index.of(asked.key)
        place = own.places[_content(own)[1]]
        text = questions.text_of(asked.start[place])
        types = np.sort(self.index.code(asked.key[place], text))
        types = types[_changes(types)]
        owner = self.index.low(types)
        size = np.bincount(owner, minlength=len(self.steps))
        at = np.searchsorted(self.types, types)
        hit = np.append(self.types, ~np.uint64(0))[at] == types
        shared = np.bincount(owner[hit], self.total[at[hit]], len(self.steps))
        return ratio(shared, np.sqrt(size) * self.steps)


def _numbers(texts: Buffer, steps: Places) -> tuple[Places, Places]:
    """The number of each step, with gaps between texts, and the text of each number."""
    owner = texts.text_of(steps)
    number = np.arange(len(steps)) + DISTANCES[-1] * owner
    text = np.zeros(len(steps) + DISTANCES[-1] * len(texts.starts), np.int64)
    text[number] = owner
    return number, text


def _content(index: Index) -> tuple[Places, Places]:
    """How often each content word occurs, and where in the index's places all of them are."""
    first = np.flatnonzero(~index.again)
    count = np.diff(np.append(first, len(index.codes)))
    content = np.isin(index.codes[first] >> index.bits, _stops() >> index.bits, invert=True)
    return count[content], np.flatnonzero(np.repeat(content, count))


@cache
def _stops() -> Keys:
    return words(Buffer.of([STOP_WORDS])).key


def _changes(values: Places | Keys) -> Places:
    """Where a value differs from the one before it."""
    return np.flatnonzero(np.append(True, values[1:] != values[:-1])[: len(values)])
