"""What is true on the island: propositions about knights and knaves as sets of worlds.

    puzzle = read_puzzle(("Ada", "Bo"), "(('lying', 1), ('and', ('telling-truth', 0), ('telling-truth', 1)))")
    puzzle.solution                                                  # (True, False): Ada is a knight, Bo a knave

A *world* says of everyone whether they are a knight: bit ``i`` of its number is 1 if person ``i`` is one. A
*proposition* is the set of worlds in which it holds, as an integer with one bit a world, so that "and" is ``&`` and
"B follows from A" is ``A & ~B == 0``. The statements are nested tuples, as in the files of Xie et al. (On
Memorization of Large Language Models in Logical Reasoning, arXiv 2410.23123).
"""

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

LARGEST = 10
"""People in a puzzle, at most: the checker goes through all sets of their claims."""
LONGEST, DEEPEST = 20_000, 40
"""Characters and brackets deep of a text of statements, at most."""
OPERATORS = {"not": 1, "->": 2, "<=>": 2, "and": None, "or": None}
"""How many parts a statement has (null: any number)."""

Statement = tuple[object, ...]


class Unreadable(ValueError):
    """Statements that are no puzzle; the message says why, in words that go after a row's number."""


@dataclass(frozen=True)
class Puzzle:
    """Who says what. ``claims[i]`` is the proposition that person ``i`` claims, ``parts[i]`` what it is made of."""

    names: tuple[str, ...]
    statements: tuple[Statement, ...]

    @cached_property
    def everything(self) -> int:
        """The proposition that always holds."""
        return (1 << (1 << len(self.names))) - 1

    @cached_property
    def knights(self) -> tuple[int, ...]:
        """The propositions "person ``i`` is a knight"."""
        worlds = range(1 << len(self.names))
        return tuple(sum(1 << world for world in worlds if world >> i & 1) for i in range(len(self.names)))

    @cached_property
    def claims(self) -> tuple[int, ...]:
        """What each person claims."""
        return tuple(self.holds(statement) for statement in self.statements)

    @cached_property
    def parts(self) -> tuple[frozenset[int], ...]:
        """What a fair quotation of each person may say: the whole claim, or one side of an "and"."""
        sides = [s[1:] if s[0] == "and" else () for s in self.statements]
        return tuple(
            frozenset([claim, *(self.holds(part) for part in side)])  # type: ignore[arg-type]
            for claim, side in zip(self.claims, sides, strict=True)
        )

    @cached_property
    def rules(self) -> tuple[int, ...]:
        """What is known because person ``i`` spoke: they are a knight exactly if the claim holds."""
        return tuple(self.everything ^ knight ^ claim for knight, claim in zip(self.knights, self.claims, strict=True))

    @cached_property
    def known(self) -> tuple[int, ...]:
        """What follows from each set of rules: entry ``s`` joins the rules of the people in the bits of ``s``."""
        joined = [self.everything]
        for rule in self.rules:
            joined += [rule & other for other in joined]
        return tuple(sorted(set(joined)))

    @cached_property
    def facts(self) -> int:
        """All rules together."""
        return self.known_all(self.rules)

    @cached_property
    def solutions(self) -> tuple[tuple[bool, ...], ...]:
        """The worlds in which everybody spoke as they must."""
        return tuple(self.roles(world) for world in range(1 << len(self.names)) if self.facts >> world & 1)

    @property
    def solution(self) -> tuple[bool, ...]:
        """The one world that is left; a puzzle from ``read_puzzle`` has one."""
        return self.solutions[0]

    def known_all(self, propositions: Iterable[int]) -> int:
        """All of them hold."""
        joined = self.everything
        for proposition in propositions:
            joined &= proposition
        return joined

    def is_a(self, person: int, knight: bool) -> int:
        """The proposition that a person is a knight, or a knave."""
        return self.knights[person] if knight else self.everything ^ self.knights[person]

    def world(self, roles: Sequence[bool]) -> int:
        """The proposition that fixes everybody."""
        return self.known_all(self.is_a(person, knight) for person, knight in enumerate(roles))

    def roles(self, world: int) -> tuple[bool, ...]:
        """Who is a knight in a world."""
        return tuple(bool(world >> i & 1) for i in range(len(self.names)))

    @cached_property
    def clauses(self) -> frozenset[tuple[frozenset[int], int]]:
        """What each rule says of one person given others: the roles that are needed, and the role that follows."""
        found = set()
        for rule in self.rules:
            for needed in self._corners(
                [p for p, knight in enumerate(self.knights) if self.forget(rule, knight) != rule]
            ):
                known = self.roles_in(needed)
                found |= {(known, role) for role in self.roles_in(needed & rule) - known}
        return frozenset(found)

    def _corners(self, people: Sequence[int]) -> list[int]:
        """All the ways to fix some of these people."""
        corners = [self.everything]
        for person in people[:4]:
            corners += [
                corner & role for corner in corners for role in (self.is_a(person, True), self.is_a(person, False))
            ]
        return corners

    def chained(self, roles: frozenset[int]) -> dict[int, frozenset[int]]:
        """The roles that can be inferred one from the other, and what each was inferred from (itself included).

        In the end two of them may contradict each other, but no single inference is made from such a pair.

        Each step uses one claim and the roles inferred before. It is what a person finds who looks for a
        contradiction, and does not let anything follow from it.
        """
        found = {role: frozenset([role]) for role in roles}
        while True:
            new: dict[int, frozenset[int]] = {}
            for needed, role in self.clauses:
                if role not in found and needed <= found.keys():
                    support = frozenset([role]).union(*(found[other] for other in needed))
                    if self.known_all(support):
                        new.setdefault(role, support)
            if not new:
                return found
            found |= new

    def roles_in(self, proposition: int) -> frozenset[int]:
        """The roles that a proposition fixes, as propositions."""
        return frozenset(self.is_a(person, knight) for person, knight in self.settled(proposition).items())

    def forget(self, proposition: int, other: int) -> int:
        """What is left of a proposition if nothing is known of the people whom the other one settles."""
        for person in self.settled(other):
            knight, shift = self.knights[person], 1 << person
            proposition |= (proposition & knight) >> shift | (proposition & ~knight) << shift
        return proposition

    def settled(self, proposition: int) -> dict[int, bool]:
        """The people whose role a proposition fixes, and the role; nobody if it cannot hold."""
        if not proposition:
            return {}
        found = {}
        for person, knight in enumerate(self.knights):
            if not proposition & ~knight or not proposition & knight:
                found[person] = not proposition & ~knight
        return found

    def holds(self, statement: Statement) -> int:
        """The proposition of a statement. Raises ``Unreadable``."""
        match statement:
            case ("telling-truth" | "lying" as kind, int(person)) if 0 <= person < len(self.names):
                return self.is_a(person, kind == "telling-truth")
            case (str(operator), *parts) if parts and OPERATORS.get(operator, 0) in (None, len(parts)):
                return self._joined(
                    operator, [self.holds(part) for part in parts if isinstance(part, tuple)], len(parts)
                )
        raise Unreadable(f"{str(statement)[:60]!r} is no statement")

    def _joined(self, operator: str, parts: list[int], wanted: int) -> int:
        if len(parts) != wanted:
            raise Unreadable(f"'{operator}' has a part that is no statement")
        if operator == "and":
            return self.known_all(parts)
        if operator == "not":
            return self.everything ^ parts[0]
        if operator == "<=>":
            return self.everything ^ parts[0] ^ parts[1]
        joined = self.everything ^ parts[0] if operator == "->" else parts[0]
        for part in parts[1:]:
            joined |= part
        return joined


