"""What the text of a trace states: one class, and the facts that it uses. Any text, in linear time, nothing evaluated.

    stated_class("The relation is: overlap.", ("during", "overlap"))            # Stated("overlap", True)
    stated_facts("Facts: ['Bo sat.', 'Bo ran.']", ["Bo sat.", "Cy fell."])      # Listed({0}, ["bo ran"])

Formatting does not count: quotes, brackets, numbers and bullets before an item, case, white space, Unicode forms
(NFKC), dashes, commas and stops between words; a list may be a literal of Python or JSON, lines, or sentences. Content
does: a fact is one of the context only if all of its words, names and dates are there, in order, and nothing is added.
Facts that a trace announces as those it does not need are not listed by it.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

QUOTES = "\"'“”„‘’‚«»`´*\\"
"""Marks that say nothing about what a fact is: left out of both sides."""
_OPENING, _CLOSING = "([{<", ")]}>"
_PLAIN = {ord(mark): None for mark in QUOTES} | {ord(dash): "-" for dash in "‐‑‒–—−"}
_BULLET = r"(?:[-•*‣◦]|\(?[0-9]{1,4}[.):\]]|\[[0-9]{1,4}\])[ \t]+"
_BULLETS = re.compile(rf"^[ \t]*{_BULLET}", re.MULTILINE)
_STOPS = re.compile(rf"[,.;:!?。！？；：，、][,.;:!?。！？；：，、{re.escape(QUOTES + _OPENING + _CLOSING)}]*+|\n")
_ESCAPE = re.compile(r"\\\\?(?:x([0-9a-f]{2})|u((?!d[89a-f])[0-9a-f]{4}))", re.IGNORECASE)
_BREAK = re.compile(r"\\\\?[nrt]", re.IGNORECASE)
_ITEM_NUMBER = re.compile(r"^\(?[0-9]{1,3}\) ")
_LABEL = re.compile(r"(?:(?:fact|line|passage|sentence|item) )?#?[0-9]{0,4}")

_FACT = r"(?:facts?|texts?|passages?|lines?|sentences?|statements?|evidence|information)"
_NEED = re.compile(
    rf"\b(?:need|needed|use|uses|using|follow\w*|relevant|support\w*|necessary|key)\b[^\n:：]{{0,60}}?\b{_FACT}\b"
    rf"[^\n:：]{{0,80}}?[:：]|^[^\w\n]{{0,4}}(?:\w{{1,20}} ){{0,2}}{_FACT}\b[^\n:：0-9]{{0,40}}[:：]",
    re.IGNORECASE | re.MULTILINE,
)
"""What announces the facts of a trace, such as "I need to use the following facts to answer the question:"."""
_UNUSED = re.compile(
    r"n't\b|\b(?:not|never|irrelevant|unneeded|unnecessary|unused|ignor\w+|exclud\w+)\b", re.IGNORECASE
)
"""What turns such a phrase round: "Facts that I do not need:"."""
_LIST_END = re.compile(r"[\"'”’]\s*+\]|\][ \t]*+(?:\n|\Z)")
_CONCLUDES = re.compile(r"\W{0,4}(?:so|therefore|thus|hence|(?:the |final |my )?answer)\b|</?\w+>", re.IGNORECASE)

_CUE = r"\b(?:relation|relationship|category|class|kind|type|label)\b"
_COLON = r"(?<!\bnot)(?<!n't)[:：=]"
_SAYS = rf"(?:\bis\b ?[:：]?|{_COLON}|[>→])"


class Stated(NamedTuple):
    """A class as a trace states it, and whether it is one of the task's."""

    name: str
    known: bool


class Listed(NamedTuple):
    """The facts that a trace lists: places in the context, and what it lists that is no fact of the context."""

    found: frozenset[int]
    foreign: tuple[str, ...]


class _Tree(NamedTuple):
    """Facts by their words; the place of a fact stands under the empty word, where it ends."""

    words: dict[str, Any]
    starts: frozenset[str]
    """The first piece of each fact."""


class _Piece(NamedTuple):
    key: str
    ends: bool
    """Whether a sentence, a line or a quoted item surely ends here, and not merely a clause or an abbreviation."""


# --- the class ---


