r"""One plain form for the many ways to write the same mathematics.

    plain(r"$\dfrac12\,\text{ cm}^{2}$")     # r"\frac{1}{2} cm^2"

Only the surface is changed: fonts, spacing, brackets that grow, fractions without braces, thousands, Unicode signs.
Nothing is computed. Every pattern takes time that is linear in the text, which is at most ``LONGEST`` characters.
"""

import re
from functools import lru_cache

from understudy.graders._numerals import numerals

LONGEST = 2000
"""Characters of an answer that is still compared."""

_COMMANDS = "pi infty le ge ne pm mp approx cup cap emptyset in theta alpha beta lambda"
_SIGNS = str.maketrans(
    {
        **{sign: f"\\{name} " for sign, name in zip("π∞≤≥≠±∓≈∪∩∅∈θαβλ", _COMMANDS.split(), strict=True)},
        **{sign: rf"\frac{{{a}}}{{{b}}}" for sign, a, b in zip("½⅓⅔¼¾⅛", "112131", "233448", strict=True)},
        **dict(zip("−–－﹣×·⋅∙÷∕⁄º“”’，（）", '----****///°""\',()', strict=True)),
        **dict.fromkeys("\u00a0\u2009\u202f", " "),
        "ℝ": r"\mathbb{R}",
        "ℤ": r"\mathbb{Z}",
        "…": r"\ldots ",
        "\u200b": "",
    }
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ", "0123456789-n")


def _repeating(whole: str, fixed: str, period: str) -> str:
    """A repeating decimal as a fraction."""
    over = int(whole + fixed + period) - int(whole + fixed or "0")
    return rf"\frac{{{over}}}{{{'9' * len(period) + '0' * len(fixed)}}}"


_FONT = (
    r"\\(?:text(?:bf|it|rm|tt|sf|normal)?|math(?:rm|bf|it|sf|tt|normal)|mbox|hbox|boldsymbol|bm|pmb|operatorname\*?)"
)
_NAMES = "sinh|cosh|tanh|arcsin|arccos|arctan|sin|cos|tan|cot|sec|csc|ln|log|exp"
_RULES = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ]+", lambda found: f"^{{{found[0].translate(_RAISED)}}}"),
        (r"√\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"√\s*(\w+)", r"\\sqrt{\1}"),
        (r"\{,\}|\{\s,\s\}", ","),
        (r"\{\.\}", "."),
        (r"(?<!\\)\\!", ""),
        (r"(?<=[0-9])(?:\\,|\\ |\s)(?=[0-9]{3}(?![0-9]))", ","),  # "1\,000"; a list has commas
        (r"(?<!\\)\\(?:[,;:> ]|quad\b|qquad\b|displaystyle\b|textstyle\b|limits\b|left\.|right\.)|~|\s+", " "),
        (r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![a-zA-Z])\s*", ""),
        (r"\\lbrace|\\lbrack", lambda found: r"\{" if "ce" in found[0] else "["),
        (r"\\rbrace|\\rbrack", lambda found: r"\}" if "ce" in found[0] else "]"),
        (r"\\begin\{cases\}(.*)\\end\{cases\}", lambda found: found[1].replace(r"\\", " , ")),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:tbinom|dbinom|choose)(?![a-zA-Z])", r"\\binom"),
        (r"([0-9]*)\.([0-9]*)\\(?:overline|bar|dot)\{?([0-9]+)\}?", lambda found: _repeating(*found.groups())),
        (r"\b(?:USD|EUR|GBP|Rs\.?)\s?(?=[0-9])", ""),
        (r"\\[$]|[$£€]|\\(?:pounds|euro)\b", ""),
        (r"\\%|\bpercent\b|\bper cent\b", "%"),
        (_FONT + r"\s*\{([^{}]*)\}", lambda found: found[1] if len(found[1].strip()) == 1 else f" {found[1]} "),
        (_FONT + r"\s*\{([^{}]*)\}", lambda found: f" {found[1]} "),  # one inside another
        (r"\{\\(?:rm|bf|it)\s+([^{}]*)\}", r"\1"),
        (r"\^\s*\{?\s*\\circ\s*\}?|\\degrees?\b|\^\s*°|\s*\bdegrees?\b", "°"),
        (r"\\(?:cdot|times|ast)(?![a-zA-Z])|\*\*(?=\s*\w*\*\*)|\*(?!\*)(?<!\*\*)", "*"),
        (r"\*\*", "^"),
        (r"\\(?:leq|leqslant|le)(?![a-zA-Z])|<=", r"\\le "),
        (r"\\(?:geq|geqslant|ge)(?![a-zA-Z])|>=", r"\\ge "),
        (r"\\lt(?![a-zA-Z])", "<"),
        (r"\\gt(?![a-zA-Z])", ">"),
        (r"\\(?:neq|ne)(?![a-zA-Z])|!=", r"\\ne "),
        (r"\\(?:varnothing|empty)(?![a-zA-Z])", r"\\emptyset "),
        (r"\\(?:R|Reals?)(?![a-zA-Z])", r"\\mathbb{R}"),
        (r"\\(?:dots[cbmio]?|cdots)(?![a-zA-Z])", r"\\ldots "),
        (r"\\(?:vec|overrightarrow)(?![a-zA-Z])\s*(?:\{\s*(\w+)\s*\}|(\w))", r"\1\2"),
        (r"\\triangle(?![a-zA-Z])\s*|△", ""),
        (r",\s*(?:where |for |with )?\(?[a-z]\s?\\in\s?\\mathbb\{[ZN]\}\)?$", ""),
        (r"\\lg(?![a-zA-Z])", r"\\log_{10}"),
        (r"(?<![\\a-zA-Z])(?:infinity|infty|inf|oo)(?![a-zA-Z])", r"\\infty "),
        (r"(?<![\\a-zA-Z])(pi|theta|alpha|beta)(?![a-zA-Z])", r"\\\1 "),
        (rf"(?<![\\a-zA-Z])({_NAMES})(?=[\s(^_0-9{{])", r"\\\1"),
        (r"(?<![\\a-zA-Z])sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"(?<![\\a-zA-Z])sqrt\s*([0-9]+)", r"\\sqrt{\1}"),
        (r"(?<![\\a-zA-Z])sqrt\s*([a-zA-Z{])", r"\\sqrt \1"),
        (r"(?<=[0-9])\s?\^?\s?\{?\s?(?:st|nd|rd|th)\b\s?\}?", ""),
        (r"(?<=[0-9}%])\s*\(\s*(?:or|since|because|about|approximately|where|in)\b[^()]*\)$", ""),
        (r"\^\s*\(([^()]*)\)", r"^{\1}"),
        (r"\s*([_^])\s*", r"\1"),
        (r"([_^])\{\s*(\w)\s*\}", r"\1\2"),
        (r"(?<![0-9a-zA-Z])\.(?=[0-9])", "0."),
        (r"\s+", " "),
    )
)
_WRAPPED = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("`", "`"), ('"', '"'))
_COMMAND = re.compile(r"\\(frac|binom|sqrt)(?![a-zA-Z])(?:\s*\[[^\]]*\])?\s*")
_ARGUMENT = re.compile(r"\s*(?:(?P<brace>\{)|\\(?P<command>frac|binom|sqrt)(?:\[[^\]]*\])?|\\[a-zA-Z]+|[0-9a-zA-Z])")
_BRACE = re.compile(r"(?<!\\)[{}]")
_AGAIN = re.compile(r"(.*[0-9}%])\s*\(\s?([a-z -]{3,40})\)")
_TRAILING = re.compile(r"(?:[.,;:。।]|(?<!\\)\\+)+$")


