"""Stages: the four parts of a trace in "Style over Substance" (arXiv 2504.01738), from the episodes of its steps.

- **framing**: the steps before the first ``implement``, ``explore`` or ``verify``, but no more than the first
  quarter of the steps (rounded up).
- **synthesis**: from the first step with a phrase of conclusion (``lexicon.toml``) after which no step plans or
  explores, to the end; but no more than the last third of the steps (rounded up).
- **verification**: the other steps that verify, and what stands between two of them that are at most eight steps
  apart with no step between that plans or explores: the working of a check.
- **exploration**: all other steps.

The paper names the stages and leaves their borders open; these are ours.
"""

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import Flags, Places
from understudy.style.episodes import EPISODES

STAGES = ("framing", "exploration", "verification", "synthesis")
"""In the order in which a trace goes through them."""
FRAMING, EXPLORATION, VERIFICATION, SYNTHESIS = range(4)
SPAN = 8
"""How far apart two steps that verify may be for what stands between them to belong to the check."""


def stages(episodes: NDArray[np.int8], concludes: Flags, text: Places) -> NDArray[np.int8]:
    """The number of each step's stage in ``STAGES``; all arguments are one value a step, ``text`` rising."""
    size = len(episodes)
    if not size:
        return np.zeros(0, np.int8)
    first = np.flatnonzero(np.diff(text, prepend=-1))
    sizes = np.diff(first, append=size)
    start, count = np.repeat(first, sizes), np.repeat(sizes, sizes)
    order = np.arange(size) - start
    verify, opens = _is(episodes, "verify"), _is(episodes, "plan", "explore")
    result = np.full(size, EXPLORATION, np.int8)
    result[verify | _checking(verify, opens, text)] = VERIFICATION
    acted = _so_far(_is(episodes, "implement", "explore", "verify"), first, sizes)
    result[(acted == 0) & (order < -(-count // 4))] = FRAMING
    later = np.repeat(np.add.reduceat(opens, first, dtype=np.int64), sizes) - _so_far(opens, first, sizes)
    ending = _so_far(concludes & (later == 0) & ~opens, first, sizes) > 0
    result[ending & (count - order <= -(-count // 3))] = SYNTHESIS
    return result


def _is(episodes: NDArray[np.int8], *names: str) -> Flags:
    return np.isin(EPISODES, names)[episodes]


def _so_far(flags: Flags, first: Places, sizes: Places) -> Places:
    """How many of the text's steps up to and with each are flagged."""
    total = np.cumsum(flags)
    return total - np.repeat(total[first] - flags[first], sizes)


def _checking(verify: Flags, opens: Flags, text: Places) -> Flags:
    """Steps between two that verify, near each other and with no new plan or exploration between."""
    size = len(verify)
    places = np.flatnonzero(verify)
    found = np.zeros(size, np.bool_)
    if len(places) < 2:
        return found
    after = np.searchsorted(places, np.arange(size))
    inside = (after > 0) & (after < len(places))
    at = np.flatnonzero(inside)
    a, b = places[after[at] - 1], places[after[at]]
    opened = np.concatenate(([0], np.cumsum(opens)))
    found[at] = (text[a] == text[b]) & (b - a <= SPAN) & (opened[b] == opened[a])
    return found
