"""Budget forcing (s1, arXiv 2501.19393): reasoning is ended after so many tokens, or kept from ending so many times.

    forcing = Forcing.of(tokenizer, tags_of(tokenizer, "…<think>\n"), vocabulary, max_thinking=4000, wait=2, device=…)
    chosen, back, budget = forcing.step(budget, chosen, ends)    # of all rows at once, after each token

Tags are looked for in the text, not in the tokens: where a tag is several tokens, or part of one, it is found all the
same, by an automaton over its characters with a transition for every token of the vocabulary. When a tag of several
tokens is not to be, its tokens are taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch

from understudy import markers
from understudy.errors import InputError

WAIT = "Wait"
BEFORE, INSIDE, AFTER = range(3)
"""Where a text is: before its reasoning, in it, or past it."""
CHANNELS = ("<|channel|>analysis<|message|>", "<|end|>", "<|end|><|start|>assistant<|channel|>final<|message|>")
"""Of gpt-oss."""


class Tags(NamedTuple):
    """What opens reasoning, what closes it, and what is written to close it."""

    start: str
    end: str
    written: str


def tags_of(tokenizer: Any, prompt: str) -> Tags:
    """The tags that a model uses: those its prompt opens, else those that its tokenizer or its template knows."""
    known = set(tokenizer.get_vocab())
    if markers.CHANNEL in known:
        return Tags(*CHANNELS)
    template = str(tokenizer.chat_template or "")
    opened = [(start, end) for start, end in markers.TAGS if prompt.rstrip().endswith(start)]
    named = [(start, end) for start, end in markers.TAGS if end in known]
    shown = [(start, end) for start, end in markers.TAGS if end in template]
    start, end = [*opened, *named, *shown, (markers.OPEN, markers.CLOSE)][0]
    return Tags(start, end, end)


@dataclass(frozen=True)
class Forcing:
    """What is looked for in each text, and what is written into it.

    ``tables`` (2, states, vocabulary): how many characters of the opening and of the closing tag stand at the end of a
    text, after a token; ``sizes`` are the lengths of the tokens in characters, ``whole`` those of the tags.
    ``sequences`` (2, tokens) are the closing tag and "Wait", and ``lengths`` theirs.
    """

    tables: torch.Tensor
    sizes: torch.Tensor
    whole: torch.Tensor
    sequences: torch.Tensor
    lengths: torch.Tensor
    max_thinking: int | None
    wait: int

    FIELDS: ClassVar = ("phase", "thought", "match", "partial", "kind", "place", "forced", "ended", "waits")
    """Of a text: where it is; tokens of reasoning; characters of a tag at its end, and the tokens that they are in;
    which sequence is written into it, and how far it got (0: none is); tokens that were written into it, and why."""

    @classmethod
    def of(
        cls, tokenizer: Any, tags: Tags, vocabulary: int, max_thinking: int | None, wait: int, device: Any
    ) -> "Forcing":
        """For one model. Raises ``InputError`` if its tokenizer cannot write what is to be written."""
        pieces = tokenizer.convert_ids_to_tokens(list(range(min(len(tokenizer), vocabulary))))
        pieces = [piece or "" for piece in pieces] + [""] * max(0, vocabulary - len(tokenizer))
        longest = max(len(tags.start), len(tags.end))
        tables = torch.zeros(2, longest + 1, vocabulary, dtype=torch.uint8)
        for number, tag in enumerate((tags.start, tags.end)):
            for state, token, then in transitions(tag, pieces):
                tables[number, state, token] = then
        needed = ((tags.written, max_thinking is not None), (WAIT, wait > 0))
        written = [_encoded(tokenizer, text) if used else [0] for text, used in needed]
        width = max(map(len, written))
        return cls(
            tables.to(device),
            torch.tensor([len(piece) for piece in pieces], device=device),
            torch.tensor([len(tags.start), len(tags.end), longest + 1], device=device),
            torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in written], device=device),
            torch.tensor([len(ids) for ids in written], device=device),
            max_thinking,
            wait,
        )

    @classmethod
    def begin(cls, thinks: bool) -> list[int]:
        """The fields of a text of which nothing was written; ``thinks``: its prompt opened the reasoning."""
        return [INSIDE if thinks else BEFORE, *[0] * (len(cls.FIELDS) - 1)]

    def step(
        self, budget: torch.Tensor, chosen: torch.Tensor, ends: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What each row reads next in place of the token that was ``chosen``, which may end it (``ends``).

        Also how many tokens of the text are taken back before that, and the fields as they are then.
        """
        phase, thought, match, partial, kind, place, forced, ended, waits = budget.unbind(1)
        under_way = place > 0
        token = torch.where(under_way, self.sequences[kind, place.clamp_max(self.sequences.shape[1] - 1)], chosen)
        now = self.tables[phase.clamp_max(INSIDE), match, token].long()
        now = torch.where(under_way | (phase == AFTER), 0, now)
        found = now == self.whole[phase]
        free = (phase == INSIDE) & ~under_way

        spent = thought >= self.max_thinking if self.max_thinking is not None else torch.zeros_like(free)
        closes = free & (found | ends)
        waiting = closes & ~spent & (waits < self.wait)
        ending = free & spent & ~found & (ends | (now == 0))
        new = waiting | ending
        kind = torch.where(new, waiting.long(), kind)
        token = torch.where(new, self.sequences[kind, 0], token)
        back = torch.where(new, partial, 0)

        started = torch.where(new, 1, torch.where(under_way, place + 1, 0))
        place = torch.where(started >= self.lengths[kind], 0, started)
        goes_on = (now > 0) & ~found & ~new
        anew = now != match + self.sizes[token]  # what looked like the start of a tag was none
        text = torch.where(goes_on, torch.where(anew, partial, 0), partial + 1)
        grown = torch.where(free & ~new & ~closes, text, 0) + ((phase == INSIDE) & (under_way | waiting))
        opened, over = (phase == BEFORE) & found, ending | (closes & ~waiting)
        phase = torch.where(opened, INSIDE, torch.where(over, AFTER, phase))
        fields = (
            phase,
            thought + grown,
            torch.where(goes_on, now, 0),
            torch.where(goes_on, torch.where(anew, 0, partial) + 1, 0),
            kind,
            place,
            forced + (new | under_way),
            ended + ending,
            waits + waiting,
        )
        return token, back, torch.stack(fields, 1)


