"""The cases that somebody who reasons about knights and knaves has open, and what follows in them.

    cases = Cases(puzzle)
    cases.open(puzzle.is_a(0, True), tentative=False)
    cases.follows(puzzle.is_a(1, False), linked=False)

A deduction follows if it holds in every world that fits the assumptions, what was found so far, and *some set of
claims* (each made by a knight exactly if it is true) that does not contradict them; or if it can be inferred role by
role, each from roles inferred before and one claim. Plain entailment by all claims would let anything follow from a
wrong assumption.
"""

from dataclasses import dataclass, field

from understudy.tasks._knights_logic import Puzzle
from understudy.tasks._knights_quoting import Remark


@dataclass
class Case:
    """``assumed`` and ``found`` hold with those of the cases around it; ``own`` is the assumption that opened it.

    ``here``: only what was found in this case.
    """

    own: int
    assumed: int
    found: int
    tentative: bool = False
    here: int = -1
    tried: set[int] = field(default_factory=set)


@dataclass
class Cases:
    """What is assumed and found, innermost case last, and the ``premises`` of the sentence that is read."""

    puzzle: Puzzle

    def __post_init__(self) -> None:
        everything = self.puzzle.everything
        self.cases = [Case(everything, everything, everything)]
        self.premises = everything
        self.unclear = False
        """Whether something was assumed that could not be read."""

    @property
    def top(self) -> Case:
        """The innermost case."""
        return self.cases[-1]

    def _open(self, assumed: int, tentative: bool) -> None:
        if self.top.assumed & ~assumed or tentative:
            top = self.top
            self.cases.append(Case(assumed, top.assumed & assumed, top.found & assumed, tentative))
            self.top.tried |= set(self.puzzle.settled(assumed))

    def _close_tentative(self) -> None:
        if self.top.tentative:
            self.cases.pop()

    def _leave(self, assumed: int) -> None:
        """Leave the cases that an assumption denies: it opens another one beside them."""
        place = self._denied(assumed)
        if place is not None:
            self.cases[place - 1].tried |= self.cases[place].tried
            del self.cases[place:]

    def _denied(self, said: int) -> int | None:
        return next((i for i, case in enumerate(self.cases) if i and not case.assumed & said), None)

    def _opened_by(self, person: int | None) -> int | None:
        """The innermost case that assumes a role for a person (null: any case)."""
        places = range(len(self.cases) - 1, 0, -1)
        return next((i for i in places if person is None or person in self.puzzle.settled(self.cases[i].own)), None)

    def _refute(self) -> None:
        """The innermost case has no solution: its assumption is false in the case around it."""
        case = self.cases.pop()
        self.top.found &= ~case.own
        self.top.tried |= case.tried

    def _beside(self) -> bool:
        """Take the innermost case for one beside the others instead of within them, which texts seldom say."""
        if len(self.cases) < 3:
            return False
        own = self.top.own
        self.cases[1:] = [Case(own, own, own, self.top.tentative)]
        return True

    def _start(self) -> int:
        """What stands: the assumptions with what was found, or alone where these contradict each other."""
        assumed = self.top.assumed & self.premises
        return assumed & self.top.found or assumed & self.top.here or assumed or self.top.assumed

    def _claim(self, remark: Remark) -> int:
        claim = self.puzzle.claims[remark.person or 0]
        return claim if remark.called else self.puzzle.everything ^ claim

    def _claimed(self, remark: Remark) -> int:
        """What can hold if a claim is as it is called, and so is who made it."""
        return self._start() & self.puzzle.is_a(remark.person or 0, remark.called) & self._claim(remark)

    def _follows(self, said: int, linked: bool) -> bool:
        """As the first lines of this file say; ``linked``: with the premises of the same sentence."""
        assumed = self.top.assumed
        starts = [assumed & self.premises & self.top.found, assumed & self.premises if linked else assumed]
        return any(
            start & known and not start & known & ~said for start in starts for known in self.puzzle.known if start
        )

    def _roles(self) -> dict[int, frozenset[int]]:
        """The roles that can be inferred one from the other, though the case cannot hold."""
        top = self.top
        return self.puzzle.chained(
            self.puzzle.roles_in(top.assumed) | self.puzzle.roles_in(top.found) | self.puzzle.roles_in(self.premises)
        )

    def _is_chained(self, said: int) -> bool:
        roles = self.puzzle.roles_in(said)
        chained = self._roles()
        if self.puzzle.known_all(roles) != said or not roles <= chained.keys():
            return False
        return bool(self.puzzle.known_all(role for part in roles for role in chained[part]))

    def _chained_verdict(self, person: int, holds: int, value: bool) -> bool:
        roles = self._roles()
        if self.puzzle.is_a(person, value) in roles:
            return True
        sure = self.puzzle.known_all(role for role in roles if self.puzzle.everything ^ role not in roles)
        return not sure & ~holds

    def _take(self, said: int) -> str:
        """Build on what follows."""
        if not self.unclear:
            self.top.found &= said
            self.top.here &= said
        self.premises &= said
        return ""

    def _fixed(self, proposition: int) -> tuple[bool, ...] | None:
        if proposition.bit_count() != 1:
            return None
        return self.puzzle.roles(proposition.bit_length() - 1)

    def _clashes(self, before: Remark, remark: Remark) -> bool:
        """Whether something is said to follow from what denies it."""
        if remark.kind != "state" or not remark.drawn or before.kind not in ("state", "verdict"):
            return False
        said, person = remark.proposition or 0, before.person or 0
        if before.kind == "state":
            return not said & (before.proposition or 0) and bool(before.proposition)
        holds = self.puzzle.claims[person] if before.value else self.puzzle.everything ^ self.puzzle.claims[person]
        denied = not said & holds or not said & self.puzzle.is_a(person, before.value)
        return bool(holds & ~said) and denied
