r"""Efficiency: where the gold answer first appears in a trace, and how much of what follows is reflection.

    found = words(texts)
    steps = Steps.of(texts, found, segment(texts))
    first = first_correct(texts, found, steps, ["540"], questions)
    first.position, first.step              # share of the text's characters up to that step's end; the step's number
    reflection_after(steps, first, reflective)

Nobody judges the steps: an answer counts wherever it is written, also by chance or as a value on the way, so that
positions are early rather than late. What is done about that:

- Numbers are equal as numbers ("1,200", "1{,}200", "$1200", "1200.0"); ``gold`` lists the spellings. What is a part
  of another number is none ("540" in "1,540", "5.540", "540/7", "5:40"), nor is what is grown together with letters
  ("2x", "10th"), an exponent or index, a part of a ``\frac``, or the number of a list's item, a step or a case.
- Another gold answer counts where it is spelled the same, but for case, white space and ``\text{}``.
- If the question holds the gold answer too, restating it is no answer: then it counts only as a result, that is
  right after ``=``, ``≈`` or ``#``, or up to three words after "answer" or "boxed" in the same step. The same goes
  for a single letter, yes, no, true and false. If the question itself has it as a result, nobody can tell: null.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from understudy.style.buffer import BLANK, DIGIT, LOWER, Buffer, Bytes, Flags, Places, Reals, table
from understudy.style.diversity import ratio
from understudy.style.episodes import Steps
from understudy.style.gold import Gold, gold
from understudy.style.kernel import gathered, kernel
from understudy.style.words import Numbers, Table, Words, words

ZEROS = 8
"""So many zeros may follow a number's decimals."""
_DIGIT = b"0123456789"
_LETTER = bytes(range(65, 91)) + bytes(range(97, 123))
_THREE = (_DIGIT, _DIGIT, _DIGIT, bytes(set(range(256)) - set(_DIGIT)))
_Pattern = tuple[int, list[Flags]]


def _pattern(offset: int, *sets: bytes) -> _Pattern:
    """Bytes from so far off a place: one set of them for each."""
    return offset, [table(members) for members in sets]


_PART = (
    *(_pattern(-1, _DIGIT + _LETTER + b"^_."), _pattern(-2, b"^_}c", b"{"), _pattern(-2, _DIGIT, b":/")),
    *(
        _pattern(-2, _DIGIT, b",", *_THREE),
        _pattern(-2, b",", b"}", *_THREE),
        _pattern(-3, _DIGIT, b"\\", b",", *_THREE),
    ),
)
"""What makes a number, before its first byte, a part of something else."""
_GOES_ON = (
    *(_pattern(0, _DIGIT), _pattern(0, b".:/", _DIGIT), _pattern(0, b",", *_THREE)),
    *(_pattern(0, b"{", b",", b"}", *_THREE), _pattern(0, b"\\", b",", *_THREE)),
)
"""What does so after its end."""
_ZERO, _CLOSES, _EQUAL, _SKIPPED = (table(members) for members in (b"0", b".)", b"=#", b" $*({[\\"))
_TERM = table(_DIGIT + _LETTER + b")]}%" + bytes(range(0x80, 0xFF)))
_LABELS, _ANNOUNCING = "step case part", "answer boxed"


@dataclass(frozen=True)
class First:
    """Where the gold answer of each text first appears: the number of the step (-1: nowhere), and the share of the
    text's characters up to that step's end (NaN: nowhere)."""

    step: Places
    position: Reals


def first_correct(texts: Buffer, found: Words, steps: Steps, golds: Sequence[str | None], questions: Buffer) -> First:
    """``golds``, ``questions``: of each text, null or empty if unknown."""
    answers = [gold(answer) for answer in golds]
    asked = words(questions)
    whole = Steps.of(questions, asked, questions.starts[questions.ends > questions.starts])
    owner, _, result = _appearances(questions, asked, whole, answers)
    weak, told = np.array([answer.weak for answer in answers], np.bool_), np.zeros(len(answers), np.bool_)
    weak[owner], told[owner[result]] = True, True
    owner, start, result = _appearances(texts, found, steps, answers)
    counts = (result | ~weak[owner]) & ~told[owner]
    place = np.full(len(answers), len(texts.data))
    np.minimum.at(place, owner[counts], start[counts])
    step = np.where(place < len(texts.data), np.searchsorted(steps.start, place, side="right") - 1, -1)
    position = ratio(texts.character(np.append(steps.end, 0)[step]), texts.character(texts.ends))
    return First(step, np.where(step < 0, np.nan, position))


