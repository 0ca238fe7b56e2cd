"""Several right answers: a list in the response against a list in the reference.

    Set(need="any").compare(Problem(..., answer='["Rome", "Oslo"]'), "Oslo and Bern")     # Verdict(value=1.0, ...)

The reference is a JSON list, or items between commas, semicolons or line breaks.
"""

import re
from dataclasses import dataclass
from typing import Literal

from understudy.graders import _words, score
from understudy.protocols import Found, Verdict
from understudy.registry import entry
from understudy.types import Problem, Score

_BETWEEN = re.compile(r"\s*[,;\n]\s*(?:and\b|or\b|&)?\s*|\s+(?:and|or|&)\s+")
_BULLET = re.compile(r"^\s*(?:[-*•]|[0-9]{1,3}[.)])\s+", re.MULTILINE)
_BRACKETS = re.compile(r"^\s*\\?[\[{(]|\\?[\]})]\s*$")


@entry
@dataclass(frozen=True)
class Set:
    """Right if the answer names ``any``, ``all`` or ``exactly`` the reference answers, in any order.

    ``any``: at least one of them. ``all``: each of them, whatever else. ``exactly``: each of them and nothing else.
    Items are compared in the normal form of SQuAD.
    """

    need: Literal["any", "all", "exactly"] = "exactly"

    def extract(self, problem: Problem, response: str) -> Found | None:
        """In <answer> tags, boxed, after ####, after "answer is"; else the whole response."""
        return _words.find(response)

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """1 or 0; the explanation counts the right answers that are named, and the others."""
        wanted, given = items(problem.answer or ""), items(answer)
        if not wanted:
            return Verdict(None, f"the reference {problem.answer!r:.80} names nothing")
        named, extra = wanted & given, given - wanted
        right = {"any": bool(named), "all": named == wanted, "exactly": given == wanted}[self.need]
        return Verdict(float(right), f"names {len(named)} of {len(wanted)} right answers and {len(extra)} others")

    def grade(self, problem: Problem, response: str) -> Score:
        """As every grader; see ``compare``."""
        return score(self, problem, response)


def items(text: str) -> frozenset[str]:
    """The items of a list in normal form."""
    listed = _words.references(Problem("", "", "", text, "test"))
    if len(listed) == 1:
        listed = _BETWEEN.split(_BULLET.sub("", _BRACKETS.sub("", listed[0])))
    return frozenset(filter(None, map(_words.normal, listed)))
