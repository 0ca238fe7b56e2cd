"""What answers cost, and a ceiling that is not passed: what is under way is counted at the most it may cost.

Prices.read({"prompt": 0.5, "completion": 2.0}).cost(Used(1_000, 4_000))     # 0.0085 dollars
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from understudy.asking.request import Request
from understudy.errors import StudyError, did_you_mean

MILLION = 1_000_000
NAMES = ("prompt", "completion", "reasoning")


class Used(NamedTuple):
    """Tokens of a request, as the endpoint counts them; ``reasoning`` is a part of ``completion``. Null: not said.

    Some endpoints count the reasoning in the total alone: ``completion`` is what the total holds beside the prompt.
    """

    prompt: int | None = None
    completion: int | None = None
    reasoning: int | None = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Used":
        """What an answer says of itself."""
        usage = body.get("usage")
        usage = usage if isinstance(usage, Mapping) else {}
        details = usage.get("completion_tokens_details")
        details = details if isinstance(details, Mapping) else {}
        prompt, written = _whole(usage.get("prompt_tokens")), _whole(usage.get("completion_tokens"))
        total = _whole(usage.get("total_tokens"))
        if prompt is not None and written is not None and total is not None:
            written = max(written, total - prompt)
        return cls(prompt, written, _whole(details.get("reasoning_tokens")))

    @property
    def total(self) -> int:
        """Prompt and completion; what was not said counts nothing."""
        return (self.prompt or 0) + (self.completion or 0)


@dataclass(frozen=True)
class Prices:
    """Dollars per million tokens; ``reasoning`` tokens cost as others do, where they have no price of their own."""

    prompt: float
    completion: float
    reasoning: float | None = None

    @classmethod
    def read(cls, table: Mapping[str, float] | None) -> "Prices | None":
        """The prices of a table, or null if there is none. Raises ``StudyError`` on a typo or no price."""
        if table is None:
            return None
        for name, price in table.items():
            if name not in NAMES:
                raise StudyError(f"the price table has an unknown name '{name}'", did_you_mean(name, NAMES))
            if not (math.isfinite(price) and price >= 0):
                raise StudyError(f"the price of {name} is {price}", "a price is in dollars per million tokens")
        missing = [name for name in NAMES[:2] if name not in table]
        if missing:
            raise StudyError(f"the price table lacks '{missing[0]}'", "prices: {prompt: DOLLARS, completion: DOLLARS}")
        return cls(**table)

    def cost(self, used: Used) -> float:
        """Dollars."""
        thought = used.reasoning or 0 if self.reasoning is not None else 0
        said = max((used.completion or 0) - thought, 0)
        dollars = (used.prompt or 0) * self.prompt + said * self.completion + thought * (self.reasoning or 0)
        return dollars / MILLION


def _whole(said: object) -> int | None:
    return said if isinstance(said, int) and not isinstance(said, bool) and said >= 0 else None


class Budget:
    """Dollars and tokens that were spent, and the most that what is under way may take.

    An endpoint that once took more than the most (it has a prompt of its own, or looks at no ``max_tokens``) may do it
    again: from then on, everything is held ``excess`` times.
    """

    def __init__(self, prices: Prices | None, max_cost: float | None, max_tokens: int | None) -> None:
        self.prices, self.max_cost, self.max_tokens = prices, max_cost, max_tokens
        self.cost, self.tokens = 0.0, 0
        self._held_cost, self._held_tokens = 0.0, 0
        self.excess = 1.0

    @property
    def limited(self) -> bool:
        """Whether there is a ceiling at all."""
        return self.max_cost is not None or self.max_tokens is not None

    def most(self, request: Request) -> tuple[float, int]:
        """The most dollars and tokens that a request may take. Raises ``StudyError`` if an answer has no bound."""
        completion = request.most_completion_tokens
        if completion is None:
            raise StudyError("a budget needs to know how long an answer may be", "add max_tokens: N to the model")
        used = Used(request.most_prompt_tokens, completion)
        if self.prices is None:
            return 0.0, used.total
        dearest = max(self.prices.cost(used), self.prices.cost(used._replace(reasoning=completion)))
        return dearest, used.total

    def fits(self, request: Request) -> bool:
        """Whether neither ceiling can be passed if the request is sent now."""
        if not self.limited:
            return True
        cost, tokens = self.most(request)
        dear = self.max_cost is not None and self.cost + (self._held_cost + cost) * self.excess > self.max_cost
        held = (self._held_tokens + tokens) * self.excess
        many = self.max_tokens is not None and self.tokens + held > self.max_tokens
        return not (dear or many)

    def hold(self, request: Request, sign: int = 1) -> None:
        """Count a request that is under way at its most (``sign`` -1: no longer)."""
        if self.limited:
            cost, tokens = self.most(request)
            self._held_cost += sign * cost
            self._held_tokens += sign * tokens

    def spend(self, request: Request, used: Used) -> None:
        """Count what a request took; where the endpoint did not say, the most that it may have taken."""
        if self.limited and (used.prompt is None or used.completion is None):
            cost, tokens = self.most(request)
            self.cost, self.tokens = self.cost + cost, self.tokens + tokens
            return
        dollars = self.prices.cost(used) if self.prices else 0.0
        self.cost, self.tokens = self.cost + dollars, self.tokens + used.total
        if self.limited:
            cost, tokens = self.most(request)
            self.excess = max(self.excess, used.total / tokens, dollars / cost if cost else 1.0)