def stated_class(reasoning: str, classes: Sequence[str]) -> Stated | None:
    """The class that a trace states, outside of its list of facts; the last one, if it states several. Null if none."""
    before, _, after = _parted(reasoning)
    text = "\n".join(" ".join(line.split()) for line in f"{before}\n{after}".split("\n"))
    known, lone, unknown = _patterns(tuple(classes))
    matches = [match for pattern in known for match in pattern.finditer(text)]
    matches = matches or _alone(lone, text)
    if matches:
        last = max(matches, key=lambda match: (match.start("name"), match.end("name")))
        if last.groupdict().get("more"):
            return Stated(f"{last['name']}{last['more']}", False)
        spelled = {_spelling(name): name for name in classes}
        return Stated(spelled[_spelling(last["name"])], True)
    *_, found = (None, *unknown.finditer(text))
    return Stated(found["other"].strip(" .;,"), False) if found else None


@lru_cache(64)
def _patterns(classes: tuple[str, ...]) -> tuple[list[re.Pattern[str]], re.Pattern[str], re.Pattern[str]]:
    """Patterns of a statement with one of the classes, of a class alone on its line, and of one with anything else."""
    longest_first = sorted(classes, key=len, reverse=True)
    names = "|".join("[-_ ]".join(map(re.escape, re.split("[-_ ]", name))) for name in longest_first) or r"(?!)"
    marks = re.escape(QUOTES + _OPENING + _CLOSING)
    quote, end = f"[ {marks}]{{0,6}}", f"[{marks}]{{0,6}}"
    name = rf"{quote}(?P<name>{names})(?!\w){end}(?P<more>(?: or | and | ?[/|,] ?){quote}(?:{names})(?!\w))?"
    forms = (
        rf"{_CUE}[^\n]{{0,120}}?{_SAYS} ?(?:an? |the )?{name}",
        rf"{_COLON}{name}(?:[.。;；!]|$)",
        rf"\b(?:is|as) (?:an? |the )?{name} (?:question\b|{_CUE})",
    )
    flags = re.IGNORECASE | re.MULTILINE
    unknown = rf"{_CUE}[^\n:：]{{0,120}}{_COLON}{quote}(?!not\b)(?P<other>\w[^\n]{{0,79}})"
    lone = rf"^[#>-]{{0,6}}{quote}(?P<name>{names}){end}[.。]?{end}$"
    return [re.compile(form, flags) for form in forms], re.compile(lone, flags), re.compile(unknown, flags)


def _alone(lone: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """Lines of nothing but a class, if all of them name the same one: a list of classes states none."""
    matches = list(lone.finditer(text))
    return matches if len({_spelling(match["name"]) for match in matches}) == 1 else []


def _spelling(name: str) -> str:
    return re.sub("[-_ ]", "-", name.casefold())


# --- the facts ---


def stated_facts(reasoning: str, facts: Sequence[str]) -> Listed | None:
    """The facts that a trace lists, or null if it lists none.

    They stand after the last phrase that announces them. Without such a phrase they are the lines or sentences that
    are facts of the context, and other text is not counted against the trace.
    """
    before, section, _ = _parted(reasoning)
    found, foreign = _matched(before if section is None else section, _tree(facts))
    if section is None:
        return Listed(frozenset(found), ()) if found else None
    empty = not found and not foreign
    return None if empty and not section.startswith("[") else Listed(frozenset(found), tuple(foreign))


def same_facts(facts: Sequence[str], wanted: Sequence[str]) -> frozenset[int]:
    """The places in ``facts`` at which the wanted ones first stand; one that is not there has the place -1."""
    places: dict[str, int] = {}
    for place, fact in enumerate(facts):
        places.setdefault(" ".join(_keys(fact)), place)
    return frozenset(places.get(" ".join(_keys(fact)), -1) for fact in wanted)


def unescaped(text: str) -> str:
    """Characters that a literal of Python or JSON writes by their codes (``\\xa0``, ``\\u00e9``) as themselves."""
    return _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), text) if "\\" in text else text


def _plain(text: str) -> str:
    """NFKC, with characters as themselves that a literal writes by codes; so are breaks of lines."""
    text = unescaped(text)
    return unicodedata.normalize("NFKC", _BREAK.sub("\n", text) if "\\" in text else text)


