"""How far a run has come, for whoever watches it.

ask(requests, settings, path, watch=lambda tally: print(tally.done, "of", tally.total))
"""

from collections.abc import Callable
from dataclasses import dataclass

from understudy.asking.budget import Used


@dataclass
class Tally:
    """How far it has come: ``done`` of ``total`` requests, ``known`` of them from an earlier run's journal.

    ``errors`` are the requests without an answer, ``truncated`` the answers that were cut off, ``again`` counts the
    attempts after the first, ``cost`` is in dollars (null: no prices), ``seconds`` since the start. Tokens are as the
    endpoint counts them.
    """

    total: int
    known: int = 0
    done: int = 0
    errors: int = 0
    truncated: int = 0
    again: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    seconds: float = 0.0

    def count(self, used: Used | None, truncated: bool = False) -> None:
        """One more answer; null: one more request without."""
        self.done += 1
        self.truncated += truncated
        if used is None:
            self.errors += 1
        else:
            self.prompt_tokens += used.prompt or 0
            self.completion_tokens += used.completion or 0


Watch = Callable[[Tally], None]


def unwatched(tally: Tally) -> None:
    """A watch that nobody keeps."""