def transitions(tag: str, pieces: Sequence[str]) -> list[tuple[int, int, int]]:
    """(state, token, state then): how much of a tag stands at the end of a text; where none does is left out.

    A state is a number of characters; the length of the tag is the last one, and means that the tag stands somewhere in
    what was read.
    """
    chains = [_chain(tag, state) for state in range(len(tag))]
    after: dict[str, list[int]] = {}
    for state, chain in enumerate(chains):
        for character in {tag[shorter] for shorter in chain}:
            after.setdefault(character, []).append(state)
    found = []
    for token, piece in enumerate(pieces):
        for state in range(len(tag)) if tag[0] in piece else after.get(piece[:1], ()):
            if then := _then(tag, chains[state], piece):
                found.append((state, token, then))
    return found


def _chain(tag: str, state: int) -> list[int]:
    """This state, and the shorter ones that hold as well: starts of the tag that its start ends with; 0 last."""
    return [n for n in range(state, -1, -1) if tag[:state].endswith(tag[:n])]


def _then(tag: str, chain: Sequence[int], piece: str) -> int:
    """The state after a token, as in the search of Knuth, Morris and Pratt."""
    for state in chain:
        rest = tag[state:]
        if piece.startswith(rest):
            return len(tag)
        if rest.startswith(piece):
            return state + len(piece)
    if tag in piece:
        return len(tag)
    return next((n for n in range(min(len(tag), len(piece)) - 1, 0, -1) if piece.endswith(tag[:n])), 0)


def _encoded(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    if not ids or tokenizer.unk_token_id in ids:
        raise InputError(
            f"the tokenizer has no token for {text!r}, which budget forcing writes",
            "leave out max_thinking and wait for this model",
        )
    return ids
