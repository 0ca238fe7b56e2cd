"""Propositions in words: ``if Ada lies then Bo is a knight``, ``Knights: Ada, Bo``.

Phrases(puzzle, sentences(puzzle.names, "Ada and Bo are knaves.")[0].tokens, 0, 5).expression(True)
"""

from dataclasses import dataclass

from understudy.tasks._knights_logic import Puzzle
from understudy.tasks._knights_words import Token

COPULA = frozenset(("is", "would", "not", "colon", "dash", "arrow", "poss", "quote"))
ROLES = frozenset(("knight", "knave"))


@dataclass
class Phrases:
    """The tokens from ``at`` to ``end`` of a sentence, read from left to right.

    ``named``: who was spoken of before; ``speaker``: who says "I"; ``vague``: a pronoun was read that may mean
    another, which it cannot if ``sure``.
    """

    puzzle: Puzzle
    tokens: tuple[Token, ...]
    at: int
    end: int
    named: frozenset[int] = frozenset()
    speaker: int | None = None
    vague: bool = False
    sure: bool = False

    def kind(self, ahead: int = 0) -> str:
        """The kind of a token, "" past the end."""
        place = self.at + ahead
        return self.tokens[place].kind if place < self.end else ""

    def people(self, start: int, end: int) -> tuple[int, ...]:
        return tuple(token.person for token in self.tokens[start:end] if token.kind == "name")

    def person(self) -> int | None:
        """The person named here, or meant by a pronoun that can mean only one."""
        kind = self.kind()
        if kind == "name":
            self.at += 1
            return self.tokens[self.at - 1].person
        if kind == "me" and self.speaker is not None:
            self.at += 1
            return self.speaker
        if kind in ("they", "own"):
            here = frozenset(self.people(0, self.at))
            named = here or self.named
            if len(named) == 1:
                self.vague = self.vague or not (self._near() if here else self.sure)
                self.at += 1
                return next(iter(named))
        return None

    def _near(self) -> bool:
        """Whether the pronoun here means the person named before it in the sentence: no "so" is between."""
        if self.named <= frozenset(self.people(0, self.at)):
            return True
        last = max(i for i in range(self.at) if self.tokens[i].kind == "name")
        return all(token.kind != "so" for token in self.tokens[last : self.at])

    def expression(self, commas: bool) -> int | None:
        """``A if and only if B``, ``if A then B``, ``A if B``; null if there is none here."""
        left = self._implication(commas)
        while left is not None and self.kind() in ("iff", "if"):
            sign, place = self.kind(), self.at
            self.at += 1
            right = self._either(commas)
            if right is None:
                self.at = place
                break
            left = self.puzzle.everything ^ left ^ right if sign == "iff" else left | (self.puzzle.everything ^ right)
        return left

    def _implication(self, commas: bool) -> int | None:
        if self.kind() != "if":
            return self._either(commas)
        self.at += 1
        condition = self._either(False)
        while self.kind() in ("comma", "then"):
            self.at += 1
        result = None if condition is None else self._either(commas)
        return None if condition is None or result is None else result | (self.puzzle.everything ^ condition)

    def _either(self, commas: bool) -> int | None:
        left = self._both(commas)
        while left is not None and self.kind() == "or":
            place = self.at
            self.at += 1
            right = self._both(commas)
            if right is None:
                self.at = place
                break
            left |= right
        return left

    def _both(self, commas: bool) -> int | None:
        left = self._atom()
        while left is not None:
            place = self.at
            for joint in ("quote", "dash", "comma", "and", "quote") if commas else ("and",):
                self.at += self.kind() == joint
            right = self._atom() if self.at > place else None
            if right is None:
                self.at = place
                break
            left &= right
        return left

    def _atom(self) -> int | None:
        """``Ada and Bo are not knaves``, ``Ada lies``, ``Ada: knight`` or ``Knights: Ada, Bo``."""
        start = self.at
        found = self._listed() if self.kind() in ROLES else self._attributed()
        if found is None:
            self.at = start
        return found

    def _attributed(self) -> int | None:
        copulas, denied = 0, int(self.kind() == "neither")
        self.at += denied
        people, either = self._subjects()
        if not people:
            return None
        while self.kind() in COPULA:
            copulas, denied = copulas + 1, denied + (self.kind() == "not")
            self.at += 1
        role = self.kind()
        if role not in ROLES or (not copulas and len(self.puzzle.names[people[-1]]) == 1):
            return None
        self.at += 1
        if self.kind() == "or" and self.kind(1) in ROLES:
            self.at += 2
            return self.puzzle.everything
        if self.kind() == "and" and self.kind(1) in ROLES and self.kind(2) not in (*ROLES, "is", "false", "word"):
            self.at += 2
            return self.puzzle.everything if denied % 2 else 0
        return self._joined(people, (role == "knight") != bool(denied % 2), either)

    def _listed(self) -> int | None:
        role = self.kind()
        self.at += 1
        if self.speaker is not None or self.kind() not in ("colon", "is", "dash"):
            return None
        self.at += 1
        people, either = self._subjects()
        return None if not people or self.kind() in COPULA | ROLES else self._joined(people, role == "knight", either)

    def _subjects(self) -> tuple[list[int], bool]:
        """The people named one after another, and whether "or" stands between them."""
        people: list[int] = []
        either = False
        place = self.at
        while (person := self.person()) is not None:
            people.append(person)
            place = self.at
            while self.kind() in ("comma", "and", "or", "nor"):
                either = either or self.kind() == "or"
                self.at += 1
            if self.at == place:
                break
        self.at = place
        return people, either

    def _joined(self, people: list[int], knight: bool, either: bool) -> int:
        found = self.puzzle.is_a(people[0], knight)
        for person in people[1:]:
            other = self.puzzle.is_a(person, knight)
            found = found | other if either else found & other
        return found