@lru_cache(maxsize=4096)
def read_puzzle(names: tuple[str, ...], statements: str) -> Puzzle:
    """A puzzle with one solution from its statements as text. Raises ``Unreadable`` with the reason."""
    if not 2 <= len(names) <= LARGEST or len({name.casefold() for name in names}) != len(names):
        raise Unreadable(f"it needs 2 to {LARGEST} people with different names")
    found = parse(statements)
    if len(found) != len(names):
        raise Unreadable(f"it has {len(names)} names and {len(found)} statements")
    puzzle = Puzzle(names, found)
    if len(puzzle.solutions) != 1:
        raise Unreadable(f"it has {len(puzzle.solutions)} solutions instead of one")
    return puzzle


def parse(text: str) -> tuple[Statement, ...]:
    """The nested tuples of a Python literal, never evaluated. Raises ``Unreadable``."""
    depth = deepest = 0
    for character in text[: LONGEST + 1]:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if len(text) > LONGEST or deepest > DEEPEST:
        raise Unreadable("its statements are too long")
    try:
        found = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise Unreadable("its statements are no nested tuples") from None
    if not isinstance(found, tuple) or not all(isinstance(statement, tuple) and statement for statement in found):
        raise Unreadable("its statements are no nested tuples")
    return found


def words(names: Sequence[str], statement: Statement) -> str:
    """A statement in words: ``Ada is a knight or Bo is a knave``."""
    match statement:
        case ("telling-truth", int(person)):
            return f"{names[person]} is a knight"
        case ("lying", int(person)):
            return f"{names[person]} is a knave"
        case ("not", (kind, int(person))):
            return f"{names[person]} is not a {'knight' if kind == 'telling-truth' else 'knave'}"
        case ("->", tuple(first), tuple(second)):
            return f"if {words(names, first)} then {words(names, second)}"
        case ("<=>", tuple(first), tuple(second)):
            return f"{words(names, first)} if and only if {words(names, second)}"
        case (("and" | "or") as operator, *parts):
            return f" {operator} ".join(words(names, part) for part in parts if isinstance(part, tuple))
    return f"it is not so that {words(names, statement[1])}" if isinstance(statement[1], tuple) else ""
