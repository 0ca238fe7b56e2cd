r"""The letter of a multiple-choice answer, also in running text.

    Choice().extract(problem, "The answer is (C), because ...")     # Found(answer="C", how="after the word answer")

Letters are A to J. The words that announce an answer are known in some languages; text of any script may stand
between them and the letter. A response that names several letters and settles on none gives no answer.
"""

import re
from dataclasses import dataclass

from understudy.graders import _reading, _words, score
from understudy.protocols import Found, Verdict
from understudy.registry import entry
from understudy.types import Problem, Score

ANSWER = (
    *("answer", "উত্তর", "उत्तर", "答案", "答え", "正解", "정답", "ответ", "الإجابة", "الجواب", "respuesta", "réponse"),
    *("antwort", "resposta", "risposta", "antwoord", "svar", "odpowiedź", "đáp án", "คำตอบ", "cevap", "jawaban"),
)
"""How languages announce an answer."""
OPTION = (
    *("option", "choice", "alternative", "বিকল্প", "অপশন", "विकल्प", "选项", "選択肢", "보기", "вариант", "opción"),
    *("opção", "opzione", "optie", "lựa chọn", "ตัวเลือก", "şık", "pilihan"),
)
"""How languages call one of the choices."""
RIGHT = ("correct", "right", "সঠিক", "सही", "正确", "correcta", "correcte", "richtig", "верно", "doğru", "benar")

_MARKS = r"[\s:：*_`'\"“”‘’(\[{\\।,，=\-–—)]|\\?(?:text|boxed|mathbf|textbf|mathrm)"
_SIGN = r"(?<![A-Za-z])(?:[AI](?!\s[a-z])|[B-HJ])(?![A-Za-z0-9]|['’][a-z])"
_SMALL = r"\([a-j]\)|(?<![A-Za-z])[a-j](?=[.)*\s]*\Z)"
_WORDS = (
    r"(?i:is|are|was|es|est|è|é|ist|är|es la|would be|should be|must be|therefore|thus|the|to|option|choice|letter)\b"
)
_LINK = rf"(?:{_MARKS}|{_WORDS}|[^\x00-\u024f]){{0,60}}?"
_ABOUT = rf"(?:s|\s+(?:{'|'.join(RIGHT)})|\s+to\s+(?:the|this)\s+(?:question|problem))?"
_ANNOUNCED = re.compile(rf"(?i:{'|'.join(ANSWER)}){_ABOUT}{_LINK}({_SIGN}|{_SMALL})")
_CALLED = re.compile(rf"(?i:{'|'.join(OPTION)}){_LINK}({_SIGN})")
_JUDGED = re.compile(rf"({_SIGN})[^.।\n]{{0,40}}?(?<!in)(?<!not )(?i:{'|'.join(RIGHT)})")
_NAMED = re.compile(rf"(?i:\b(?:{'|'.join(RIGHT)})\s(?:one|letter|statement)){_LINK}({_SIGN})")
_SETTLED = re.compile(
    rf"(?i:\b(?:it is|it's|it must be|must be|has to be"
    rf"|i (?:would )?(?:choose|pick|select|go with)|leaving|leaves(?: us with)?)"
    rf"|选(?!项)){_LINK}({_SIGN})"
)
_BRACKETED = re.compile(rf"\(({_SIGN})\)|\*\*\(?({_SIGN})")
_BARE = re.compile(
    r"\W*(?:(?:text|textbf|mathbf|mathrm)\W+)?([A-Ja-j])(?!\W*(?:is|are|and|or|was|not|nor)\b)(?:\W*|\s?[)\].:}*].*)",
    re.DOTALL,
)


@entry
@dataclass(frozen=True)
class Choice:
    """The letter of the choice that a response settles on, in text of many languages."""

    def extract(self, problem: Problem, response: str) -> Found | None:
        """Boxed or in <answer> tags; after "answer"; alone; the last "option B"; the only one in brackets or bold."""
        return find(response)

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """1 if the letters are the same, 0 if not, null if the reference is none."""
        wanted = _bare((problem.answer or "").strip())
        if wanted is None:
            return Verdict(None, f"the reference {problem.answer!r:.80} is no letter")
        return Verdict(float(answer == wanted), f"{answer} {'is' if answer == wanted else 'is not'} {wanted}")

    def grade(self, problem: Problem, response: str) -> Score:
        """As every grader; see ``compare``."""
        return score(self, problem, response)


def find(text: str) -> Found | None:
    """The letter of a response, in upper case, and where it stood."""
    for read, how in (
        (_marked, "in the last box"),
        (lambda text: _last(_ANNOUNCED, text), "after the word answer"),
        (_bare, "the whole response"),
        (lambda text: _last(_NAMED, text), "called right"),
        (lambda text: _only(_JUDGED, text), "called right"),
        (lambda text: _last(_CALLED, _last_line(text)), "called an option in the last line"),
        (lambda text: _only(_CALLED, text), "the only one called an option"),
        (lambda text: _only(_BRACKETED, text), "the only one in brackets or bold"),
        (lambda text: _bare(_last_line(text)), "the last line"),
        (lambda text: _last(_SETTLED, text), "settled on"),
    ):
        if text.strip() and (letter := read(text[-_reading.LAST :])):
            return Found(letter, how)
    return None


def _marked(text: str) -> str | None:
    box = _reading.boxed(text)
    tagged = _words.find(text) if "<answer>" in text else None
    return _bare(box or "") or (_bare(tagged.answer) if tagged else None)


def _bare(text: str) -> str | None:
    """The letter that a text is, or starts with: "C", "(C)", "C. twelve"."""
    found = _BARE.fullmatch(text.strip())
    return found[1].upper() if found else None


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]


def _letters(pattern: re.Pattern[str], text: str) -> list[str]:
    return [next(filter(None, found.groups())).strip("()").upper() for found in pattern.finditer(text)]


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    letters = _letters(pattern, text)
    return letters[-1] if letters else None


def _only(pattern: re.Pattern[str], text: str) -> str | None:
    letters = set(_letters(pattern, text))
    return letters.pop() if len(letters) == 1 else None
