"""Who claims what, in the words of somebody else: ``Ada says "Bo is a knave"``, ``so her claim is false``.

A *remark* is one thing that a sentence says; what these read becomes remarks of the kinds ``quote`` and ``verdict``.
"""

from dataclasses import dataclass, replace
from typing import Literal

from understudy.tasks._knights_phrases import ROLES, Phrases

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


class Quotations(Phrases):
    """Reads claims with their owners; ``owner``: who was last quoted."""

    found: list[Remark]
    owner: int | None
    linked = hedged = skipping = False

    def quotation(self) -> bool:
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
        self.owner = owner
        told, marks = self.at, [self.kind(), self.kind(1)]
        quoted = self._content(owner, implied)
        if marks[0] == "colon" and marks[1] != "quote" and quoted and self._no_quotation(owner, quoted[0]):
            self.at, quoted = told, None  # what the claim comes to, in the author's words
        linked, vague = self.linked or bool(self.found), self.vague or implied
        if quoted is not None:
            self.found.append(Remark("quote", quoted[0], owner, quoted[1], vague=vague))
        verdict = self.called() if value is None else value
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
            owner = self.owner
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

    def called(self) -> bool | None:
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
