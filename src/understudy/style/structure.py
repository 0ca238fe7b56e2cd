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
from understudy.style.kernel import kernel

OPENING = 3
"""Among how many of a step's first words a phrase must start to open a branch."""


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


def tree(supposes: Flags, instead: Flags, gives_up: Flags, synthesis: Flags, border: Places) -> Tree:
    """The trees of all texts. ``border``: the first step of each, and at the end that of all; else one value a step."""
    size, texts = len(supposes), len(border) - 1
    branch, depth, abandoned = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.bool_)
    totals = np.zeros((4, texts), np.int64)
    path, born, children = np.zeros((3, 2 * int(np.diff(border).max(initial=0)) + 1), np.int64)
    events = supposes, instead, gives_up, synthesis
    _trees(*events, border, branch, depth, abandoned, totals, path, born, children)
    return Tree(branch, depth, abandoned, *totals)


@kernel
def _trees(
    supposes: Flags,
    instead: Flags,
    gives_up: Flags,
    synthesis: Flags,
    border: Places,
    branch: Places,
    depth: Places,
    abandoned: Flags,
    totals: Places,
    path: Places,
    born: Places,
    children: Places,
) -> None:
    """Each text, step by step. ``path`` holds the branches from the trunk to the current one, ``born`` their first
    steps, ``length`` of them; ``children`` is how many branches grow out of each. A step grows two at most."""
    for text in range(len(border) - 1):
        start, length, count, gone, deepest = border[text], 1, 0, 0, 0
        for place in range(2 * (border[text + 1] - start) + 1):
            children[place] = 0
        for step in range(start, border[text + 1]):
            if synthesis[step] and not (step > start and synthesis[step - 1]):
                length = 1
            branch[step], depth[step] = path[length - 1], length - 1
            kept = length
            if gives_up[step]:
                gone += 1
                since = max(start, step - 1)
                if length > 1:
                    length -= 1
                    since = born[length]
                else:
                    children[0] += 1
                    count += 1
                    deepest = max(deepest, 1)
                for place in range(since, step + 1):
                    abandoned[place] = True
            ended = length < kept
            if instead[step] or supposes[step]:
                if instead[step] and length > 1:
                    length -= 1
                children[path[length - 1]] += 1
                count += 1
                deepest = max(deepest, length)
                path[length], born[length] = count, step
                length += 1
            if not ended:  # a step that gives a branch up is the last of it, whatever it opens
                branch[step], depth[step] = path[length - 1], length - 1
        totals[0, text], totals[1, text], totals[2, text] = count, gone, deepest
        for place in range(count + 1):
            totals[3, text] = max(totals[3, text], children[place])
