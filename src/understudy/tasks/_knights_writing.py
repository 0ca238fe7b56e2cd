"""Makes puzzles about knights and knaves, and traces that solve them by assuming and refuting.

puzzle = make_puzzle(3, stream(0, "knights", 0))
print(write(puzzle, frozenset(), [0, 1, 2]))
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from understudy.tasks._knights_logic import Puzzle, Statement, words

NAMES = (
    *("Abel", "Bianca", "Cyril", "Dora", "Edgar", "Flora", "Gustav", "Hilda", "Ivan", "Judith", "Kamal", "Leonie"),
    *("Marta", "Nadia", "Otto", "Petra", "Quentin", "Rosa", "Stefan", "Tilda", "Ulrich", "Vera", "Walter", "Xenia"),
)
SAYINGS = (
    '{name} says: "{claim}".',
    "{name} claims that {claim}.",
    '"{claim}," says {name}.',
    "{name} states that {claim}.",
)
CONNECTIVES = ("and", "or", "->", "<=>")


def make_puzzle(people: int, rng: Random) -> Puzzle:
    """A puzzle with exactly one solution."""
    names = tuple(rng.sample(NAMES, people))
    while True:
        puzzle = Puzzle(names, tuple(_statement(people, person, rng) for person in range(people)))
        if len(puzzle.solutions) == 1:
            return puzzle


def _statement(people: int, speaker: int, rng: Random) -> Statement:
    """A third are about one person; nobody calls themselves a knave, which nobody could say."""
    others = [person for person in range(people) if person != speaker]
    if rng.random() < 1 / 3:
        kind = rng.choice(("telling-truth", "lying"))
        return ("not", (kind, rng.choice(others))) if rng.random() < 0.3 else (kind, rng.choice(others))
    pair = rng.sample(range(people), 2)
    return (rng.choice(CONNECTIVES), *((rng.choice(("telling-truth", "lying")), person) for person in pair))


def prompt(puzzle: Puzzle, rng: Random) -> str:
    """The puzzle in words."""
    said = [
        rng.choice(SAYINGS).format(name=name, claim=words(puzzle.names, statement))
        for name, statement in zip(puzzle.names, puzzle.statements, strict=True)
    ]
    who = f"{', '.join(puzzle.names[:-1])} and {puzzle.names[-1]}"
    return (
        "Everybody in this town is either a knight, whose claims are all true, or a knave, whose claims are all false. "
        f"You talk to {who}. {' '.join(said)} Who is a knight, and who is a knave?"
    )


def answer(names: Sequence[str], roles: Sequence[bool]) -> str:
    """``(1) Ada is a knight``, one person a line."""
    return "\n".join(
        f"({i}) {_role(name, knight)}" for i, (name, knight) in enumerate(zip(names, roles, strict=True), 1)
    )


def wrong_worlds(puzzle: Puzzle) -> list[tuple[bool, ...]]:
    """The worlds in which the fewest people, but somebody, spoke as they must not, and there the most roles differ.

    A trace that misjudges these people's claims, and is right in all else, leads to such a world.
    """
    worlds = [puzzle.roles(world) for world in range(1 << len(puzzle.names))]
    worlds.remove(puzzle.solution)

    def key(roles: tuple[bool, ...]) -> tuple[int, int]:
        return len(misjudged(puzzle, roles)), sum(a == b for a, b in zip(roles, puzzle.solution, strict=True))

    return [roles for roles in worlds if key(roles) == min(map(key, worlds))]


def misjudged(puzzle: Puzzle, roles: Sequence[bool]) -> frozenset[int]:
    """Who did not speak as they must, were this the world."""
    world = puzzle.world(roles)
    return frozenset(person for person, rule in enumerate(puzzle.rules) if not world & rule)


def write(puzzle: Puzzle, wrong: frozenset[int], order: Sequence[int]) -> str | None:
    """The trace of a search through the cases in an order of people, knights first.

    The claims of the people in ``wrong`` are called false where they are true, and the other way round. Null if then
    no case is left.
    """
    search = _Search(puzzle, wrong, order)
    roles = search.solve(puzzle.everything, frozenset())
    if roles is None:
        return None
    listed = ", ".join(_role(name, knight) for name, knight in zip(puzzle.names, roles, strict=True))
    return "\n".join([*search.lines, f"Every claim fits, so the answer is: {listed}."])


@dataclass
class _Search:
    puzzle: Puzzle
    wrong: frozenset[int]
    order: Sequence[int]
    lines: list[str] = field(default_factory=list)

    def solve(self, known: int, used: frozenset[int]) -> tuple[bool, ...] | None:
        """The roles of everybody, or null after a contradiction; ``used``: whose claims were judged."""
        while True:
            settled = self.puzzle.settled(known)
            person = next((p for p in self.order if p in settled and p not in used), None)
            if person is None:
                break
            used |= {person}
            known = self._judge(person, settled[person], known)
            if not known:
                return None
        free = next((p for p in self.order if p not in settled), None)
        if free is None:
            return tuple(settled[p] for p in range(len(self.puzzle.names)))
        return self._split(free, known, used)

    def _split(self, person: int, known: int, used: frozenset[int]) -> tuple[bool, ...] | None:
        name = self.puzzle.names[person]
        self.lines.append(f"Assume {name} is a knight.")
        found = self.solve(known & self.puzzle.is_a(person, True), used)
        if found is not None:
            return found
        self.lines.append(f"So {name} is a knave.")
        return self.solve(known & self.puzzle.is_a(person, False), used)

    def _judge(self, person: int, knight: bool, known: int) -> int:
        """Call a claim true or false, and draw what follows from it."""
        puzzle = self.puzzle
        true = knight != (person in self.wrong)
        claim = puzzle.claims[person] if true else puzzle.everything ^ puzzle.claims[person]
        quoted = words(puzzle.names, puzzle.statements[person])
        name = puzzle.names[person]
        line = f"{_role(name, knight)}, so the claim of {name} that {quoted} is {'true' if true else 'false'}"
        if not known & claim:
            self.lines.append(f"{line}, which is a contradiction.")
            return 0
        before, after = puzzle.settled(known), puzzle.settled(known & claim)
        new = [_role(puzzle.names[p], after[p]) for p in self.order if p in after and p not in before]
        self.lines.append(f"{line}, so {' and '.join(new)}." if new else f"{line}.")
        return known & claim


def _role(name: str, knight: bool) -> str:
    return f"{name} is a {'knight' if knight else 'knave'}"