def reflection_after(steps: Steps, first: First, reflective: Flags) -> Reals:
    """The share of ``reflective`` steps among those after the first correct one; NaN without one or without any."""
    last = steps.border[1:]
    through = np.append(0, np.cumsum(reflective))
    after = np.where(first.step < 0, last, first.step + 1)
    return ratio(through[last] - through[after], last - after)


def _appearances(texts: Buffer, found: Words, steps: Steps, answers: list[Gold]) -> tuple[Places, Places, Flags]:
    """Where answers appear in their texts: the text, the first byte, and whether it stands there as a result."""
    spelled = [(text, form, answer) for text, answer in enumerate(answers) for form in answer.forms]
    owner = np.array([text for text, _, _ in spelled], np.int64)
    forms = Buffer.of([form for _, form, _ in spelled])
    form, word, start = _alike(texts, found, forms, owner)
    end = start + (forms.ends - forms.starts)[form]
    since = word - steps.first[np.searchsorted(steps.start, start, side="right") - 1]
    number = np.array([answer.number for _, _, answer in spelled], np.bool_)[form]
    negative = np.array([answer.negative for _, _, answer in spelled], np.bool_)[form]
    decimal = np.array(["." in form for _, form, _ in spelled], np.bool_)[form]
    fraction = np.array([form[-1:] == "}" or "/" in form for _, form, _ in spelled], np.bool_)[form]
    end = np.where(number & ~fraction, _after_zeros(texts.data, end, decimal), end)
    alone = ~_any(texts.data, start, _PART) & ~_any(texts.data, end, _GOES_ON)
    alone &= (_negative(texts.data, start) == negative) & ~_is_label(texts.data, found, word, since, end)
    kept = (alone | ~number) & ~_inside(found, end)  # a form starts with a word's start or between words
    return owner[form[kept]], start[kept], _is_result(texts.data, found, word, since, start)[kept]


def _alike(texts: Buffer, found: Words, forms: Buffer, owner: Places) -> tuple[Places, Places, Places]:
    """Where forms stand in their texts, but for case: the form, the number of its first word, its first byte."""
    inner = words(forms)
    some = np.flatnonzero(np.diff(inner.border))
    first = inner.border[some]
    types = Table(found.keys).find(inner.keys)[inner.type[first]]
    forms = Buffer(forms.data, forms.starts[some], forms.ends[some])
    before, owners = inner.start[first] - forms.starts, np.searchsorted(owner[some], np.arange(len(texts.starts) + 1))
    ours = texts.data, texts.starts, texts.ends, found.type, found.start, found.border
    theirs = forms.data, forms.starts, forms.ends, types, before, owners
    head, others = np.full(len(found.keys), -1), np.full(len(types), -1)
    form, word, start = np.ascontiguousarray(gathered(_hits, *ours, *theirs, head, others, room=64 * len(some)).T)
    return some[form], word, start


def _any(data: Bytes, places: Places, patterns: Sequence[_Pattern]) -> Flags:
    """Whether the bytes around each place are of one of the patterns."""
    found = np.zeros(len(places), np.bool_)
    for offset, sets in patterns:
        some = np.flatnonzero(sets[0][data[places + offset]])
        for n, members in enumerate(sets[1:], offset + 1):
            some = some[members[data[places[some] + n]]]
        found[some] = True
    return found


def _after_zeros(data: Bytes, end: Places, decimal: Flags) -> Places:
    """Where a number ends with the zeros that follow its decimals; a whole one may have zeros for decimals."""
    point = ~decimal & (data[end] == ord(".")) & (data[end + 1] == ord("0"))
    after = end + point
    for _ in range(ZEROS):
        after = after + ((decimal | point) & _ZERO[data[after]])
    return np.where(point & DIGIT[data[after]], end, after)


