"""What is asked of an endpoint, once: its key in the journal, and how many tokens it may take.

Request("gsm8k-0af3", 0, {"model": "m", "messages": [{"role": "user", "content": "2 and 2?"}]}).key
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from understudy.tables import to_json

TEMPLATE = 64
"""Tokens that a chat template may put around a conversation."""
USUAL_BYTES = 4
"""Bytes of English text in a token, about."""
CEILINGS = ("max_completion_tokens", "max_tokens")
"""How requests say what an answer may be long."""


@dataclass(frozen=True)
class Request:
    """One request: ``body`` is what is sent, ``problem`` and ``sample`` say what it is for.

    The key is a hash of the body and the sample, so that the same request is never sent twice, whoever makes it; the
    address it is sent to is not part of it, because a server may move. Where it is known which ``weights`` answer, a
    hash of them is: others may go by the same name.
    """

    problem: str
    sample: int
    body: Mapping[str, Any]
    weights: str | None = None

    @cached_property
    def key(self) -> str:
        """32 hexadecimal digits."""
        known = {} if self.weights is None else {"weights": self.weights}
        return sha256(to_json({"body": self.body, "sample": self.sample, **known}).encode()).hexdigest()[:32]

    @cached_property
    def _bytes(self) -> int:
        return sum(len(to_json(message).encode()) for message in self.body["messages"])

    @property
    def prompt_tokens(self) -> int:
        """About as many tokens as the prompt has."""
        return self._bytes // USUAL_BYTES + 1

    @property
    def most_prompt_tokens(self) -> int:
        """No fewer tokens than the prompt has: a token is at least one byte."""
        return self._bytes + TEMPLATE

    @property
    def most_completion_tokens(self) -> int | None:
        """The longest answer that the request allows, or null if it sets no ceiling."""
        return next((int(self.body[name]) for name in CEILINGS if self.body.get(name) is not None), None)
