"""The words in which people reason about knights and knaves, as tokens: everything else is only a ``word``.

    sentences(("Ada", "Bo"), "So **Ada** is lying.")[0].tokens      # so, name 0, is, knave

Markdown, LaTeX and tags are passed over. One pass of one regular expression, so time is linear in the text.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

VOCABULARY: tuple[tuple[str, str], ...] = (
    ("end", r"[.!?;…。？！]+[\"”]?|\n\s*"),
    ("iff", r"\b(?:if and only if|iff|exactly when|precisely when)\b|<-+>|<=+>|⇔|↔"),
    ("opaque", r"\bonly if\b|¬|\bi\.?e\.|\be\.g\.|\b(?:that is to say|equivalent|same as|when(?:ever)?)\b"),
    (
        "opaque",
        r"\b(?:every|no|any)(?:one|body)\b|\bcall(?:s|ed|ing)\b"
        r"|\blet\b(?![’']s| me\b| us\b)|\b(?:denote|define|represent)s?\b",
    ),
    ("row", r"\([KNTFLV01](?:\s*,\s*[KNTFLV01])+\)"),
    ("word", r"\b(?:see|check|verify|determine|know|ask|tell) if\b|\bif[- ]then\b"),
    ("would", r"\b(?:would|should)\b"),
    ("eitherway", r"\b(?:either way|(?:in|on) (?:either|both) cases?|in any case|regardless|no matter \w+)\b"),
    ("so", r"\bin other words\b"),
    ("arrow", r"→|⇒|[-=]>|⟹"),
    (
        "knight",
        r"\b(?:knights?|truth[- ]?tellers?|honest|truthful|(?:tell(?:s|ing)?|told|speak(?:s|ing)?) the truth)\b",
    ),
    ("knave", r"\b(?:knaves?|liars?|dishonest|lying|lies|lied)\b"),
    ("exhausted", r"\bexhausted\b"),
    ("back", r"\b(?:go(?:ing)? back|reconsider|revisit|return to)\b"),
    ("assumption", r"\b(?:assumption|hypothesis|supposition)\b"),
    (
        "assume",
        r"\b(?:assum(?:e|es|ed|ing)|suppos(?:e|ed|ing)|imagine|let[’']?s say|let us say|consider|"
        r"what if|(?:case|option|possibility|scenario|hypothesis|assumption) (?:\d+|[a-h]|i+)(?=\W)|guess|"
        r"(?<!\bor )(?:try|test|pretend)(?:ing)?)\b|(?<=[.!?,] )say\b|(?<=\n)say\b",
    ),
    ("own", r"\b(?:their|his|her|its) own\b"),
    (
        "says",
        r"\b(?:sa(?:ys?|id|ying)|stat(?:es?|ed)|told|assert(?:s|ed)|remark(?:s|ed)|noted|comment(?:s|ed)|mentioned)\b",
    ),
    ("says", r"\b(?:declare[sd]|claimed|express(?:es|ed)|put it|puts it|according to)\b"),
    ("claim", r"\b(?:claims?|statements?|words|assertions?)\b"),
    ("so", r"\b(?:so|therefore|thus|hence|consequently|means|meaning|impl(?:y|ies|ying)|follows|which makes it)\b"),
    ("because", r"\b(?:because|since|given that)\b"),
    ("but", r"\b(?:but|however|yet|while|whereas|although|though|which)\b"),
    ("contradiction", r"\b(?:contradict\w*|inconsisten\w*|impossible|conflict\w*|paradox\w*|absurd\w*)"),
    ("dead", r"[✗✘❌]|\b(?:(?:do|does|did|can|could|would|wo)(?:n[’']t| ?not) (?:work|happen)|violat\w+)\b"),
    ("dead", r"\b(?:is(?:n[’']t| not)|not) (?:possible|allowed|valid)\b"),
    ("feasible", r"\b(?:feasible|(?:satisf(?:y|ies)|consistent with) (?:all|every))\b"),
    ("feasible", r"\b(?:all|every|everything)(?: \w+){0,2} (?:fits?|works?|holds?|consistent)\b"),
    ("fits", r"\b(?:consistent|consistency|fits)\b"),
    ("conclude", r"\b(?:answer|conclusion|conclude|solution|finally|summary|altogether)\b"),
    ("not", r"\b(?:(?:ca|is|are|was|were|does|do|did|could|would|must)n[’']?t|can ?not|could not|not|never)\b"),
    ("no", r"\b(?:no|without)\b"),
    ("hedge", r"\b(?:might|may|maybe|perhaps|possibl[ey]|could|can|whether|who|seems?|necessarily|unclear|unknown)\b"),
    (
        "opaque",
        r"\b(?:least|most|one|exactly|same|different|opposite|none|two|three|four|unless|at|types?)\b",
    ),
    ("neither", r"\bneither\b"),
    ("nor", r"\bnor\b"),
    (
        "filler",
        r"\b(?:that|an?|the|of|by|you|indeed|also|definitely|actually|really|certainly|clearly|both|still|either)\b",
    ),
    ("filler", r"\b(?:to|only|in fact|in|each|always|now|us|we|all|already|\d+)\b"),
    ("is", r"\b(?:is|are|was|were|be|being|been|must|has|have|had|will|what)\b"),
    ("if", r"\bif\b"),
    ("then", r"\bthen\b"),
    ("and", r"\band\b|&|∧"),
    ("or", r"\bor\b|∨"),
    ("true", r"\b(?:true|correct)\b"),
    ("false", r"\b(?:false|untrue|wrong|incorrect|lie)\b"),
    ("they", r"\b(?:he|she|they|his|her|their|him|them)\b"),
    ("me", r"\b(?:i|i[’']m|me|my)\b"),
    ("poss", r"(?<=\w)[’']s?\b"),
    ("quote", r"[\"“”«»]"),
    ("comma", r","),
    ("colon", r"[:：]"),
    ("dash", r"[—–=|()\-]"),
    ("word", r"\w+"),
)
LONGEST = 400
"""Words of a sentence, at most: where the full stops are missing one is put, so that time stays linear."""
KINDS = {f"k{place}": kind for place, (kind, _) in enumerate(VOCABULARY)}
_ARROWS = re.compile(r"\\(?:to|implies|Rightarrow|rightarrow)\b")
_MARKUP = re.compile(r"\\[a-zA-Z]+|[*_`#~{}$\\]")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,40}>")


@dataclass(frozen=True, slots=True)
class Token:
    """A kind from the vocabulary, or ``name`` with the person's number."""

    kind: str
    person: int = -1