def _negative(data: Bytes, start: Places) -> Flags:
    """Whether a minus sign stands before each number that is no operator, which follows what a term may end with."""
    at = start - 1
    at = at - (data[at] == ord("$"))
    at = at - (data[at] == ord("\\"))
    wide = (data[at] == 0x92) & (data[at - 1] == 0x88) & (data[at - 2] == 0xE2)
    term = _TERM[data[at - 1 - 2 * wide]]
    result: Flags = ((data[at] == ord("-")) | wide) & ~term
    return result


def _inside(found: Words, place: Places) -> Flags:
    """Whether each place lies within a word."""
    before = np.searchsorted(found.start, place) - 1
    result: Flags = (before >= 0) & (found.end[before] > place)
    return result


def _is_label(data: Bytes, found: Words, word: Places, since: Places, end: Places) -> Flags:
    """Whether each number counts a list's items, at the start of a step, or steps or cases."""
    item = (since == 0) & _CLOSES[data[end]] & BLANK[data[end + 1]]
    label = (since > 0) & _is_one_of(found, word - 1, _LABELS) & (data[found.end[word - 1]] == ord(" "))
    result: Flags = item | label
    return result


def _is_result(data: Bytes, found: Words, word: Places, since: Places, start: Places) -> Flags:
    """Whether each answer is announced as one; ``since`` says how many words of its step stand before it."""
    at = start - 1
    for _ in range(6):
        at = at - _SKIPPED[data[at]]
    equal = (data[at] == 0x88) & (data[at - 1] == 0x89) & (data[at - 2] == 0xE2)
    said = [(since >= back) & _is_one_of(found, np.maximum(word - back, 0), _ANNOUNCING) for back in (1, 2, 3)]
    result: Flags = equal | _EQUAL[data[at]] | np.logical_or.reduce(said)
    return result


def _is_one_of(found: Words, word: Places, names: str) -> Flags:
    """Whether each word is one of these names."""
    result: Flags = _table(names).find(found.keys[found.type[word]]) >= 0
    return result


@cache
def _table(names: str) -> Table:
    return Table(words(Buffer.of([names])).keys)


@kernel
def _hits(
    data: Bytes,
    starts: Places,
    ends: Places,
    words: Numbers,
    start: Places,
    border: Places,
    forms: Bytes,
    begins: Places,
    stops: Places,
    types: Numbers,
    before: Places,
    owners: Places,
    head: Places,
    others: Places,
    hits: Places,
) -> int:
    """Write down the hits: form, word, first byte. The forms of text t are those from ``owners[t]`` to
    ``owners[t + 1]``; the first word of each is of the type ``types`` and follows ``before`` bytes of other signs.

    While a text is read, ``head`` is the last form that starts with each type, and ``others`` the one before it.
    """
    count = 0
    for text in range(len(starts)):
        for form in range(owners[text], owners[text + 1]):
            if types[form] >= 0:
                others[form], head[types[form]] = head[types[form]], form
        for word in range(border[text], border[text + 1]) if owners[text] < owners[text + 1] else range(0):
            form = head[words[word]]
            while form >= 0:
                at, size = start[word] - before[form], stops[form] - begins[form]
                inside = starts[text] <= at and at + size <= ends[text]
                if inside and _alike_from(data, at, forms, begins[form], size):
                    if count < len(hits):
                        hits[count, 0], hits[count, 1], hits[count, 2] = form, word, at
                    count += 1
                form = others[form]
        for form in range(owners[text], owners[text + 1]):
            if types[form] >= 0:
                head[types[form]] = -1
    return count


@kernel
def _alike_from(data: Bytes, at: int, forms: Bytes, begin: int, size: int) -> bool:
    """Whether the same bytes stand in both places, but for case."""
    alike = 0
    while alike < size and LOWER[data[at + alike]] == LOWER[forms[begin + alike]]:
        alike += 1
    return alike == size
