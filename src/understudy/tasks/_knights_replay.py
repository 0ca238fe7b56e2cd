"""Replays what somebody reasoned about knights and knaves, and says at which step it first goes wrong.

    result = replay(puzzle, "Assume Ada is a knight. Then her claim that Bo lies is true, so Bo is a knave. ...")
    result.wrong, result.conclusion                      # null, or "step 2: ..."; and who is a knight in the end

Deductions are judged by what follows in the cases that are open (see ``_knights_cases``). What is said to follow from
premises in its own sentence must follow with these. Steps are judged one by one: what does not follow is not built
upon, and the next step is judged against what was right before. Where an assumption cannot be read, what follows is
passed over until the next one that can; so is a pronoun that may mean another, and what may be an assumption itself.
"""

from dataclasses import dataclass, replace
from textwrap import shorten

from understudy.tasks._knights_cases import Case, Cases
from understudy.tasks._knights_logic import Puzzle
from understudy.tasks._knights_quoting import Remark
from understudy.tasks._knights_reading import Reader
from understudy.tasks._knights_words import Sentence, sentences


@dataclass
class Replay(Cases):
    """Where the reasoning stands after the sentences read so far."""

    wrong: str | None = None
    sentences: int = 0
    read: int = 0
    checked: int = 0
    right: int = 0
    argued: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.run = self.bare = self.puzzle.everything
        self.stated: tuple[bool, ...] | None = None
        self.concluding = False
        self.stale: Case | None = None

    @property
    def conclusion(self) -> tuple[bool, ...] | None:
        """Who is a knight: as last said of everybody, else as it follows from what stands at the end."""
        return self.stated or self._fixed(self.top.assumed & self.top.found)

    def sentence(self, number: int, sentence: Sentence, remarks: list[Remark]) -> None:
        """Check what a sentence says."""
        self.sentences, self.premises = number, self.puzzle.everything
        self.concluding = sentence.tokens[0].kind == "so" and len(remarks) == 1
        if sentence.gap and sentence.tokens[0].kind not in ("then", "but"):
            self.stale = self.top if self.top.tentative else None
            self._close_tentative()
        self.read += bool(remarks)
        kinds = {remark.kind for remark in remarks}
        concludes = kinds <= {"state", "fits", "feasible"} and _concludes(sentence, "state" in kinds)
        before: Remark | None = None
        answers = concludes or self._fixed(self._said(remarks)) is not None
        for remark in remarks:
            if remark.kind != "state":
                self.run = self.puzzle.everything
            elif concludes:
                del self.cases[1:]
            verdict: str | None = "it does not follow" if before and self._clashes(before, remark) else None
            verdict = verdict or self._judged(remark)
            before = remark
            if verdict is None:
                continue
            self.checked += 1
            self._count(remark, answers)
            self.right += verdict == ""
            if verdict and self.wrong is None:
                self.wrong = f"step {number}: {verdict}: '{shorten(sentence.text, 120, placeholder='…')}'"
        if concludes:
            del self.cases[1:]

    def _said(self, remarks: list[Remark]) -> int:
        """What a sentence says that only states something, else 0."""
        stated = [r.proposition or 0 for r in remarks if r.kind == "state"]
        return self.puzzle.known_all(stated) if len(stated) == len(remarks) else 0

    def _count(self, remark: Remark, answers: bool) -> None:
        """Tell the steps of an argument from a list of roles."""
        if remark.kind == "state" and (answers or not remark.drawn) and len(self.cases) == 1:
            self.bare &= remark.proposition or 0
        else:
            self.argued += 1

    @property
    def only_answers(self) -> bool:
        """Whether nothing was checked but who is a knight in the end."""
        roles = self.conclusion
        return not self.argued and (roles is None or bool(self.puzzle.world(roles) & self.bare))

    def _judged(self, remark: Remark) -> str | None:
        verdict: str | None = getattr(self, f"_{remark.kind}")(remark)
        passed = remark.vague or (self.unclear and remark.kind != "quote")
        return None if verdict and passed else verdict

    # --- each kind of remark: null if there is nothing to check, "" if it is right, else what is wrong ---

    def _assume(self, remark: Remark) -> str | None:
        assumed = remark.proposition or 0
        self.unclear = False
        self._close_tentative()
        self._leave(assumed)
        self._open(assumed, False)
        return None

    def _if(self, remark: Remark) -> str | None:
        condition = remark.proposition or 0
        self.unclear = False
        stands = self.top.assumed & self.top.found
        if stands and not stands & ~condition:
            return None
        self._close_tentative()
        self._leave(condition)
        self._open(condition, True)
        return None

    def _unclear(self, remark: Remark) -> str | None:
        self._close_tentative()
        self.unclear = True
        return None

    def _eitherway(self, remark: Remark) -> str | None:
        self._close_tentative()
        self.unclear = False
        return None

    def _dead(self, remark: Remark) -> str | None:
        """A mark or a word that may mean that a case fails."""
        if self.unclear:
            self.unclear = False
        elif len(self.cases) > 1 and not self.top.assumed & self.puzzle.facts:
            self._refute()
            return ""
        return None

    def _quote(self, remark: Remark) -> str | None:
        person = remark.person or 0
        fair = self.puzzle.parts[person] if remark.value else {self.puzzle.claims[person]}
        return "" if remark.proposition in fair else f"{self.puzzle.names[person]} claims something else"

    def _verdict(self, remark: Remark) -> str | None:
        person, claim = remark.person or 0, self.puzzle.claims[remark.person or 0]
        holds = claim if remark.value else self.puzzle.everything ^ claim
        role = self.puzzle.is_a(person, remark.value)
        start = self._start()
        if start & ~role and start & ~holds:
            denied = not start & role or not start & holds
            if (denied or not self._follows(holds, False)) and not self._chained_verdict(person, holds, remark.value):
                if self.top.tentative:
                    self._close_tentative()
                    return self._verdict(remark)
                return f"the claim is not known to be {'true' if remark.value else 'false'}"
        fits = self.top.assumed & self.top.found & holds & role
        return self._take(holds & role if fits else holds)

    def _state(self, remark: Remark) -> str | None:
        said = remark.proposition or 0
        self.run = self.run if remark.vague else self.run & said or said
        self.stated = self._fixed(self.run) or self.stated
        if said in (self.puzzle.everything, 0):
            return None
        if len(self.cases) > 1 and self._restates(said):
            return "it does not follow"
        if self.top.assumed and not self.top.assumed & said:
            if self.top.own & said and self._beside():
                return self._state(remark)
            return self._deny(said)
        if self._follows(said, remark.linked) or self._is_chained(said):
            return self._take(said)
        if self.top.tentative:
            self._close_tentative()
            return self._state(remark)
        return self._otherwise(remark, said)

    def _otherwise(self, remark: Remark, said: int) -> str | None:
        """What does not follow may be an assumption, or be about a case that was left."""
        if remark.bare:
            return self._assume(remark)
        if self.stale and not self.concluding and not self.stale.assumed & self.stale.found & ~said:
            return None
        return None if remark.soft and len(self.cases) == 1 else "it does not follow"

    def _restates(self, said: int) -> bool:
        """Whether an assumption that cannot hold is given as what was found."""
        return self.concluding and self.top.own == said and not self.top.assumed & self.puzzle.facts

    def _contradiction(self, remark: Remark) -> str | None:
        if self.unclear and remark.value:
            self.unclear = False
            return None
        if not remark.value:
            return self._no_contradiction(remark)
        if remark.proposition is not None:
            return self._reductio(remark, remark.proposition)
        if len(self.cases) == 1:
            return None
        if self.top.assumed & self.puzzle.facts and (remark.person is None or self._claimed(remark)):
            if self.top.tentative:
                self._close_tentative()
                return self._contradiction(remark)
            return "there is no contradiction"
        self._refute()
        return ""

    def _no_contradiction(self, remark: Remark) -> str | None:
        if remark.person is not None:
            return "" if self._claimed(remark) else "there is a contradiction"
        if len(self.cases) == 1:
            return None
        if not self.top.assumed & self.top.found and self._beside():
            return self._no_contradiction(remark)
        return "" if self.top.assumed & self.top.found else "there is a contradiction"

    def _fits(self, remark: Remark) -> str | None:
        return self._contradiction(replace(remark, value=not remark.value))

    def _feasible(self, remark: Remark) -> str | None:
        if len(self.cases) == 1 or not remark.value:
            return None if remark.value else self._contradiction(Remark("contradiction"))
        if not self.top.assumed & self.puzzle.facts:
            return self._feasible(remark) if self._beside() else "not all claims fit"
        self.stated = self._fixed(self.top.assumed & self.top.found) or self.stated
        return ""

    def _exhausted(self, remark: Remark) -> str | None:
        place = self._opened_by(remark.person)
        if place is None:
            return "nothing was assumed that could be reconsidered"
        tried = set().union(*(case.tried for case in self.cases[place:]))
        if self.cases[place].assumed & self.puzzle.facts:
            return "not all possibilities fail"
        if not set(remark.people) <= tried - {remark.person}:
            return "not all possibilities were tried"
        del self.cases[place + 1 :]
        self._refute()
        return ""

    def _back(self, remark: Remark) -> str | None:
        place = self._opened_by(remark.person)
        if place is not None:
            del self.cases[place:]
        return None

    def _refute(self) -> None:
        super()._refute()
        self.stated = None

    def _deny(self, said: int) -> str:
        """To deny what was assumed closes the case, rightly if the case has no solution."""
        place = self._denied(said) or 1
        if self.cases[place].assumed & self.puzzle.facts:
            return "it denies an assumption that fits"
        del self.cases[place + 1 :]
        self._refute()
        self.top.found &= said
        return ""

    def _reductio(self, remark: Remark, said: int) -> str:
        """``said``, because otherwise there would be a contradiction (with a claim)."""
        denial = self.puzzle.everything ^ said
        self.top.tried |= set(self.puzzle.settled(said))
        if remark.person is None:
            fails = not self.top.assumed & denial & self.puzzle.facts
        else:
            role = self.puzzle.is_a(remark.person, remark.called)
            start = (self._start() & denial) or (self.top.assumed & denial)
            fails = bool(start) and not start & ~role and not start & self._claim(remark)
            free = self.puzzle.forget(self._start(), said)
            if not free & ~role and not free & self._claim(remark):
                fails = False  # the claim fails whatever is said here: it is no reason for it
        if not fails:
            return "there is no such contradiction"
        self.top.found &= said
        return ""


def replay(puzzle: Puzzle, text: str) -> Replay:
    """Read and check a whole text. Sentences that say nothing that can be checked are passed over and counted."""
    state, reader = Replay(puzzle), Reader(puzzle)
    for number, sentence in enumerate(sentences(puzzle.names, text), 1):
        state.sentence(number, sentence, reader.read(sentence))
    return state


def _concludes(sentence: Sentence, states: bool) -> bool:
    """Whether a sentence announces or gives the answer."""
    kinds = [token.kind for token in sentence.tokens]
    return "conclude" in kinds and (states or kinds[-1] == "colon")
