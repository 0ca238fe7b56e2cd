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
from understudy.style.kernel import kernel

STAGES = ("framing", "exploration", "verification", "synthesis")
"""In the order in which a trace goes through them."""
FRAMING, EXPLORATION, VERIFICATION, SYNTHESIS = range(4)
SPAN = 8
"""How far apart two steps that verify may be for what stands between them to belong to the check."""
_VERIFY = EPISODES.index("verify")
_OPENS, _ACTS = np.isin(EPISODES, ("plan", "explore")), np.isin(EPISODES, ("implement", "explore", "verify"))

Stages = NDArray[np.int8]


def stages(episodes: NDArray[np.int8], concludes: Flags, border: Places) -> Stages:
    """The number of each step's stage in ``STAGES``. ``episodes``, ``concludes``: one value a step; ``border``: the
    first step of each text, and at the end that of all."""
    result = np.full(len(episodes), EXPLORATION, np.int8)
    _stages(episodes, concludes, border, result)
    return result


@kernel
def _stages(episodes: NDArray[np.int8], concludes: Flags, border: Places, result: Stages) -> None:
    for text in range(len(border) - 1):
        opened = _open(episodes, border[text], border[text + 1], result)
        _end(concludes, opened + 1, border[text], border[text + 1], result)


@kernel
def _open(episodes: NDArray[np.int8], start: int, end: int, result: Stages) -> int:
    """Write down framing and verification of one text. The last step that plans or explores; none: that before it."""
    opened = verified = start - 1
    acted = False
    for step in range(start, end):
        if _OPENS[episodes[step]]:
            opened = step
        if episodes[step] == _VERIFY:
            checks = verified >= start and step - verified <= SPAN and opened < verified
            for place in range(verified if checks else step, step + 1):
                result[place] = VERIFICATION
            verified = step
        acted = acted or _ACTS[episodes[step]]
        if not acted and 4 * (step - start) < end - start:
            result[step] = FRAMING
    return opened


@kernel
def _end(concludes: Flags, since: int, start: int, end: int, result: Stages) -> None:
    """Write down the synthesis."""
    ending = False
    for step in range(since, end):
        ending = ending or concludes[step]
        if ending and 3 * (end - step) < end - start + 3:
            result[step] = SYNTHESIS
