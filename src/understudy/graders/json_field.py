r"""A named field of an answer in JSON, also of JSON that is cut off, unfenced or has LaTeX in it.

    read('{"reasoning": "half", "answer": "\\frac{1}{2}"}', "answer")     # r"\frac{1}{2}"

Models that were told to answer in JSON write LaTeX with single backslashes, forget the fence or run out of tokens, so
the field is read where it stands and the rest need not be valid. A backslash before a name of two letters or more is
LaTeX: a strict parser makes a form feed of the first letter of ``\frac``.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from understudy.graders import score
from understudy.protocols import Found, Grader, Verdict
from understudy.registry import Piece, build, entry
from understudy.types import Problem, Score

_TEXT = re.compile(r'"((?:[^"\\]|\\.)*+)"(?=\s*(?:[,}\]]|$|`))', re.DOTALL)
_LOOSE = re.compile(r'"([^"\n]*)"')
_PLAIN = re.compile(r"-?[0-9][0-9_,.eE+\-/]*|true|false|[A-Za-z\\$][^,\n}\"]*")
_ESCAPED = re.compile(r'\\(?:(["/])|(\\)|([nrtbf])(?![a-zA-Z])|u([0-9a-fA-F]{4}))')
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "", "f": ""}


@entry
@dataclass(frozen=True)
class JsonField:
    """The field ``field`` of a JSON answer, compared by another grader: ``by`` is its name, or it with parameters."""

    field: str = "answer"
    by: str | dict[str, Any] = "math"
    root: Path = Path()

    def extract(self, problem: Problem, response: str) -> Found | None:
        """The value of the last field of that name; null if there is none, or if it was cut off."""
        value = read(response, self.field)
        if value is None or not value.strip():
            return None
        inner = self._grader().extract(problem, value)
        return Found(inner.answer if inner else value, f"in the field {self.field!r}")

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """As the grader ``by`` compares. A reference that is JSON with that field is its value."""
        value = read(problem.answer or "", self.field)
        return self._grader().compare(problem if value is None else replace(problem, answer=value), answer)

    def grade(self, problem: Problem, response: str) -> Score:
        """As every grader; see ``extract`` and ``compare``."""
        return score(self, problem, response)

    def _grader(self) -> Grader:
        return cast(Grader, build("graders", Piece.parse(self.by), root=self.root))


def read(text: str, field: str) -> str | None:
    """The value of the last field of that name as text; null if there is none, if it is null, or if it was cut off."""
    *_, key = (None, *re.finditer(rf"""["']?{re.escape(field)}["']\s*:\s*""", text))
    if key is None:
        return None
    start = key.end()
    if text.startswith('"', start):
        found = _TEXT.match(text, start) or _LOOSE.match(text, start)
        return _unescaped(found[1]) if found else None
    if text.startswith(("[", "{"), start):
        return _balanced(text, start)
    found = _PLAIN.match(text, start)
    value = found[0].strip().rstrip(",") if found else None
    return None if value in (None, "null", "None") else value


def _balanced(text: str, start: int) -> str | None:
    """A list or an object; null if it does not end."""
    depth = 0
    for bracket in re.compile(r"[\[\]{}]").finditer(text, start):
        depth += 1 if bracket[0] in "[{" else -1
        if depth == 0:
            return text[start : bracket.end()]
    return None


def _unescaped(text: str) -> str:
    """JSON's escapes undone, but a backslash before a word is left: it is LaTeX."""

    def plain(found: re.Match[str]) -> str:
        quote, backslash, control, code = found.groups()
        if control:
            return _CONTROLS[control]
        return chr(int(code, 16)) if code else quote or backslash

    return _ESCAPED.sub(plain, text)
