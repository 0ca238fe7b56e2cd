"""Decontamination: does a trace hold a question that a student will be tested on?

    found = Benchmarks.read([Path("gsm8k_test.jsonl.gz")]).search(Texts.of(frame))

A question of ``n`` words or more (13, as in Brown et al. 2020, arXiv 2005.14165, appendix C) is held by a prompt, a
reasoning or a response that shares runs of ``n`` words with it which cover at least ``overlap`` of its words: so a
question is found with another wording at its ends or a sentence left out, and a stock phrase is not enough. Words are
compared without case, signs and white space. Runs that stand more than ``COMMON`` times in the questions do
not count.

A shorter question must stand in the prompt as a whole, and its signs must be the same too: "x² + 3" is not "x² − 3".
One of a single word is not looked for.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from understudy.curate.ngrams import ngrams
from understudy.curate.texts import SIDES, Texts
from understudy.errors import StudyError
from understudy.style.buffer import Buffer, Flags, Places, Reals
from understudy.style.kernel import kernel
from understudy.style.words import Numbers, Table, words

N, OVERLAP = 13, 0.4
COMMON = 256
"""Questions of one template share their runs: up to so many of each are compared in full."""
BLANK = str.maketrans("", "", " \t\r\n$")
"""White space and the dollars around formulas, which part nothing."""


class Span(NamedTuple):
    """``side`` (prompt, reasoning or response) of a trace from ``start`` to ``end``, in characters."""

    side: str
    start: int
    end: int


@dataclass(frozen=True)
class Held:
    """A question that a trace holds: the file it is from, its text, the share of its words and where they stand."""

    benchmark: str
    question: str
    overlap: float
    spans: tuple[Span, ...]

    @property
    def side(self) -> str:
        """The first side that holds it: the prompt, where it does."""
        return self.spans[0].side


@dataclass(frozen=True)
class _Runs:
    """Runs of words by hash: run i begins at the words ``places[border[i]:border[i + 1]]`` of the questions."""

    table: Table
    places: Places
    border: Places


class Benchmarks:
    """Questions to look for: pairs of the benchmark's name and the question's text.

    Raises ``StudyError`` if ``n`` is less than 2, or ``overlap`` is no share.
    """

    def __init__(self, questions: Sequence[tuple[str, str]], n: int = N, overlap: float = OVERLAP) -> None:
        if n < 2 or not 0 <= overlap <= 1:
            raise StudyError(f"runs of {n} words that cover {overlap:g} of a question say nothing", "take 13 and 0.4")
        self.questions, self.n, self.overlap = questions, n, overlap
        buffer = Buffer.of(text for _, text in questions)
        self._buffer, self._words = buffer, words(buffer)
        self._length = np.diff(self._words.border)
        self._owner = np.repeat(np.arange(len(questions)), self._length)
        self._long = self._runs(n, self._length >= n)
        short = [size for size in np.unique(self._length).tolist() if 1 < size < n]
        self._short = {size: self._runs(size, self._length == size) for size in short}

    @classmethod
    def read(cls, files: Sequence[Path], n: int = N, overlap: float = OVERLAP) -> "Benchmarks":
        """The questions of these files. Raises ``InputError`` if one is missing or a row of it has no question."""
        from understudy.collect import questions

        return cls([(file.name, problem.prompt) for file in files for problem in questions(file)], n, overlap)

    def search(self, texts: Texts) -> list[Held | None]:
        """For each trace the question that is held best: first by its prompt, then its reasoning, then its response."""
        spans: defaultdict[int, list[Span]] = defaultdict(list)
        question, share, text, first, last = self._covered(texts)
        starts = texts.buffer.character(texts.words.start[first]).tolist()
        ends = texts.buffer.character(texts.words.end[last]).tolist()
        for number, *span in zip(text.tolist(), starts, ends, strict=True):
            spans[number].append(Span(SIDES[number % len(SIDES)], *span))
        held = {number: (int(question[number]), float(share[number]), found) for number, found in spans.items()}
        for number, name, *span in self._whole(texts):
            held.setdefault(number, (name, 1.0, [Span(SIDES[0], *span)]))
        return [self._best(held, trace) for trace in range(texts.size)]

    def _best(self, held: dict[int, tuple[int, float, list[Span]]], trace: int) -> Held | None:
        """The sides of one trace together: the question of the first side that holds one."""
        sides = [held[number] for number in range(trace * len(SIDES), (trace + 1) * len(SIDES)) if number in held]
        if not sides:
            return None
        name = sides[0][0]
        spans = tuple(span for question, _, found in sides if question == name for span in found)
        return Held(*self.questions[name], max(share for question, share, _ in sides if question == name), spans)

    def _runs(self, n: int, wanted: Flags) -> _Runs:
        """The runs of ``n`` words of the wanted questions."""
        hashes, border = ngrams(self._words.key, self._words.border, n)
        firsts = self._words.border[:-1]
        places, _ = _within(firsts, firsts + np.diff(border))
        kept = np.repeat(wanted, np.diff(border))
        hashes, places = hashes[kept], places[kept]
        order = np.argsort(hashes, kind="stable")
        keys, times = np.unique(hashes[order], return_counts=True)
        rare = times <= COMMON
        chosen = np.repeat(rare, times)
        return _Runs(Table(keys[rare]), places[order][chosen], np.append(0, np.cumsum(times[rare])))

    def _covered(self, texts: Texts) -> tuple[Places, Reals, Places, Places, Places]:
        """For each text the long question that it covers best and its share; and the text, first and last word of
        each stretch that does."""
        runs, border = self._long, texts.words.border
        hashes, starts = ngrams(texts.words.key, border, self.n)
        found = runs.table.find(hashes)
        hits = np.flatnonzero(found >= 0)
        begins = np.searchsorted(hits, starts)
        place = border[:-1].repeat(np.diff(begins)) + hits - starts[:-1].repeat(np.diff(begins))
        known = (runs.places, runs.border, self._owner, self._length)
        return _covered(found[hits], place, begins, *known, self.n, self.overlap)

    def _whole(self, texts: Texts) -> list[tuple[int, int, int, int]]:
        """Short questions in prompts: the number of the text, of the question, and where it starts and ends."""
        found: list[tuple[int, int, int, int]] = []
        prompts, firsts = texts.side(SIDES[0]), texts.words.border[:-1][:: len(SIDES)]
        place, border = _within(firsts, texts.words.border[1:][:: len(SIDES)])
        keys = texts.words.key[place]
        for size, runs in self._short.items():
            hashes, starts = ngrams(keys, border, size)
            run = runs.table.find(hashes)
            hits = np.flatnonzero(run >= 0)
            trace = np.searchsorted(starts, hits, side="right") - 1
            first = firsts[trace] + hits - starts[trace]
            for text, begin, number in zip(prompts[trace].tolist(), first.tolist(), run[hits].tolist(), strict=True):
                owners = self._owner[runs.places[runs.border[number] : runs.border[number + 1]]].tolist()
                found += self._same(texts, text, begin, begin + size - 1, owners)
        return found

    def _same(
        self, texts: Texts, text: int, first: int, last: int, owners: Sequence[int]
    ) -> list[tuple[int, int, int, int]]:
        """The first of these questions whose signs are the same as those between these words."""
        start, end = texts.words.start[first], texts.words.end[last]
        said = _bare(texts.buffer, start, end)
        for name in owners:
            border = self._words.border
            asked = _bare(self._buffer, self._words.start[border[name]], self._words.end[border[name + 1] - 1])
            if asked == said:
                span = texts.buffer.character(np.array([start, end])).tolist()
                return [(text, name, span[0], span[1])]
        return []


def _within(firsts: Places, ends: Places) -> tuple[Places, Places]:
    """The numbers from each first to its end, one range after another, and where each range begins."""
    border = np.append(0, np.cumsum(ends - firsts))
    return np.arange(border[-1]) + np.repeat(firsts - border[:-1], ends - firsts), border


def _bare(buffer: Buffer, start: int, end: int) -> str:
    """The text between two places without white space and case."""
    return buffer.data[start:end].tobytes().decode("utf-8", "replace").translate(BLANK).lower()


@kernel
def _covered(
    run: Numbers,
    place: Places,
    begins: Places,
    places: Places,
    border: Places,
    owner: Places,
    length: Places,
    n: int,
    overlap: float,
) -> tuple[Places, Reals, Places, Places, Places]:
    """``run`` and ``place``: the runs that were found and the words they begin at, those of text t from
    ``begins[t]`` on; ``places`` and ``border``: where in the questions the runs stand; the rest is of questions."""
    best, share = np.full(len(begins) - 1, -1), np.zeros(len(begins) - 1)
    marked, counted = np.full(len(owner), -1), np.full(len(length), -1)
    count = np.zeros(len(length), np.int64)
    text_of, first, last = np.empty_like(place), np.empty_like(place), np.empty_like(place)
    spans = 0
    for text in range(len(best)):
        for hit in range(begins[text], begins[text + 1]):
            for word in places[border[run[hit]] : border[run[hit] + 1]]:
                name = owner[word]
                if counted[name] != text:
                    counted[name], count[name] = text, 0
                count[name] += _mark(marked, word, n, text)
                found = count[name] / length[name]
                if found > share[text] or (found == share[text] and name < best[text]):
                    best[text], share[text] = name, found
        if best[text] < 0 or share[text] < overlap:
            best[text] = -1
            continue
        begin = spans
        for hit in range(begins[text], begins[text + 1]):
            if not _holds(places[border[run[hit]] : border[run[hit] + 1]], owner, best[text]):
                continue
            if spans > begin and place[hit] <= last[spans - 1] + 1:
                last[spans - 1] = place[hit] + n - 1
            else:
                text_of[spans], first[spans], last[spans] = text, place[hit], place[hit] + n - 1
                spans += 1
    return best, share, text_of[:spans], first[:spans], last[:spans]


@kernel
def _mark(marked: Places, word: int, n: int, text: int) -> int:
    """Mark ``n`` words of a question from ``word`` on as found in a text; how many were not yet."""
    new = 0
    for place in range(word, word + n):
        new += marked[place] != text
        marked[place] = text
    return new


@kernel
def _holds(places: Places, owner: Places, name: int) -> bool:
    """Whether one of these words is of this question."""
    for place in places:  # noqa: SIM110, numba has no generators in any()
        if owner[place] == name:
            return True
    return False
