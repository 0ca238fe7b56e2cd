r"""Coherence, diversity and efficiency once more, written plainly: one text at a time, with ``re`` and sets.

    python -c "from benchmarks.plain.cohesion import mtld; print(mtld('the cat saw the dog and the dog saw the cat'))"

They take a text, or its steps (pieces that make up the text). ``understudy.style`` computes the same on many texts
at once; tests hold the two to the same results. Null is None.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction

from understudy.style.coherence import STOP_WORDS
from understudy.style.gold import gold

WIDE = r"\u0964\u0965\u2000-\u2bff\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
LETTER = rf"[^\x00-/:-@\[-`{{-\xbf×÷{WIDE}]"
WORD = re.compile(f"{LETTER}+")
LOWER = {letter: letter + 32 for letter in range(ord("A"), ord("Z") + 1)}
STOPS = frozenset(STOP_WORDS.split())

INTEGER = r"(?:[1-9][0-9]{0,2}(?:(?P<mark>,|\{,\}|\\,)[0-9]{3})(?:(?P=mark)[0-9]{3})*|0|[1-9][0-9]*)"
DECIMAL = rf"{INTEGER}(?:\.[0-9]*[1-9]0{{0,8}}|\.0{{1,8}})?|\.[0-9]*[1-9]0?"
FRACTION = r"[0-9]+/[0-9]+|\\[dt]?(?i:frac)\{[0-9]+\}\{[0-9]+\}"
THREE = "[0-9]{3}(?![0-9])"
STARTS = rf"(?<![0-9A-Za-z^_.])(?<![\^_}}c]\{{)(?<![0-9][:/])(?!(?:(?<=[0-9],)|(?<=,\}})|(?<=[0-9]\\,)){THREE})"
ENDS = rf"(?![0-9]|[.:/][0-9]|(?:,|\{{,\}}|\\,){THREE})(?!(?<=[0-9]){LETTER})"
MINUS = r"(?<![0-9A-Za-z)\]}%\x80-\U0010ffff])[-−]\\?\$?"
NUMBER = re.compile(f"(?P<minus>{MINUS})?(?P<number>{STARTS}(?!(?<={LETTER})[0-9])(?:{FRACTION}|{DECIMAL})){ENDS}")
RESULT = re.compile(r"[=#≈][ $*({\[\\]{0,6}\Z")


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return WORD.findall(text.translate(LOWER))


def similarity(a: set[str], b: set[str]) -> float:
    """The cosine of two sets."""
    return len(a & b) / math.sqrt(len(a) * len(b))


def mean(values: Iterable[float]) -> float | None:
    """The mean, null of nothing."""
    known = list(values)
    return math.fsum(known) / len(known) if known else None


def content(text: str) -> set[str]:
    """The content words of a text."""
    return set(words(text)) - STOPS


def coherence(steps: list[str], question: str, other: str) -> dict[str, float | None]:
    """The measures of ``understudy.style.coherence``."""
    sets = [content(step) for step in steps]
    means = [at_distance(sets, distance) for distance in (1, 2, 4, 8)]
    return {
        "adjacent": means[0],
        "null": any_two(sets),
        "decay": falls(*means),
        "question": like(sets, question),
        "question_null": like(sets, other),
    }


def at_distance(sets: list[set[str]], distance: int) -> float | None:
    """The mean similarity of steps so far apart."""
    return mean(similarity(a, b) for a, b in zip(sets, sets[distance:], strict=False) if a and b)


def falls(one: float | None, two: float | None, four: float | None, eight: float | None) -> float | None:
    """How much less similar steps are at twice the distance: the slope of the means on its logarithm, negated."""
    if one is None or two is None or four is None or eight is None:
        return None
    return (3 * one + two - four - 3 * eight) / 10


def any_two(sets: list[set[str]]) -> float | None:
    """The mean similarity of any two steps, from the sum of their vectors."""
    some = [each for each in sets if each]
    total = defaultdict[str, float](float)
    for each in some:
        for word in each:
            total[word] += 1 / math.sqrt(len(each))
    pairs = len(some) * (len(some) - 1)
    return (math.fsum(value**2 for value in total.values()) - len(some)) / pairs if pairs else None


def like(sets: list[set[str]], question: str) -> float | None:
    """The mean similarity of steps to a question."""
    asked = content(question)
    return mean(similarity(each, asked) for each in sets if each) if asked else None


def mtld(text: str) -> float | None:
    """The measure of textual lexical diversity."""
    every = words(text)
    forward, backward = factors(every), factors(every[::-1])
    return (len(every) / forward + len(every) / backward) / 2 if forward and backward else None


def factors(every: list[str]) -> float:
    """How many stretches in a row reach a type-token ratio of .72, with a part for the last."""
    count, length, types = 0.0, 0, set[str]()
    for word in every:
        types.add(word)
        length += 1
        if 25 * len(types) <= 18 * length:
            count, length, types = count + 1, 0, set()
    return count + (1 - len(types) / length) / (1 - 0.72) if length else count


def repetition(text: str) -> float | None:
    """The share of words in stretches of eight that were said before."""
    every = words(text)
    seen, repeated = set[tuple[str, ...]](), set[int]()
    for place in range(len(every) - 7):
        gram = tuple(every[place : place + 8])
        if gram in seen:
            repeated.update(range(place, place + 8))
        seen.add(gram)
    return len(repeated) / len(every) if every else None


def first_correct(steps: list[str], answer: str | None, question: str) -> tuple[int | None, float | None]:
    """The step in which the reference answer first appears, and the share of characters up to its end."""
    asked = list(appearances([question], answer))
    if any(result for _, result in asked):
        return None, None
    weak = bool(asked) or gold(answer).weak
    for number, result in appearances(steps, answer):
        if result or not weak:
            return number, sum(map(len, steps[: number + 1])) / sum(map(len, steps))
    return None, None


def appearances(steps: list[str], answer: str | None) -> Iterator[tuple[int, bool]]:
    """The steps in which the answer appears, in order, and whether it is announced as a result there."""
    text, number, start = "".join(steps), 0, 0
    for place, end in numbers(text, answer) if gold(answer).number else spellings(text, answer):
        while place >= start + len(steps[number]):
            start, number = start + len(steps[number]), number + 1
        before = words(text[start:place])
        if gold(answer).number and labels(text[start:place], before, text[end : end + 2]):
            continue
        announced = {"answer", "boxed"} & set(before[-3:])
        yield number, bool(announced or RESULT.search(text[max(0, place - 7) : place]))


def labels(before: str, said: list[str], after: str) -> bool:
    """Whether a number counts items, steps or cases."""
    if not said:
        return len(after) == 2 and after[0] in ".)" and after[1] in " \t"
    return said[-1] in ("step", "case", "part") and bool(re.search(rf"{LETTER} (?!.*{LETTER})", before, re.DOTALL))


def numbers(text: str, answer: str | None) -> Iterator[tuple[int, int]]:
    """Where a text has the number that the reference answer is."""
    wanted = gold(answer)
    exact = Fraction(wanted.forms[0])
    for found in NUMBER.finditer(text):
        written = found["number"]
        if "/" in written or "}" in written[-1:]:
            above, below = re.findall("[0-9]+", written)
            same = exact.denominator > 1 and (above, below) == tuple(map(str, exact.as_integer_ratio()))
        else:
            same = Fraction(re.sub(r"[{},\\]", "", written)) == exact
        if same and bool(found["minus"]) == wanted.negative:
            yield found.start("number"), found.end("number")


def spellings(text: str, answer: str | None) -> Iterator[tuple[int, int]]:
    """Where a text has a reference answer that is no number."""
    forms = [form for form in gold(answer).forms if WORD.search(form)]
    found = {match.span(1) for form in forms for match in re.finditer(f"(?=({re.escape(form)}))", text, re.I | re.A)}
    for start, end in sorted(found):
        if not (within(text, start) or within(text, end)):
            yield start, end


def within(text: str, place: int) -> bool:
    """Whether a place lies within a word."""
    return bool(0 < place < len(text) and WORD.fullmatch(text, place - 1, place + 1))
