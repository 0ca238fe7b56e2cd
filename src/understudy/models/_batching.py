"""Continuous batching: a text that has ended gives its place to the next one at once, so no row waits for another.

    for text in Batch(model, ends, rows=16, tokens=50_000).decode(texts): print(text.row, text.written)

All texts go on by one token at a time. Prompts are read a few at once, without their last token, which is the first
that the model goes on from; samples of one problem share what was read. A text's tokens depend on nothing but its own,
up to the rounding of sums: each has a slot of its own in the cache (``_slots``), its own random numbers (``Draw``) and
its own budget (``_forcing``).

The library's own continuous batching (``generate_batch``, paged) is not used: it draws for all rows from one stream, so
that a sample would change with its batch, and cannot write into a text. For the throughput of a server on a GPU there
is the model ``served``.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch

from understudy.models._forcing import Forcing
from understudy.models._slots import Slots, go_on, read
from understudy.models._texts import State, Text

EVERY = 8
"""Tokens that are decoded before it is looked which texts have ended."""
PREFILL = 4096
"""Tokens of prompts, padding included, that are read at once."""
ROUND = 64
"""The cache has a multiple of this many columns."""


class Batch:
    """Decodes texts, at most ``rows`` at once, whose keys and values are those of at most ``tokens`` tokens.

    ``choose(logits, uniform)`` is the next token of each row (null: the likeliest), ``steps`` the most that one text
    draws. ``forcing`` holds texts to a budget (null: none has one). ``beat`` is called every few tokens.
    """

    def __init__(
        self,
        model: Any,
        ends: Sequence[int],
        rows: int,
        tokens: int,
        choose: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
        steps: int = 0,
        forcing: Forcing | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.model, self.most_rows, self.most_tokens = model, rows, tokens
        self.choose, self.steps, self.forcing, self.beat = choose, steps, forcing, beat
        self.ends = torch.tensor(list(ends), dtype=torch.long, device=model.device)
        self.waiting: deque[Text] = deque()
        self.wanted = rows
        self.written = 0
        """Tokens, also of texts that have not ended."""
        self.remark = ""
        """What is worth saying of how it goes."""
        self.slots, self.state = Slots(model.config, 0, 0), State.empty(0, 0, steps, model.device)
        self.texts: list[Text | None] = []
        self.prompts: list[list[int] | None] = []

    def decode(self, texts: Sequence[Text]) -> Iterator[Text]:
        """Each text when it has ended. Raises ``torch.OutOfMemoryError`` if there is too little for a single one."""
        self.waiting.extend(sorted(texts, key=lambda text: -len(text.prompt)))
        while self.waiting or any(self.texts):
            yield from self._round()
            self.beat()

    @torch.inference_mode()
    def _round(self) -> list[Text]:
        """A few tokens more of all texts; those that have ended."""
        try:
            self._admit()
            self._advance()
        except torch.OutOfMemoryError:
            if self.wanted == 1:
                raise
            self._make_do_with_less()
            return []
        return self._ended()

    # --- one token after another ---

    def _advance(self) -> None:
        """``EVERY`` more tokens of every text."""
        width = int(self.state.at.max()) + 1
        for step in range(EVERY):
            self._step(width + step)
        self.written += EVERY * sum(text is not None for text in self.texts)

    def _step(self, width: int) -> None:
        state, ended = self.state, self.state.ended
        token = state.ids.gather(1, state.at[:, None])
        logits = go_on(self.model, self.slots, token, state.at, width)
        if self.choose is None:
            chosen = logits.argmax(-1)
        else:
            drawn = (state.at + 1 - state.start).clamp(0, self.steps - 1)
            chosen = self.choose(logits, state.uniform.gather(1, drawn[:, None]))
        at, budget = state.at + 1, state.budget
        if self.forcing is not None:
            chosen, back, budget = self.forcing.step(budget, chosen, torch.isin(chosen, self.ends))
            at = at - back
        state.at = torch.where(ended, state.at, at)
        state.budget = torch.where(ended[:, None], state.budget, budget)
        state.ids.scatter_(1, state.at[:, None], torch.where(ended, token[:, 0], chosen)[:, None])
        state.ended = ended | torch.isin(chosen, self.ends) | (state.at >= state.last)

    def _ended(self) -> list[Text]:
        """Take out the texts that have ended. What was read of their prompts stays, for other samples to share."""
        return list(filter(None, map(self._taken, self.state.ended.nonzero()[:, 0].tolist())))

    def _taken(self, slot: int) -> Text | None:
        """The text of a slot, with what was written of it so far; the slot is free then."""
        state, text = self.state, self.texts[slot]
        if text is not None:
            text.written = state.ids[slot, len(text.prompt) : int(state.at[slot]) + 1].tolist()
            text.budget = state.budget[slot].tolist()
            self.texts[slot], state.at[slot], state.ended[slot] = None, len(text.prompt) - 1, True
        return text

    # --- which texts are under way ---

    def _admit(self) -> None:
        """Put waiting texts into free slots, and make the cache as large as the next tokens need."""
        live = self._live()
        columns = self._columns(live)
        room = max(1, min(self.most_rows, self.most_tokens // columns))
        live = self._set_aside(live, room)
        rows = min(room, len(live) + len(self.waiting))
        self.wanted, slots = rows, len(self.texts)
        if columns != self.slots.columns or rows > slots or slots > room or 4 * rows <= 3 * slots:
            self._resize(live, rows, columns)
        free = [slot for slot, text in enumerate(self.texts) if text is None]
        new = list(zip(free, self.waiting, strict=False))
        if new:
            self._fill(new)
            self.waiting = deque(islice(self.waiting, len(new), None))

    def _live(self) -> list[int]:
        return [slot for slot, text in enumerate(self.texts) if text is not None]

    def _columns(self, live: Sequence[int]) -> int:
        """Columns that the cache has for now: as it is, or a quarter more than the next tokens need."""
        coming = [len(text.ids) for text in islice(self.waiting, max(0, self.most_rows - len(live)))]
        need: int = max([*coming, *self.state.at[list(live)].tolist()]) + EVERY + 1
        if need <= self.slots.columns <= 4 * need:
            return self.slots.columns
        return -(-(need + need // 4) // ROUND) * ROUND

    def _set_aside(self, live: list[int], room: int) -> list[int]:
        """Make the texts that have come least far wait, so that only ``room`` stay."""
        if len(live) <= room:
            return live
        written = (self.state.at - self.state.start).tolist()
        live = sorted(live, key=lambda slot: -written[slot])
        self.waiting.extendleft(filter(None, [self._taken(slot) for slot in live[room:]]))
        return sorted(live[:room])

    def _resize(self, live: Sequence[int], rows: int, columns: int) -> None:
        self.slots.resize(live, rows, columns)
        self.state = self.state.resized(live, rows, columns)
        free = [None] * (rows - len(live))
        self.texts = [*(self.texts[slot] for slot in live), *free]
        self.prompts = [*(self.prompts[slot] for slot in live), *free]

    def _make_do_with_less(self) -> None:
        """Half as many texts at once. All are read again: what the cache holds after a failure is not known."""
        self.most_rows = self.wanted // 2
        self.remark = f"{self.most_rows:,} at once for want of memory"
        self._set_aside(self._live(), 0)
        self.slots, self.texts, self.prompts = Slots(self.model.config, 0, 0), [], []
        self.state = State.empty(0, 0, self.steps, self.model.device)
        torch.cuda.empty_cache()

    # --- prompts ---

    def _fill(self, new: Sequence[tuple[int, Text]]) -> None:
        """Put texts into slots: copy what was read of their prompts already, read the rest, and copy that, too."""
        held = {id(prompt): slot for slot, prompt in enumerate(self.prompts) if prompt is not None}
        early = [(held[id(text.prompt)], slot, text) for slot, text in new if _shares(text, held)]
        self._copy(early)
        for slot, _ in new:
            self.prompts[slot] = None
        read, late, there = [], [], {slot for _, slot, _ in early}
        first: dict[int, int] = {}
        for slot, text in new:
            if slot in there:
                continue
            if _shares(text, first):
                late.append((first[id(text.prompt)], slot, text))
            else:
                read.append((slot, text))
                first[id(text.prompt)] = slot
        for group in _groups(read):
            self._read(group)
        self._copy(late)
        self.state.put(new)
        for slot, text in new:
            self.texts[slot], self.prompts[slot] = text, text.prompt

    def _copy(self, copied: Sequence[tuple[int, int, Text]]) -> None:
        if copied:
            source, target, texts = zip(*copied, strict=True)
            self.slots.copy(source, target, max(len(text.prompt) for text in texts) - 1)

    def _read(self, group: Sequence[tuple[int, Text]]) -> None:
        """Read prompts together, padded on the right, but for the last token of each."""
        slots, texts = [slot for slot, _ in group], [text.ids[:-1] for _, text in group]
        if any(texts):
            read(self.model, self.slots, slots, texts)


def _shares(text: Text, held: dict[int, int]) -> bool:
    """Whether what was read of a text's prompt lies in a slot. One that was set aside has more than its prompt."""
    return not text.written and id(text.prompt) in held


def _groups(read: Sequence[tuple[int, Text]]) -> Iterator[list[tuple[int, Text]]]:
    """Prompts of like length, that together are not too much."""
    group: list[tuple[int, Text]] = []
    for slot, text in sorted(read, key=lambda each: -len(each[1].ids)):
        if group and (len(group) + 1) * len(group[0][1].ids) > PREFILL:
            yield group
            group = []
        group.append((slot, text))
    if group:
        yield group
