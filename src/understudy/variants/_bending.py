"""Bend the answer that a text ends with: plausible wrong answers by rule, and where they go.

    candidates("460", "45 hours at $10 ...", "... 40 times 10 is 400. ...", UNIT + ..., rng)

An answer is bent where the text concludes and nowhere before, so that its body stays as it was.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Literal

from understudy.graders.number import value
from understudy.style.reading import Reading
from understudy.style.stages import SYNTHESIS
from understudy.variants import _text

Way = Literal["unit", "digits", "intermediate", "sign"]
WAYS: tuple[Way, ...] = ("unit", "digits", "intermediate", "sign")
"""How a number is bent: by one in its last place; two neighbouring digits swapped; another result of the text, of like
size and not given by the question; the other sign, where there is a negative number in the text."""
LIKE = 4
"""A number of like size is up to so many times as large or small."""
LATEST = 6
"""So many of the last different results of a text are looked at."""
LONGEST = 25
"""Characters of a number that is bent."""

_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_NUMBER = re.compile(
    r"(?<![\w^.])(?<![0-9],)(?:(?<![\w)\]}])[-−])?"
    r"(?:[0-9]{1,3}(?:(?:,|\{,\}|\\,)[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?![0-9]|[.,][0-9]|/[0-9]|:[0-9])"
)
_OPTION = re.compile(r"(?:^|[\s(])([A-J])[).:]", re.MULTILINE)


def candidates(answer: str, question: str, text: str, ways: Sequence[Way], rng: Random) -> Iterator[str]:
    """Wrong answers that look like this one: other letters for a letter, other numbers for a number, in random order.

    None for an answer of another kind.
    """
    if re.fullmatch("[A-J]", answer):
        known = sorted(set(_OPTION.findall(question))) or list("ABCD")
        yield from rng.sample(others := [letter for letter in known if letter != answer], len(others))
    elif _PLAIN.fullmatch(answer) and len(answer) <= LONGEST:
        for way in rng.sample(ways, len(ways)):
            found = list(dict.fromkeys(n for n in _numbers(way, answer, question, text) if value(n) != value(answer)))
            yield from rng.sample(found, len(found))


def _numbers(way: Way, answer: str, question: str, text: str) -> Iterator[str]:
    """Numbers that are wrong in one way."""
    if way == "unit":
        number = Decimal(answer)
        last = Decimal(1).scaleb(int(number.as_tuple().exponent))
        yield from (f"{number + step:f}" for step in (last, -last) if number < 0 or number + step > 0)
    elif way == "digits":
        for place, (a, b) in enumerate(pairwise(answer)):
            swapped = answer[:place] + b + a + answer[place + 2 :]
            if a.isdigit() and b.isdigit() and not re.match("-?0[0-9]", swapped):
                yield swapped
    elif way == "intermediate":
        given = {value(plain(number)) for number in _NUMBER.findall(question)}
        results = [plain(number) for number in _NUMBER.findall(text) if len(number) <= LONGEST]
        known = (n for n in reversed(results) if value(n) not in given and _alike(Decimal(n), Decimal(answer)))
        yield from list(dict.fromkeys(known))[:LATEST]
    elif way == "sign" and any(number[0] in "-−" for number in _NUMBER.findall(text)):
        yield answer.removeprefix("-") if answer.startswith("-") else f"-{answer}"


def _alike(one: Decimal, other: Decimal) -> bool:
    """Whether both are whole or neither is, and their sizes are alike."""
    small, large = sorted((abs(one), abs(other)))
    return (one % 1 == 0) == (other % 1 == 0) and 0 < large <= LIKE * small


def plain(number: str) -> str:
    """A number without what parts its thousands."""
    return re.sub(r",|\{,\}|\\,", "", number).replace("−", "-")


def bent(text: str, answer: str, wrong: str) -> str:
    """The text with another answer where it concludes: in the steps of its synthesis, or if they do not name the
    answer in the last step that does, of the last third. A text that does not name it there stays as it is."""
    read = Reading.of([text])
    steps = _text.cut(text)
    last = range(2 * len(steps) // 3, len(steps))
    ending = [place for place in last if read.stages[place] == SYNTHESIS]
    if not any(replaced(steps[place], answer, wrong) != steps[place] for place in ending):
        ending = [place for place in last if replaced(steps[place], answer, wrong) != steps[place]][-1:]
    return "".join(replaced(step, answer, wrong) if place in ending else step for place, step in enumerate(steps))


def replaced(text: str, answer: str, wrong: str) -> str:
    """The text with every mention of an answer replaced: of a number however it is written, of other text as it is."""
    if re.fullmatch("[A-J]", answer):
        return re.sub(
            rf"(?P<before>[({{*]|(?i:\b(?:option|choice|answer(?:\s+is)?)[\s:*(]+)|^\s*){answer}(?![A-Za-z'’])(?!\s+[a-z])",
            lambda found: found["before"] + wrong,
            text,
            flags=re.MULTILINE,
        )
    if _PLAIN.fullmatch(answer):
        wanted = value(answer)
        return _NUMBER.sub(lambda found: _like(found[0], wrong) if _same(found[0], wanted) else found[0], text)
    return re.sub(rf"(?<!\w){re.escape(answer)}(?!\w)", lambda _: wrong, text)


def _same(number: str, wanted: Fraction | None) -> bool:
    return len(number) <= LONGEST and value(plain(number)) == wanted


def _like(number: str, wrong: str) -> str:
    """The wrong number written as this one is: with its thousands parted, and no fewer decimals."""
    if not _PLAIN.fullmatch(wrong):
        return wrong
    decimals = max(len(one.partition(".")[2]) for one in (number, wrong))
    written = f"{Decimal(wrong):,.{decimals}f}"
    parted = re.search(r",|\{,\}|\\,", number)
    return written.replace(",", parted[0] if parted else "")
