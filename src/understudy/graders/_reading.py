r"""Where in a text the answer is: the places that models and data sets put it, in words of any kind.

    boxed(r"so \boxed{2} and \boxed{3}.")       # "2 , 3"
    stated("The answer is: **12 apples**.")     # "12 apples"

No pattern looks further than it must: the time is linear in the text.
"""

import re

LAST = 20_000
"""Characters, from its end, in which an answer is looked for where no box and no #### announces it."""

_BOX = re.compile(r"\\f?boxed\s*|\\fbox\s*")
_BRACE = re.compile(r"[{}]")
_BETWEEN = re.compile(r"(?:[\s$,;*.]|\\[()\[\],;: ]|\\text\s?\{\s*(?:and|or|,)\s*\}|\\quad|\band\b|\bor\b){1,40}")
_HASHES = re.compile(r"####[ \t]*([^\n]+)")
_STATED = re.compile(
    r"(?:(?<!wrong )(?<!incorrect )(?<!different )(?<!other )(?<!each )(?<!every )(?<!correct )(?<!right )"
    r"\b(?:(?:final |correct |right )?answer|(?:correct|right) (?:choice|option))\b"
    r"(?: to the (?:question|problem))?[*_\"']*"
    r"(?:\s*(?:is|are|equals|should be|would be|must be|=|:)[*:]*)+|^[*_]*A[*_]*:)",
    re.IGNORECASE | re.MULTILINE,
)
_TAG = re.compile(r"<answer>(.*?)(?:</answer>|$)", re.DOTALL | re.IGNORECASE)
_ASIDE = re.compile(
    r"\s*(?:,\s?|\s|(?=\())(?:\((?:since|because|as|where|for|when|if|not|note)\b[^()]*\)"
    r"|(?:since|because|where|which|as (?:desired|required|needed|claimed|$)|so that)\b.*)",
    re.DOTALL,
)
_FIELD = re.compile(
    r"\"(?:final[_ ])?answer\"\s*:\s*(?:\"((?:[^\"\\]|\\.)*)\"|(-?[0-9][0-9.,]*))", re.IGNORECASE | re.DOTALL
)
_SIGNED = re.compile(r"(?<![\w=])[-−–]?[0-9.(√π½⅓⅔¼¾⅛][0-9.()√π½⅓⅔¼¾⅛/*^×·+\-−–\s]*")
_BOLD_END = re.compile(r"[*_]+(\.?)$")
_HOPE = re.compile(r"\s*I hope it is correct\.?", re.IGNORECASE)
_MATHS = re.compile(
    r"\$\$(.{1,1500}?)\$\$|\\\[(.{1,1500}?)\\\]|\\\((.{1,1500}?)\\\)"
    r"|(?<![\\$])\$(?![\s$])((?:[^$\\]|\\.){1,1500}?)(?<!\s)\$(?![0-9])",
    re.DOTALL,
)
_SENTENCE = re.compile(
    r"(?<=[.!?])(?<!\b[ap]\.m\.)(?<!\bapprox\.)(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)\s+(?=[A-Z*\\$(])|\n\s*\n|\n(?=\s*[-*#A-Z])"
)
_NEXT_TO = re.compile(r"\s*(?:,|;|and|or|, and|, or)\s*")


def boxed(text: str) -> str | None:
    r"""What is in the last \boxed{}, and in those right before it; of one that does not close, its line."""
    boxes: list[str] = []
    later = -1
    for found in reversed(list(_BOX.finditer(text))):
        content, end = _content(text, found.end())
        if later >= 0 and not (end <= later and _BETWEEN.fullmatch(text[end:later][:60]) and later - end <= 40):
            break
        if content and content not in boxes:
            boxes.append(content)
        later = found.start()
    return " , ".join(reversed(boxes)) or None


def _content(text: str, start: int) -> tuple[str, int]:
    """What a box holds, and where it ends."""
    if not text.startswith("{", start):
        word = re.compile(r"\s*(-?[\w.]+)").match(text, start)
        return (word[1], word.end()) if word else ("", start)
    depth = 0
    for brace in _BRACE.finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return text[start + 1 : brace.start()].strip(), brace.end()
    return text[start + 1 :].partition("\n")[0].strip(), len(text)


def field(text: str) -> str | None:
    """What the last field "answer" of a JSON text holds; it may be LaTeX whose backslashes are doubled."""
    *_, found = (None, *_FIELD.finditer(text[-LAST:]))
    return None if found is None else (found[1] or found[2] or "").replace("\\\\", "\\").strip()


def signed(sentence: str) -> str | None:
    """The number that a sentence ends in, if it is written with signs: 6√2, 3π/4, ½."""
    *_, found = (None, *_SIGNED.finditer(sentence))
    number = found[0].rstrip("(.,+-−–×·/* \t") if found else ""
    return number if re.search("[√π½⅓⅔¼¾⅛]", number) and number.count("(") == number.count(")") else None


def after_hashes(text: str) -> str | None:
    """What stands after the last ####, if that is no heading and no answer is stated after it."""
    *_, found = (None, *_HASHES.finditer(text))
    if found is None or re.match(r"(?:[0-9]+[.)]|Step|\*\*)\s", found[1].strip()):
        return None
    if _STATED.search(text, found.end()):
        return None
    heading = text[found.end() :].strip() and not re.search(r"[0-9\\]", found[1])
    return None if heading else found[1].strip()


def tagged(text: str) -> str | None:
    """What the last <answer> holds, also if it is not closed."""
    *_, found = (None, *_TAG.finditer(text))
    return found[1].strip() if found else None


def said(sentence: str) -> str:
    """A sentence without the reasons that it gives: ", since 81 is odd", "(because x > 0)"."""
    return _ASIDE.sub("", sentence) or sentence


def stated(text: str) -> str | None:
    """The sentence, or the formula, after the last "answer is", "Answer:", "A:"."""
    text = text[-LAST:]
    *_, found = (None, *_STATED.finditer(text))
    if found is None:
        return None
    rest = _HOPE.sub("", text[found.end() :]).lstrip(" *_:\n\t")
    sentence = said(_SENTENCE.split(rest, maxsplit=1)[0]).strip(" *_")
    sentence = _BOLD_END.sub(r"\1", sentence)
    return formulas(sentence) or formulas(_first(rest)) or sentence or None


def _first(text: str) -> str:
    """A formula that stands at the start of a text, over several lines."""
    found = _MATHS.match(text)
    return found[0] if found else ""


def formulas(text: str) -> str | None:
    """The formula of a sentence; several that stand side by side are a list."""
    found = list(_MATHS.finditer(text))
    if not found:
        return None
    kept = [_inner(found[-1])]
    for before, after in zip(reversed(found[:-1]), reversed(found[1:]), strict=True):
        if not _NEXT_TO.fullmatch(text[before.end() : after.start()]):
            break
        kept.append(_inner(before))
    return " , ".join(reversed(kept))


def _inner(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group is not None).strip()


def last_line(text: str) -> str:
    """The last line that is not blank, or the formula that the text ends in."""
    text = text[-LAST:].rstrip()
    *_, found = (None, *_MATHS.finditer(text))
    if found and found.end() >= len(text) - 1:
        return text[min(found.start(), text.rfind("\n") + 1) :]
    return text.rpartition("\n")[2]
