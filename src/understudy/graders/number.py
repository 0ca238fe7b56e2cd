r"""Compare the number that a response gives with the reference number, exactly.

    extract(r"He pays \(\boxed{\$1{,}234.50}\).")     # "1234.50"
    value("3/4") == value("0.75")                     # both Fraction(3, 4)

Reading the answer is separate from comparing it, and never looks at the reference. Currency signs, percent
signs and units are not compared: the question fixes them. A time of day counts in hours: 5:30 is 11/2. Powers
and roots are not computed.

An answer that is a sentence ("he pays $60 for 4 liters") is not read as its last number. Models that reason
at length box their answers and others tend to end in a sentence, so that rule would mistake a style for wrong
answers: on 582 questions of GSM8K it takes 8 points off GPT-4o's accuracy and hardly any off DeepSeek-R1's.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from understudy.graders import score
from understudy.protocols import Found, Verdict
from understudy.registry import entry
from understudy.types import Problem, Score

CONCLUDED = "in the last sentence with a number"
LONGEST = 300
"""Characters of a number that is still read; a longer one is no answer."""
MOST = 50
"""Numbers of one sentence that are looked at, from its end."""

_WHOLE = r"(?:[0-9]{1,3}(?:,[0-9]{3})++(?![0-9])|[0-9]++)"
_PLAIN = rf"(?:{_WHOLE}(?:\.[0-9]++)?|(?<![\w.])\.[0-9]++)"
_CLOCK = r"[0-9]{1,2}:[0-5][0-9](?![0-9:])"
_MIXED = r"[0-9]++ [0-9]++/[0-9]++"
_UNSIGNED = rf"(?<![\w^])(?<![0-9]\.)(?>{_CLOCK}|{_MIXED}|{_PLAIN}/{_PLAIN}|{_PLAIN})"
_SIGN = r"(?<![\w)\]}%$£€])(?:-[$£€]?|[$£€]-)"
_SIGNED = rf"(?P<sign>{_SIGN})?(?P<number>{_UNSIGNED})"
_OPENING = r"""[\s:=*~≈(\[{"'“”\\]*+[$£€]{0,2}"""

_NUMBER = re.compile(_SIGNED)
_HASHES = re.compile(rf"####[ \t]*+[*]*+[$£€]{{0,2}}{_SIGNED}(?![.):]\s+\w)")  # "#### 2. Add" is a heading
_STATED = re.compile(
    rf"(?:(?<!wrong )(?<!incorrect )(?<!different )\b(?:[Aa]nswer|ANSWER)[\s:*\"]*+(?:is\b)?|^[*]*+A:)"
    rf"{_OPENING}(?={_SIGNED})",
    re.MULTILINE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")
_RESULT = re.compile(
    r"[=≈]|, (?:he|she|it|they|this)\b|\b(?:answer|therefore|thus|hence|so|is|equals?|gives?|leaves|leaving"
    r"|to get|making|total of|totals?|results in)\b",
    re.IGNORECASE,
)
_PLAINER = (
    (re.compile(r"(?<=[0-9])\\(?=[cdt]?frac)"), r" \\"),
    (re.compile(r"\\[cdt]?frac\s?\{([0-9.,]{1,40})\}\s?\{([0-9.,]{1,40})\}"), r"\1/\2"),
    (re.compile(r"(?<=[0-9,])(?:\\[,!;]|[\u00a0\u2009\u202f])(?=[0-9]{3})"), ""),
    (re.compile(r"\^\{[^{}]{0,20}\}"), ""),
)


@entry
@dataclass(frozen=True)
class Number:
    """The last boxed number, else after ``####``, "answer is" or "A:", else from the last sentence."""

    def extract(self, problem: Problem, response: str) -> Found | None:
        """The number, as ``find`` reads it: the question tells which numbers are restated."""
        return find(response, problem.prompt)

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """1 if the numbers are equal, 0 if not, null if the reference holds none."""
        reference = extract(problem.answer or "")
        wanted = None if reference is None else value(reference)
        if wanted is None:
            return Verdict(None, f"the reference {problem.answer!r:.80} holds no number")
        given = value(answer)
        if given is None:
            return Verdict(None, f"{answer!r:.80} is no number")
        return Verdict(float(given == wanted), f"{answer} {'is' if given == wanted else 'is not'} {reference}")

    def grade(self, problem: Problem, response: str) -> Score:
        """1 if the numbers are equal, 0 if not or if the response is blank, null if either cannot be read."""
        return score(self, problem, response)


def extract(text: str, question: str = "") -> str | None:
    """The number that a text gives as its answer, like ``-1234.5``, ``3/4``, ``2 1/2`` or ``5:30``; or null.

    In order: the last ``\\boxed{}``; ``#### 18``; after "answer is", "Answer:" or a line's "A:"; the last
    sentence that holds a number. Of a sentence it is the first number after the last word that announces a
    result ("so", "gives", "="), else the last number; and rather one that the ``question`` does not hold,
    since those are restated.
    """
    found = find(text, question)
    return found.answer if found else None


def find(text: str, question: str = "") -> Found | None:
    """As ``extract``, with the place in the text."""
    text = _plainer(text)
    places: tuple[tuple[str, Callable[[], str | None]], ...] = (
        ("in the last box", lambda: _in_box(text)),
        ("after ####", lambda: _last(_HASHES.finditer(text))),
        ("after the word answer", lambda: _stated(text, question)),
        (CONCLUDED, lambda: _concluded(text, question)),
    )
    found = ((read(), how) for how, read in places)
    return next((Found(number, how) for number, how in found if number), None)


def value(number: str) -> Fraction | None:
    """The exact value of a number as ``extract`` writes it; null for other text and for a division by 0."""
    found = _NUMBER.fullmatch(number)
    if not found or len(number) > LONGEST:
        return None
    parts = [Fraction(part) for part in re.split("[ /:]", found["number"].replace(",", ""))]
    try:
        size = _size(number, parts)
    except ZeroDivisionError:
        return None
    return -size if found["sign"] else size


def _size(number: str, parts: list[Fraction]) -> Fraction:
    if ":" in number:
        return parts[0] + parts[1] / 60
    if " " in number:
        return parts[0] + parts[1] / parts[2]
    return parts[0] / parts[1] if "/" in number else parts[0]


def _plainer(text: str) -> str:
    """LaTeX and typographic ways to write a number, made plain."""
    for written, plain in (("−", "-"), ("－", "-"), ("{,}", ","), ("\\$", "$"), ("\\%", "%")):
        text = text.replace(written, plain)
    for pattern, plain in _PLAINER:
        text = pattern.sub(plain, text)
    return text


def _in_box(text: str) -> str | None:
    r"""The number in the last \boxed{}: the first one after the last equals sign."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    start += len("\\boxed{")
    depth = 1
    for brace in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            content = text[start : brace.start()]
            return _first(content.rpartition("=")[2]) or _first(content)
    return None


def _stated(text: str, question: str) -> str | None:
    *_, found = (None, *_STATED.finditer(text))
    if found is None:
        return None
    sentence = _SENTENCE_END.split(text[found.end() :], maxsplit=1)[0]
    return _chosen(f"= {sentence}", question)  # all of it is a result


def _concluded(text: str, question: str) -> str | None:
    sentences = reversed(_SENTENCE_END.split(text))
    return next(filter(None, (_chosen(sentence, question) for sentence in sentences)), None)


def _chosen(sentence: str, question: str) -> str | None:
    numbers = _numbers(sentence)
    if len(numbers) < 2:
        return numbers[0] if numbers else None
    results = next(filter(None, map(_numbers, reversed(_RESULT.split(sentence)[1:]))), [])
    asked = {value(number) for number in _numbers(_plainer(question))}
    own = [number for number in results or numbers if value(number) not in asked]
    return (own or results or numbers)[0 if results else -1]


def _numbers(text: str) -> list[str]:
    found = list(_NUMBER.finditer(text))[-MOST:]
    return [number for number in map(_written, found) if number]


def _first(text: str) -> str | None:
    found = _NUMBER.search(text)
    return _written(found) if found else None


def _last(matches: Iterable[re.Match[str]]) -> str | None:
    *_, found = (None, *matches)
    return _written(found) if found else None


def _written(found: re.Match[str]) -> str | None:
    number = ("-" if found["sign"] else "") + found["number"].replace(",", "")
    return number if len(number) <= LONGEST else None