@lru_cache(maxsize=256)  # the samples of a problem stand together
def plain(text: str) -> str:
    """The plain form of an answer; the same for every way of writing it."""
    text = bare(text).translate(_SIGNS)
    for pattern, new in _RULES:
        text = pattern.sub(new, text)
    return numerals(_spoken_again(bare(_arguments(text).strip("'"))))


def _spoken_again(text: str) -> str:
    """Without a number in words that stands in brackets behind the number: 8 (eight)."""
    found = _AGAIN.fullmatch(text)
    return found[1] if found and numerals(found[2].strip())[:1].isdigit() else text


def _arguments(text: str) -> str:
    r"""The arguments of fractions, binomials and roots in braces: \frac\pi3 is \frac{\pi}{3}."""
    for command in reversed(list(_COMMAND.finditer(text))):
        place, arguments = command.end(), ""
        for _ in range(1 if command[1] == "sqrt" else 2):
            end = _argument(text, place)
            if end is None:
                return text
            argument = text[place:end].strip()
            arguments += argument if argument.startswith("{") else f"{{{argument}}}"
            place = end
        text = text[: command.end()].rstrip() + arguments + text[place:]
    return text


def _argument(text: str, place: int) -> int | None:
    """Where the argument of a command ends; null if there is none. The commands in it have theirs in braces."""
    found = _ARGUMENT.match(text, place)
    if not found:
        return None
    if found["brace"]:
        return _closed(text, found.end() - 1)
    end: int | None = found.end()
    for _ in range({None: 0, "sqrt": 1}.get(found["command"], 2)):
        end = _closed(text, end) if end is not None else None
    return end


def _closed(text: str, start: int) -> int | None:
    """The place behind the brace that closes the one at ``start``; null if there is none."""
    depth = 0
    for brace in _BRACE.finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.end()
    return None


def bare(text: str) -> str:
    """The text without what surrounds it: dollar signs, asterisks, quotes, a full stop."""
    before = None
    while before != text:
        before, text = text, _TRAILING.sub("", text.strip()).strip()
        for start, end in _WRAPPED:
            inner = text[len(start) : len(text) - len(end)]
            if len(text) > len(start + end) and text.startswith(start) and text.endswith(end) and start not in inner:
                text = inner.strip()
    return text
