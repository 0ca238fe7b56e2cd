"""What a sentence says about knights and knaves: read tolerantly, and left alone where it cannot be read.

    Reader(puzzle).read(sentences(puzzle.names, "Since Ada lies, Bo is a knight.")[0])

A sentence becomes *remarks*: an assumption, a condition, a quoted claim, a verdict on a claim, a deduction, a
contradiction, or that all fits. Questions, guesses ("might", "whether") and counts ("at least one") say nothing that
can be checked. "She" and "their claim" are read if only one person was named.
"""

from dataclasses import dataclass, replace
from typing import Literal

from understudy.tasks._knights_logic import Puzzle
from understudy.tasks._knights_phrases import ROLES, Phrases
from understudy.tasks._knights_words import Sentence, Token, sentences

Kind = Literal[
    "assume",
    "if",
    "unclear",
    "eitherway",
    "quote",
    "verdict",
    "state",
    "contradiction",
    "dead",
    "fits",
    "feasible",
    "exhausted",
    "back",
]
JOINTS = frozenset(("comma", "colon", "quote", "dash"))


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing said. ``proposition``: what is said to hold, or is quoted; ``person``: whose claim.

    ``value``: of a verdict, whether a contradiction (or a fit) is found, whether a quotation may be a part.
    ``called``: whether the claim that a contradiction is found with is held to be true. ``linked``: it is said to
    follow within the sentence. ``people``: who is exhausted. ``bare``: it stands where a heading does, and may be an
    assumption; ``soft``: it says what would be; ``drawn``: "so" stands before it;
    ``vague``: it may be about somebody else.
    """

    kind: Kind
    proposition: int | None = None
    person: int | None = None
    value: bool = True
    linked: bool = False
    called: bool = True
    people: tuple[int, ...] = ()
    bare: bool = False
    soft: bool = False
    drawn: bool = False
    vague: bool = False


@dataclass
class Reader:
    """Reads one sentence after another, and remembers who was spoken of."""

    puzzle: Puzzle
    named: frozenset[int] = frozenset()
    owner: int | None = None
    sure: bool = False

    def read(self, sentence: Sentence) -> list[Remark]:
        """The remarks of a sentence, premises first."""
        tokens = sentence.tokens
        remarks = self._asked(tokens) if sentence.question else self._remarks(tokens)
        remarks.sort(key=lambda remark: remark.kind == "dead")
        if remarks and remarks[0].bare and not sentence.fresh:
            remarks[0] = replace(remarks[0], bare=False)
        self.sure = bool(remarks) and remarks[0].kind == "assume"
        self.named = frozenset(token.person for token in tokens if token.kind == "name") or self.named
        return remarks

    def _asked(self, tokens: tuple[Token, ...]) -> list[Remark]:
        """``What if Ada lies?`` assumes it; ``Could Ada lie?`` may."""
        remarks = self._remarks(tokens)
        if tokens[0].kind == "assume":
            return [remark for remark in remarks if remark.kind in ("assume", "unclear")]
        kinds = {token.kind for token in tokens}
        return [Remark("unclear")] if "name" in kinds and kinds & {"hedge", "assume"} and kinds & ROLES else []

    def _remarks(self, tokens: tuple[Token, ...]) -> list[Remark]:
        place = next((i for i, token in enumerate(tokens) if token.kind == "because" and i), None)
        if place is None:
            return Clauses(self, tokens, 0, len(tokens)).remarks()
        said = Clauses(self, tokens, 0, place).remarks()
        reasons = Clauses(self, tokens, place + 1, len(tokens)).remarks()
        found = next((r for r in reasons if r.kind == "contradiction" and r.value), None)
        if found and said and said[-1].kind == "state":
            others = [r for r in reasons if r is not found]
            return [*said[:-1], *others, replace(found, proposition=said[-1].proposition)]
        return [*reasons, *(replace(r, linked=True) if r.kind == "state" else r for r in said)]


class Clauses(Phrases):
    """What some tokens of a sentence say, clause by clause."""

    def __init__(self, reader: Reader, tokens: tuple[Token, ...], at: int, end: int) -> None:
        super().__init__(reader.puzzle, tokens, at, end, reader.named, sure=reader.sure)
        self.reader = reader
        self.found: list[Remark] = []
        self.pending: Kind | None = None
        self.since = at
        self.linked = False
        self._clause()

    def _clause(self) -> None:
        self.hedged = self.opaque = self.denied = self.skipping = self.soft = False

    def remarks(self) -> list[Remark]:
        """Everything that is said, in order."""
        while self.at < self.end:
            start = self.at
            if not (self._sign() or self._quotation() or self._statement()):
                self.at = start + 1
        if self.pending:
            self._unclear()
        return self.found

    def _unclear(self) -> None:
        """Something was assumed that cannot be read, so that what follows from it cannot be checked."""
        since = self.tokens[self.since : self.at]
        if self.pending != "assume" or any(t.kind in (*ROLES, "true", "false", "they", "me") for t in since):
            if not any(r.kind in ("quote", "verdict") for r in self.found):
                self.found.append(Remark("unclear"))
        self.pending = None

    def _sign(self) -> bool:
        """A word that says how the next ones are meant."""
        kind = self.kind()
        if kind in ("so", "then", "arrow", "but", "comma"):
            if self.pending == "if":
                self.at = self.end
                return True
            if self.pending and kind != "comma":
                self._unclear()
            opaque, skipping = self.opaque and kind == "comma", self.skipping and kind == "comma"
            self._clause()
            self.opaque, self.skipping = opaque, skipping
            self.linked = self.linked if kind == "comma" else kind != "but"
        elif kind in ("hedge", "opaque", "neither", "nor"):
            self.hedged, self.opaque = self.hedged or kind == "hedge", self.opaque or kind != "hedge"
        elif kind == "colon":
            if self.pending and self.opaque:
                self._unclear()
            self.opaque = self.denied = False
        elif kind == "would":
            self.soft = True
        elif kind == "eitherway":
            self.found.append(Remark("eitherway"))
        elif kind in ("no", "not"):
            self.denied = True
        elif kind in ("assume", "if", "assumption"):
            self.pending, self.since = "assume" if kind == "assume" else "if", self.at
        elif kind in ("dead", "row"):
            self.found.append(Remark("dead" if kind == "dead" else "unclear"))
        elif kind in ("contradiction", "fits", "feasible"):
            self._outcome(kind)
        elif kind in ("exhausted", "back"):
            self._way_back()
            return True
        else:
            return False
        self.at += 1
        return True

    def _outcome(self, kind: str) -> None:
        """What a check came to; whatever it names after that is only referred to."""
        guessed = self.hedged or (self.pending == "if" and not any(r.kind == "if" for r in self.found))
        if not guessed and (kind == "contradiction" or not self.opaque):
            self.found.append(Remark(kind, value=not self.denied))  # type: ignore[arg-type]
        self._clause()
        self.skipping = True

    def _way_back(self) -> None:
        """Who is exhausted, and who is to be reconsidered."""
        back = next((i for i in range(self.at, self.end) if self.tokens[i].kind == "back"), self.end)
        before, after = self.people(self.at, back), self.people(back, self.end)
        if len(after) == 1 or before:
            kind: Kind = "exhausted" if before else "back"
            self.found.append(Remark(kind, person=after[0] if len(after) == 1 else None, people=before))
        self.at = self.end

    # --- what somebody claims ---

    def _quotation(self) -> bool:
        """A claim with its owner: what is quoted of it, and whether it is called true."""
        start, self.vague = self.at, False
        if self._listing() or self._quoted_first():
            return True
        self.at = start
        called = self._owner()
        if called is None:
            self.at = start
            return False
        owner, value, implied = called
        self.reader.owner = owner
        told, marks = self.at, [self.kind(), self.kind(1)]
        quoted = self._content(owner, implied)
        if marks[0] == "colon" and marks[1] != "quote" and quoted and self._no_quotation(owner, quoted[0]):
            self.at, quoted = told, None  # what the claim comes to, in the author's words
        linked, vague = self.linked or bool(self.found), self.vague or implied
        if quoted is not None:
            self.found.append(Remark("quote", quoted[0], owner, quoted[1], vague=vague))
        verdict = self._called() if value is None else value
        if self.skipping:
            self._refer(owner, value is not False)
        elif verdict is not None and not self.hedged:
            self.found.append(Remark("verdict", None, owner, verdict, linked, vague=vague))
        return True

    def _listing(self) -> bool:
        """``Ada (knight): "Bo is a knave" → True`` at the beginning of a sentence."""
        if self.kind() != "name" or any(token.kind != "dash" for token in self.tokens[: self.at]):
            return False
        owner = self.tokens[self.at].person
        self.at += 4 if self.kind(2) in ROLES and self.kind(1) == self.kind(3) == "dash" else 1
        if self.kind() != "colon":
            return False
        self.at += 1
        first = self.at
        quoted = self._content(owner, False)
        if quoted is None or (self.tokens[first].kind != "quote" and quoted[0] not in self.puzzle.parts[owner]):
            return False
        self.found.append(Remark("quote", quoted[0], owner, quoted[1]))
        place = self.at
        while self.kind() in ("arrow", "dash", "is", "colon"):
            self.at += 1
        if self.at > place and self.kind() in ("true", "false"):
            self.found.append(Remark("verdict", None, owner, self.kind() == "true"))
        return True

    def _no_quotation(self, owner: int, quoted: int) -> bool:
        return self.at < self.end and quoted not in self.puzzle.parts[owner]

    def _refer(self, owner: int, value: bool) -> None:
        """A contradiction, or that there is none, is with this claim."""
        place = next(
            (i for i in range(len(self.found) - 1, -1, -1) if self.found[i].kind in ("contradiction", "fits")), None
        )
        if place is not None:
            outcome = self.found.pop(place)
            self.found.append(replace(outcome, person=owner, called=value))

    def _quoted_first(self) -> bool:
        """``"Bo is a knave," Ada said``; a quotation of nobody is passed over."""
        if self.kind() != "quote" or (self.kind(1) == "name" and self.kind(2) == "quote"):
            return False
        start = self.at
        close = next((i for i in range(start + 1, self.end) if self.tokens[i].kind == "quote"), None)
        if close is None:
            return False
        self.at = close + 1
        while self.kind() in ("comma", "dash") or (self.kind() == "says" and self.kind(1) == "name"):
            self.at += 1
        if self.kind() != "name":
            self.at = close + 1
            return True
        owner, after = self.tokens[self.at].person, self.at + 1
        quoted = self._span(start + 1, close, owner)
        self.at = after + (after < self.end and self.tokens[after].kind in ("says", "claim"))
        if quoted is not None:
            self.found.append(Remark("quote", quoted, owner))
        return True

    def _owner(self) -> tuple[int, bool | None, bool] | None:
        """Whose claim is spoken of, whether it is called a true or false one, and whether the owner is only implied."""
        value: bool | None = None
        first = self.at
        owner = self.person()
        if owner is not None and self.kind(1) in ROLES and self.kind() == self.kind(2) == "dash":
            self.at = first = self.at + 3
        kinds = ("poss", "word", "true", "false", "is", "then", "would") if owner is not None else ("true", "false")
        while self.kind() in kinds and self.at - first < 6:
            value = self.kind() == "true" if self.kind() in ("true", "false") else value
            self.at += 1
        if self.kind() not in ("claim", "says") or (owner is None and self.at - first > 1):
            return None
        self.at += 1
        if owner is None:
            owner = self.person()
        implied = owner is None
        if implied and self.tokens[self.at - 1].kind == "claim":
            owner = self.reader.owner
        if not implied and self.kind() == "says":
            self.at += 1
        return None if owner is None else (owner, value, implied)

    def _content(self, owner: int, implied: bool) -> tuple[int, bool] | None:
        """What is quoted, as far as it is the owner's claim, else as it can be read; and whether it may be a part."""
        start = self.at
        while self.kind() in JOINTS:
            self.at += 1
        first = self.at
        best: tuple[int, int] | None = None
        for commas in (False, True):
            self.at, self.speaker = first, owner
            found = self.expression(commas)
            if found is not None and (best is None or found in self.puzzle.parts[owner]):
                best = (found, self.at)
        self.speaker = None
        if best is not None and implied and best[0] not in self.puzzle.parts[owner]:
            best = None
        self.at = start if best is None else best[1]
        if best is None:
            return None
        whole = any(token.kind == "and" for token in self.tokens[first : self.at])
        while self.kind() == "quote":
            self.at += 1
        return best[0], not whole

    def _span(self, start: int, end: int, owner: int) -> int | None:
        """The proposition between two places, if all of it can be read."""
        inner = Phrases(self.puzzle, self.tokens, start, end, self.named, owner)
        found = inner.expression(False)
        return found if all(token.kind in JOINTS for token in self.tokens[inner.at : end]) else None

    def _called(self) -> bool | None:
        """``is not true`` and the like."""
        start = self.at
        while self.kind() in ("comma", "but"):
            self.at += 1
        copulas = denied = 0
        while self.kind() in ("is", "would", "not") or (copulas and self.kind() == "so"):
            copulas, denied = copulas + 1, denied + (self.kind() == "not")
            self.at += 1
        if not copulas or self.kind() not in ("true", "false", "contradiction"):
            self.at = start
            return None
        self.at += 1
        return (self.tokens[self.at - 1].kind == "true") != bool(denied % 2)

    # --- what is said to hold ---

    def _statement(self) -> bool:
        before, self.vague = self.at, False
        proposition = self.expression(True)
        if proposition is None:
            self.at = before
            return False
        if self.hedged or self.opaque or self.skipping or self.denied:
            self.pending = None if self.skipping else self.pending
            return True
        bare = not self.found and not self.linked and not self.pending and self.kind() in ("", "colon", "arrow", "then")
        soft = self.soft or any(token.kind == "would" for token in self.tokens[before : self.at])
        kind: Kind = self.pending or "state"
        if kind != "assume" and self._called() is False:
            kind, proposition = "state", self.puzzle.everything ^ proposition
        linked = self.linked or bool(self.found)
        self.found.append(Remark(kind, proposition, linked=linked, bare=bare, soft=soft, drawn=self.linked, vague=self.vague))
        self.pending, self.linked = None, self.linked or kind == "if"
        return True


def last_said(puzzle: Puzzle, text: str) -> dict[int, bool]:
    """The role that a text gives each person last, outside of assumptions, conditions and quotations."""
    reader = Reader(puzzle)
    said: dict[int, bool] = {}
    for sentence in sentences(puzzle.names, text):
        for remark in reader.read(sentence):
            if remark.kind == "state" and remark.proposition is not None:
                said.update(puzzle.settled(remark.proposition))
    return said