def _parted(reasoning: str) -> tuple[str, str | None, str]:
    """What stands before the facts, the facts themselves (null: they are not announced), and what stands after."""
    text = _plain(reasoning)
    announced = list(_NEED.finditer(text))
    *_, need = (None, *(each for each in announced if not _UNUSED.search(text, max(each.start() - 8, 0), each.end())))
    stop = next((each.start() for each in announced if need is None or each.start() > need.start()), len(text))
    if need is None:
        return text[:stop], None, text[stop:]
    rest = text[need.end() : stop].lstrip(" \t\n*")
    if rest.startswith("["):
        closed = re.compile(r"\[\s*+\]").match(rest) or _LIST_END.search(rest) or re.compile(r"\]").search(rest)
        end = closed.end() if closed else len(rest)
    else:
        end = _until_conclusion(rest)
    return text[: need.start()], rest[:end], rest[end:] + text[stop:]


def _until_conclusion(text: str) -> int:
    """How far a list of lines goes: to a blank line that no other item follows, or to a line that concludes."""
    end, gap = 0, False
    for line in text.splitlines(keepends=True):
        if not line.strip():
            gap = True
        elif _CONCLUDES.match(line) or (gap and not re.match(rf"[ \t]*{_BULLET}", line)):
            break
        else:
            gap = False
        end += len(line)
    return end


def _matched(text: str, tree: _Tree) -> tuple[set[int], list[str]]:
    """Facts of the tree that the text holds, and the items that are none of them."""
    pieces = _pieces(text)
    found: set[int] = set()
    foreign: list[str] = []
    start, fresh = 0, True
    while start < len(pieces):
        match = _longest(pieces, start, tree)
        if match is not None:
            found.add(match[0])
            start, fresh = match[1], True
            continue
        piece = pieces[start]
        if not _LABEL.fullmatch(piece.key):
            foreign += [piece.key] if fresh else []
            fresh = piece.ends
        start += 1
    return found, foreign


def _longest(pieces: Sequence[_Piece], start: int, tree: _Tree) -> tuple[int, int] | None:
    """The longest fact that stands at a place, and where it ends. It must end a sentence, or another must follow."""
    node, best = tree.words, None
    for place in range(start, len(pieces)):
        for word in pieces[place].key.split():
            node = node.get(word, {})
        if not node:
            break
        last = place + 1 == len(pieces)
        if "" in node and (last or pieces[place].ends or pieces[place + 1].key in tree.starts):
            best = node[""], place + 1
    return best


def _tree(facts: Sequence[str]) -> _Tree:
    words: dict[str, Any] = {}
    starts = set()
    for place, fact in enumerate(facts):
        keys, node = _keys(fact), words
        for word in " ".join(keys).split():
            node = node.setdefault(word, {})
        if keys:
            node.setdefault("", place)
            starts.add(keys[0])
    return _Tree(words, frozenset(starts))


def _keys(fact: str) -> tuple[str, ...]:
    return tuple(piece.key for piece in _pieces(_plain(fact)))


def _pieces(text: str) -> list[_Piece]:
    """The text cut at punctuation that white space or a quote follows; "1.5" and "U.S." stay as they are."""
    text = _BULLETS.sub("", text)
    pieces: list[_Piece] = []
    start = 0
    for stop in _STOPS.finditer(text):
        before, after = text[stop.start() - 1 : stop.start()], text[stop.end() : stop.end() + 2]
        wraps = any(mark in stop[0] for mark in QUOTES + _CLOSING) or before in QUOTES + _CLOSING
        wide = not stop[0].isascii()
        if not (after[:1].isspace() or not after or wraps or wide or stop[0] == "\n"):
            continue
        ends = wraps or wide or stop[0][0] in "\n;!?" or "\n" in after or not after or _starts(stop[0], after)
        start = _add(pieces, text[start : stop.start()], ends, stop.end())
    _add(pieces, text[start:], True, len(text))
    return pieces


def _starts(stop: str, after: str) -> bool:
    """Whether a full stop ends a sentence: what follows is no small letter."""
    return "." in stop and not after[-1:].islower()


def _add(pieces: list[_Piece], text: str, ends: bool, end: int) -> int:
    key = _ITEM_NUMBER.sub("", " ".join(text.translate(_PLAIN).casefold().split()).strip(_OPENING + _CLOSING + " "))
    if key:
        pieces.append(_Piece(key, ends))
    elif pieces and ends:
        pieces[-1] = pieces[-1]._replace(ends=True)
    return end
