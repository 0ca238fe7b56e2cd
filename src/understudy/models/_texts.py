"""Texts that are being written, and where each slot is with its own, as tensors that all rows share.

    state = State.empty(rows=16, columns=512, steps=0, device=model.device)
    state.put([(3, Text(row=0, prompt=[314, 15], limit=200))])

They stay on the model's device: nothing is looked at between two tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from understudy.models._decoding import uniforms
from understudy.models._forcing import Forcing


@dataclass(eq=False)
class Text:
    """What is to be written, and what there is of it: ``row`` is the caller's name for it.

    At most ``limit`` tokens are ``written``, the last of which ends it; its random numbers have the ``seed``.
    ``budget`` is what ``_forcing`` knows of it.
    """

    row: int
    prompt: list[int]
    limit: int
    seed: int = 0
    thinks: bool = False
    written: list[int] = field(default_factory=list)
    budget: list[int] | None = None

    @property
    def ids(self) -> list[int]:
        """Prompt and text."""
        return [*self.prompt, *self.written]


@dataclass
class State:
    """Where each slot is: ``ids`` are its prompt and text, of which the last one, ``at``, was not yet read.

    ``start`` is the length of the prompt, ``last`` the last place that the text can reach. Shapes: (rows, columns) for
    ``ids``, (rows, steps) for ``uniform``, (rows, fields) for ``budget``, else (rows,).
    """

    ids: torch.Tensor
    at: torch.Tensor
    start: torch.Tensor
    last: torch.Tensor
    ended: torch.Tensor
    uniform: torch.Tensor
    budget: torch.Tensor

    @classmethod
    def empty(cls, rows: int, columns: int, steps: int, device: torch.device) -> "State":
        """Slots that hold no text."""

        def zeros(*shape: int) -> torch.Tensor:
            return torch.zeros(*shape, dtype=torch.long, device=device)

        uniform, ended = torch.zeros(rows, steps, device=device), torch.ones(rows, dtype=torch.bool, device=device)
        budget = zeros(rows, len(Forcing.FIELDS))
        return cls(zeros(rows, columns), zeros(rows), zeros(rows), zeros(rows), ended, uniform, budget)

    def resized(self, kept: Sequence[int], rows: int, columns: int) -> "State":
        """As ``Slots.resize``."""
        made = State.empty(rows, columns, self.uniform.shape[1], self.at.device)
        for name, tensor in vars(made).items():
            old = getattr(self, name)[list(kept)]
            if name == "ids":
                tensor[: len(kept), : min(columns, old.shape[1])] = old[:, :columns]
            else:
                tensor[: len(kept)] = old
        return made

    def put(self, new: Sequence[tuple[int, Text]]) -> None:
        """Texts take these slots."""
        slots, texts = [slot for slot, _ in new], [text for _, text in new]
        width, steps = max(len(text.ids) for text in texts), self.uniform.shape[1]
        self.ids[slots, :width] = self._tensor([[*text.ids, *[0] * (width - len(text.ids))] for text in texts])
        self.at[slots] = self._tensor([len(text.ids) - 1 for text in texts])
        self.start[slots] = self._tensor([len(text.prompt) for text in texts])
        self.last[slots] = self._tensor([len(text.prompt) + text.limit - 1 for text in texts])
        self.budget[slots] = self._tensor([text.budget or Forcing.begin(text.thinks) for text in texts])
        self.ended[slots] = False
        if steps:
            self.uniform[slots] = uniforms([text.seed for text in texts], steps).to(self.at.device)

    def _tensor(self, numbers: list[Any]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.long, device=self.at.device)
