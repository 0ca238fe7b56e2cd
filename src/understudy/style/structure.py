"""Structure: the tree of a trace's branches, without a model.

A trace starts on its trunk (branch 0). A step that opens with a *supposition* ("what if", "suppose", "case 1")
grows a branch out of the current one; one that opens with an *alternative* ("alternatively", "another way") leaves
the current branch and grows one beside it. A *backtrack* ("that's wrong", "let me start over") abandons the current
branch, which ends with that step; on the trunk it abandons the slip alone, the step with the phrase and the one
before it, which count as a branch of their own. The synthesis returns to the trunk.

The failed-step fraction is steps in abandoned branches / steps, after "What Characterizes Effective Reasoning?"
(arXiv 2509.19284), who extract a graph with a model; here phrases decide.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import Flags, Places

OPENING = 3
"""Among how many of a step's first words a phrase must start to open a branch."""
_SUPPOSE, _INSTEAD, _GIVE_UP, _CONCLUDE = 1, 2, 4, 8


@dataclass(frozen=True)
class Tree:
    """One value a step (``branch`` of its text from 0, ``depth`` of that branch, whether ``abandoned``) and one a
    text: ``branches`` beside the trunk, ``gone`` of them, the greatest ``depths`` and ``widths`` (branches that
    grow out of one)."""

    branch: NDArray[np.int64]
    depth: NDArray[np.int64]
    abandoned: Flags
    branches: NDArray[np.int64]
    gone: NDArray[np.int64]
    depths: NDArray[np.int64]
    widths: NDArray[np.int64]


def tree(supposes: Flags, instead: Flags, gives_up: Flags, synthesis: Flags, text: Places, texts: int) -> Tree:
    """The trees of ``texts`` texts; all other arguments are one value a step, ``text`` rising."""
    size = len(text)
    first = np.diff(text, prepend=-1) > 0
    concludes = synthesis & ~np.append(False, synthesis[:-1] & ~first[1:]) if size else synthesis
    events = _SUPPOSE * supposes + _INSTEAD * instead + _GIVE_UP * gives_up + _CONCLUDE * concludes
    branch, depth = np.zeros(size, np.int64), np.zeros(size, np.int64)
    abandoned = np.zeros(size, np.bool_)
    totals = np.zeros((4, texts), np.int64)
    starts = np.flatnonzero(first)
    at = np.flatnonzero(events)
    bounds = np.searchsorted(at, np.append(starts, size))
    for number, start in enumerate(starts.tolist()):
        a, b = bounds[number], bounds[number + 1]
        if a == b:
            continue
        end = int(starts[number + 1]) if number + 1 < len(starts) else size
        walk = _Walk(start, end, branch, depth, abandoned)
        for step, event in zip(at[a:b].tolist(), events[at[a:b]].tolist(), strict=True):
            walk.take(step, event)
        totals[:, text[start]] = walk.finish()
    return Tree(branch, depth, abandoned, *totals)


class _Walk:
    """The walk along one text, event by event. ``path`` holds the branches from the trunk to the current one."""

    def __init__(self, start: int, end: int, branch: Places, depth: Places, abandoned: Flags) -> None:
        self.end, self.since, self.first = end, start, start
        self.branch, self.depth, self.abandoned = branch, depth, abandoned
        self.path, self.born = [0], [start]
        self.count, self.gone, self.deepest = 0, 0, 0
        self.children: dict[int, int] = {}

    def take(self, step: int, event: int) -> None:
        """What a step does. A branch is given up before another is opened in the same step."""
        if event & _CONCLUDE:
            self._move(step, 1)
        if event & _GIVE_UP:
            self._give_up(step)
        if event & _INSTEAD:
            self._grow(step, max(1, len(self.path) - 1))
        elif event & _SUPPOSE:
            self._grow(step, len(self.path))

    def finish(self) -> tuple[int, int, int, int]:
        """The branches, those given up, the depth and the width."""
        self._move(self.end, len(self.path))
        return self.count, self.gone, self.deepest, max(self.children.values(), default=0)

    def _move(self, step: int, kept: int) -> None:
        """Write down what the steps so far belong to, and go on with so many branches of the path."""
        self.branch[self.since : step] = self.path[-1]
        self.depth[self.since : step] = len(self.path) - 1
        self.since = max(step, self.since)
        del self.path[kept:], self.born[kept:]

    def _grow(self, step: int, kept: int) -> None:
        self._move(step, kept)
        self.count += 1
        parent = self.path[-1]
        self.children[parent] = self.children.get(parent, 0) + 1
        self.path.append(self.count)
        self.born.append(step)
        self.deepest = max(self.deepest, kept)

    def _give_up(self, step: int) -> None:
        self.gone += 1
        if len(self.path) > 1:
            self.abandoned[self.born[-1] : step + 1] = True
            self._move(step + 1, len(self.path) - 1)
            return
        slip = max(self.first, step - 1)
        self.count += 1
        self.children[0] = self.children.get(0, 0) + 1
        self.abandoned[slip : step + 1] = True
        self.deepest = max(self.deepest, 1)
