r"""Compare mathematics: numbers, LaTeX, sets, intervals, matrices, equations, units, percentages.

    Math().grade(Problem(..., answer=r"\frac{1}{2}"), r"So it is \boxed{50\%}.")     # value 1.0

The same text and plain numbers are compared at once; anything else goes to worker processes (``_workers``), which
take answers apart (``_equality``) and compare expressions by math-verify and SymPy (``_algebra``). A pair that takes
longer than ``seconds`` is null, and so is one that cannot be read.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.graders import _reading, made, read
from understudy.graders import number as numbers
from understudy.graders._equality import quick
from understudy.graders._latex import LONGEST, bare, plain
from understudy.graders._numerals import only_number
from understudy.graders._parts import split
from understudy.graders._workers import pool
from understudy.protocols import Found, Verdict
from understudy.registry import entry
from understudy.types import Problem, Score

SHORT = 80
"""Characters of a response that may be the bare answer."""
STATED = "after the word answer"
FEW = 5
"""Words of a response without a number that may be the bare answer."""
SENTENCE, LONG_SENTENCE = 3, 4
"""Words that make a sentence, one less before a full stop; the latter, if it starts with a number."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|had|will|would|can|must|needs?|should)\b")
_COMMAND = re.compile(r"\\[a-zA-Z]{2,}")


@entry
@dataclass(frozen=True)
class Math:
    """Mathematical equality, by math-verify; ``seconds`` a pair, on ``workers`` processes (null: one a core).

    After 20 pairs that took so long, all others that are graded with them get a tenth of it.
    """

    seconds: float = 5.0
    workers: int | None = None

    def extract(self, problem: Problem, response: str) -> Found | None:
        """Boxed, after ####, after "answer is"; else the bare text, the last formula or the last number."""
        return find(response, problem.prompt)

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """1 if both are the same mathematics, 0 if not, null if that cannot be said or takes too long."""
        return self._compare_all([(reference(problem), answer)])[0]

    def grade(self, problem: Problem, response: str) -> Score:
        """As every grader; see ``compare``."""
        return self.grade_all([(problem, response)])[0]

    def grade_all(self, pairs: Sequence[tuple[Problem, str]]) -> list[Score]:
        """As ``grade``, on all workers at once."""
        scores = [read(self, problem, response) for problem, response in pairs]
        answers = {n: found for n, found in enumerate(scores) if isinstance(found, Found)}
        verdicts = self._compare_all([(reference(pairs[n][0]), found.answer) for n, found in answers.items()])
        graded = {
            n: made(found, _fair(reference(pairs[n][0]), found, verdict))
            for (n, found), verdict in zip(answers.items(), verdicts, strict=True)
        }
        return [found if isinstance(found, Score) else graded[n] for n, found in enumerate(scores)]

    def _compare_all(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        found = {pair: _quick(*pair) for pair in dict.fromkeys(pairs)}  # the samples of a problem repeat answers
        hard = [pair for pair, verdict in found.items() if verdict is None]
        if hard:
            workers = pool(self.workers or os.cpu_count() or 1)
            for pair, said in zip(hard, workers.compare(hard, self.seconds), strict=True):
                found[pair] = _verdict(*pair, said)
        return [verdict for pair in pairs if (verdict := found[pair])]


def find(text: str, question: str = "") -> Found | None:
    """The answer that a text gives, as it is written there; or null.

    In order: the last box; in <answer> tags; a JSON field "answer"; after ####; after "answer is", "Answer:", "A:"; a
    short text as it is; the right side of the formula in the last line; an expression like 6√2 there; the last number,
    as the grader ``number`` finds it. Of a sentence in words, it is the number.
    """
    if box := _reading.boxed(text):
        return Found(box, "in the last box")
    if (tagged := _reading.tagged(text)) and tagged != text:
        return find(tagged, question)
    if field := _reading.field(text):
        return Found(bare(field), "in the field answer")
    if hashes := _reading.after_hashes(text):
        return Found(bare(hashes), "after ####")
    stated, last = _reading.stated(text), _reading.formulas(_reading.said(_reading.last_line(text)))
    if stated and not _is_sentence(stated):
        return Found(bare(stated), STATED)
    if len(text.strip()) <= SHORT and "\n" not in text.strip() and not last and not _is_sentence(text):
        return Found(bare(text), "the whole response") if bare(text) else None
    if last and re.search(r"\w", last):
        return Found(bare(_result(last)), "the last formula")
    if stated and not re.search(r"\d", stated):
        return Found(only_number(stated) or bare(stated), STATED)
    if signed := _reading.signed(_reading.last_line(text)):
        return Found(signed, "the last expression")
    if number := numbers.find(text, question):
        return number
    brief = len(text) <= SHORT and len(text.split()) <= FEW
    return Found(bare(text), "the whole response") if brief and bare(text) else None


def _result(formula: str) -> str:
    """The right side of an equation; of several (x = 1, y = 2) all of them."""
    equations = split(formula, ",;")
    return formula if len(equations) > 1 and all("=" in one for one in equations) else formula.rpartition("=")[2]


def _is_sentence(text: str) -> bool:
    """Whether a text is no bare answer but a sentence, in which the answer is a number."""
    start = bare(text).lstrip("$\\*( ")
    most = LONG_SENTENCE if start[:1].isdigit() else SENTENCE - text.rstrip().endswith(".")
    if _COMMAND.search(text):
        return False
    return bool(start[:1].isdigit() and _VERB.search(start)) or len(_WORD.findall(text)) >= most


def _fair(gold: str, found: Found, verdict: Verdict) -> Verdict:
    """Null where a sentence was read in a way that the reference does not fit: as a number, or as words."""
    if verdict.value != 0:
        return verdict
    spoken = (
        found.how == STATED and len(_WORD.findall(found.answer)) >= SENTENCE and not re.search(r"[\d\\]", found.answer)
    )
    numeric = bool(re.search(r"\d|\\(?!text|math)[a-z]", gold))
    if found.how == numbers.CONCLUDED and not numeric:
        return Verdict(None, f"{found.answer} is a number, and {gold:.200} is none")
    if spoken and (numeric or plain(gold).lower() in found.answer.lower()):
        return Verdict(None, f"the sentence {found.answer:.200} may say {gold:.200}")
    return verdict


def reference(problem: Problem) -> str:
    """The reference answer; of a worked solution, what it ends in."""
    text = (problem.answer or "").strip()
    marked = "boxed{" in text or "\\fbox" in text or "####" in text or len(text) > LONGEST or "\nA:" in text
    found = find(text) if marked else None
    return found.answer if found else text.removeprefix("# ")


def _quick(gold: str, answer: str) -> Verdict | None:
    """The verdict that takes no algebra."""
    if max(len(gold), len(answer)) > LONGEST:
        return Verdict(None, f"an answer of {max(len(gold), len(answer)):,} characters is too long to compare")
    same = quick(gold, answer)
    return None if same is None else _verdict(gold, answer, same)


def _verdict(gold: str, answer: str, said: bool | str | None) -> Verdict:
    if isinstance(said, bool):
        return Verdict(float(said), f"{answer} {'is' if said else 'is not'} {gold}")
    return Verdict(None, f"{answer:.200} against {gold:.200} {said or 'cannot be read as mathematics'}")
