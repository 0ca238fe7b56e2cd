"""Answers that are a set of texts: how they are read from a response, and by which rules they are compared.

    read("The answer is: ['Leeds United', 'York City'].")      # [("Leeds United", "York City")]
    grade("exact-set", ["York City", "Leeds United"], "Leeds United and York City").value       # 1.0

Reading never looks at the right answers. Where a response does not say whether a comma or an "and" stands between
two answers or inside of one, both readings count. Texts are compared after NFKC and SQuAD's normalisation (arXiv
1606.05250: lower case, no punctuation, no articles, single spaces).
"""

import json
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from understudy.errors import UnknownName, did_you_mean
from understudy.tasks._facts_reading import unescaped
from understudy.types import Score

LONGEST = 300
"""Characters of a response that is an answer as a whole, without any sign of where the answer is."""
MOST = 100_000
"""Characters of a list that are still parsed as JSON."""

RULES: Mapping[str, str] = {
    "exact-set": "the answers that the response gives are the right ones, no more and no fewer",
    "any": "at least one right answer is among the answers that the response gives",
    "contains": "every right answer stands somewhere in the response, whatever else does",
    "f1": "no verdict but a share: F1 between the set of answers given and the set of right ones",
}
ALTERNATIVES: Mapping[str, str] = {
    "exact-set": "the response gives an answer, and only answers that are among the right ones",
    "any": "at least one right answer is among the answers that the response gives",
    "contains": "a right answer stands somewhere in the response, whatever else does",
    "f1": "no verdict but a share: the best F1 over words between the response and a right answer",
}
"""The same rules where the right answers are ways to put one and the same answer."""

_LIST = re.compile(r"\[[^\[\]]*\]?")
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_STATED = re.compile(r"\banswers?(?: is| are)?[ \t]*[:：]|\banswers? (?:is|are)\b", re.IGNORECASE)
_BETWEEN = re.compile(r"[\"'”’][ \t\n]*+,[ \t\n]*+[\"'“‘]")
_SEPARATORS = re.compile(r"\n|;|, and | and |, |,(?=\w)|、|，")
_BULLET = re.compile(r"^\s*(?:[-•*]|\(?[0-9]{1,3}[.)])\s+")
_EDGES = " \t\n\"'“”‘’`*<>()[]{}"
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")

Reading = tuple[str, ...]


class _Punctuation(dict[int, int | None]):
    """Left out: what Unicode or ASCII calls punctuation, and the symbols that SQuAD counts as such."""

    def __missing__(self, code: int) -> int | None:
        out = chr(code) in string.punctuation or unicodedata.category(chr(code)).startswith("P")
        self[code] = None if out else code
        return self[code]


_PUNCTUATION = _Punctuation()


def normal(text: str) -> str:
    """As SQuAD compares texts; a text of nothing but articles and punctuation stays as it is."""
    text = unicodedata.normalize("NFKC", text).casefold()
    short = " ".join(_ARTICLES.sub(" ", text.translate(_PUNCTUATION)).split())
    return short or " ".join(text.split())


def read(response: str) -> list[Reading]:
    """The answers that a response gives: one reading, or two where commas leave it open; none if there is no answer.

    In order: what stands in ``<answer>`` tags; in it, the last list; the last ``\\boxed{}``; what follows the last
    "answer is" or "answer:" on its line; else the response as a whole, if it is short.
    """
    text = response.rpartition("<answer>")[2].partition("</answer>")[0] if "<answer>" in response else response
    lists = _LIST.findall(text)
    if lists:
        return _items(lists[-1].strip("[]").strip(), lists[-1])
    boxed = _BOXED.findall(text)
    *_, stated = (None, *_STATED.finditer(text))
    if boxed:
        text = boxed[-1]
    elif stated and (line := text[stated.end() :].strip(_EDGES + ".").partition("\n")[0]):
        text = line
    return _loose(text) if text.strip() and len(text) <= LONGEST else []


def _items(content: str, written: str) -> list[Reading]:
    """The items of a list: JSON, else quoted, with or without escapes, else between commas."""
    try:
        values = json.loads(written) if len(written) <= MOST else None
        if isinstance(values, list) and all(isinstance(value, str | int | float) for value in values):
            return [tuple(str(value).encode("utf-8", "replace").decode() for value in values)]
    except (ValueError, RecursionError):
        pass
    if content[:1] not in tuple("\"'“‘"):
        return _loose(content) or [()]
    items = _BETWEEN.split(content.strip(" \t\n\"'“”‘’"))
    return [tuple(unescaped(re.sub(r"\\(['\"\\])", r"\1", item)) for item in items)]


def _loose(text: str) -> list[Reading]:
    whole = text.strip(_EDGES + ".")
    parts = tuple(filter(None, (_BULLET.sub("", part).strip(_EDGES + ".") for part in _SEPARATORS.split(text))))
    readings: list[Reading] = [(whole,)] if whole else []
    return readings if len(parts) < 2 or parts == (whole,) else [*readings, parts]


def grade(rule: str, right: Sequence[str], response: str, alternatives: bool = False) -> Score:
    """The verdict of a rule of ``RULES`` (or ``ALTERNATIVES``). Null, if no answer can be read; 0, if it is blank."""
    if rule not in _VALUES:
        raise UnknownName(f"there is no answer rule '{rule}'", did_you_mean(rule, _VALUES))
    if not response.strip():
        return Score("", "answer", 0.0, None, "the response is blank")
    readings = read(response)
    if rule != "contains" and not readings:
        return Score("", "answer", None, None, "the response holds no answer that can be read")
    gold = {normal(text) for text in right}
    sets = [{normal(text) for text in reading} for reading in readings]
    value = _VALUES[rule](gold, sets, normal(response), alternatives)
    shown = json.dumps(readings[-1] if readings else [], ensure_ascii=False)
    return Score("", "answer", float(value), shown, f"{rule}: {RULES[rule]}" if value == 1 else f"not {rule}")


def _exact(gold: set[str], sets: list[set[str]], response: str, alternatives: bool) -> float:
    return float(any(given and given <= gold if alternatives else given == gold for given in sets))


def _any(gold: set[str], sets: list[set[str]], response: str, alternatives: bool) -> float:
    return float(any(given & gold for given in sets))


def _contains(gold: set[str], sets: list[set[str]], response: str, alternatives: bool) -> float:
    held = [f" {text} " in f" {response} " for text in gold]
    return float(any(held) if alternatives else all(held))


def _f1(gold: set[str], sets: list[set[str]], response: str, alternatives: bool) -> float:
    if not alternatives:
        return max((overlap(Counter(given), Counter(gold))[0] for given in sets), default=0.0)
    given_words = [Counter(" ".join(sorted(given)).split()) for given in sets]
    return max((overlap(given, Counter(text.split()))[0] for given in given_words for text in gold), default=0.0)


def overlap(given: Counter[str], gold: Counter[str]) -> tuple[float, float, float]:
    """F1, precision and recall of one bag of texts against another; all 0 if they share nothing."""
    shared = (given & gold).total()
    if not shared:
        return 0.0, 0.0, 0.0
    return 2 * shared / (given.total() + gold.total()), shared / given.total(), shared / gold.total()


_VALUES: Mapping[str, Callable[[set[str], list[set[str]], str, bool], float]] = {
    "exact-set": _exact,
    "any": _any,
    "contains": _contains,
    "f1": _f1,
}