@dataclass(frozen=True, slots=True)
class Sentence:
    """What stands between two full stops or line breaks.

    ``fresh``: it begins a line; ``gap``: a blank line comes before it.
    """

    text: str
    tokens: tuple[Token, ...]
    question: bool
    fresh: bool = False
    gap: bool = False


def sentences(names: tuple[str, ...], text: str) -> list[Sentence]:
    """The sentences of a text that have a word in them."""
    text = _TAG.sub("\n", _MARKUP.sub(" ", _ARROWS.sub("→", text)))
    pattern, people = _pattern(names)
    found: list[Sentence] = []
    tokens: list[Token] = []
    start = 0
    fresh = gap = True
    for match in pattern.finditer(text + "\n"):
        kind = KINDS.get(match.lastgroup or "", "name")
        if kind == "end" or len(tokens) == LONGEST:
            ends_line = "\n" in match[0]
            if tokens:
                said = text[start : match.end()].strip()
                found.append(Sentence(said, tuple(tokens), "?" in match[0], fresh, gap))
                gap = False
            fresh, gap = ends_line or (fresh and not tokens), gap or match[0].count("\n") > 1
            tokens, start = [], match.end()
        elif kind == "name":
            tokens.append(Token("name", people[match[0].casefold()]))
        elif kind != "filler":
            tokens.append(Token(kind))
    return found


@lru_cache(maxsize=1024)
def _pattern(names: tuple[str, ...]) -> tuple[re.Pattern[str], dict[str, int]]:
    """The vocabulary with the names. A name that is also a word of ours, or is short, must be written as it is."""
    vocabulary = "|".join(f"(?P<k{place}>(?i:{words}))" for place, (_, words) in enumerate(VOCABULARY))
    plain = re.compile(vocabulary)
    ways = []
    for name in sorted(names, key=len, reverse=True):
        match = plain.match(name.casefold())
        common = len(name) < 4 or (match is not None and KINDS[match.lastgroup or ""] != "word")
        way = f"(?:{re.escape(name)}|{re.escape(name.upper())})" if common else f"(?i:{re.escape(name)})"
        ways.append(rf"(?<!\w){way}(?!\w)")
    return re.compile(f"(?P<name>{'|'.join(ways)})|{vocabulary}"), {name.casefold(): i for i, name in enumerate(names)}
