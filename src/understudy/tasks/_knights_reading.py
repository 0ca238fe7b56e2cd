"""What a sentence says about knights and knaves: read tolerantly, and left alone where it cannot be read.

    Reader(puzzle).read(sentences(puzzle.names, "Since Ada lies, Bo is a knight.")[0])

A sentence becomes *remarks*: an assumption, a condition, a quoted claim, a verdict on a claim, a deduction, a
contradiction, or that all fits. Questions, guesses ("might", "whether") and counts ("at least one") say nothing that
can be checked. "She" and "their claim" are read if only one person was named.
"""

from dataclasses import dataclass, replace

from understudy.tasks._knights_logic import Puzzle
from understudy.tasks._knights_phrases import ROLES
from understudy.tasks._knights_quoting import Kind, Quotations, Remark
from understudy.tasks._knights_words import Sentence, Token


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


class Clauses(Quotations):
    """What some tokens of a sentence say, clause by clause."""

    def __init__(self, reader: Reader, tokens: tuple[Token, ...], at: int, end: int) -> None:
        super().__init__(reader.puzzle, tokens, at, end, reader.named, sure=reader.sure)
        self.reader, self.owner = reader, reader.owner
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
            if not (self._sign() or self.quotation() or self._statement()):
                self.at = start + 1
        if self.pending:
            self._unclear()
        self.reader.owner = self.owner
        return self.found

    def _unclear(self) -> None:
        """Something was assumed that cannot be read, so that what follows from it cannot be checked."""
        since = self.tokens[self.since : self.at]
        content = any(token.kind in (*ROLES, "true", "false", "they", "me") for token in since)
        quotes = any(remark.kind in ("quote", "verdict") for remark in self.found)
        if (content or self.pending != "assume") and not quotes:
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
        elif kind in ("hedge", "opaque", "nor") or (kind == "neither" and self.kind(1) != "name"):
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

    # --- what is said to hold ---

    def _statement(self) -> bool:
        before, self.vague = self.at, False
        proposition = self.expression(True)
        if proposition is None:
            self.at = before
            return False
        if self.hedged or self.opaque or self.skipping or self.denied or self.kind() == "iff":
            self.pending = None if self.skipping else self.pending
            return True
        bare = not self.found and not self.linked and not self.pending and self.kind() in ("", "colon", "arrow", "then")
        soft = self.soft or any(token.kind == "would" for token in self.tokens[before : self.at])
        kind: Kind = self.pending or "state"
        if kind != "assume" and self.called() is False:
            kind, proposition = "state", self.puzzle.everything ^ proposition
        linked = self.linked or bool(self.found)
        self.found.append(
            Remark(kind, proposition, linked=linked, bare=bare, soft=soft, drawn=self.linked, vague=self.vague)
        )
        self.pending, self.linked = None, self.linked or kind == "if"
        return True
