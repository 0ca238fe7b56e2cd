"""Stages and branches of one text, step by step: the rules of ``understudy.style.stages`` and ``.structure``.

    stages(["read", "implement", "verify"], [False, False, False])      # ["framing", "exploration", "verification"]

Each argument is one value a step.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

SPAN = 8
OPENS = ("plan", "explore")


def stages(episodes: list[str], concludes: list[bool]) -> list[str]:
    """The stage of each step."""
    size = len(episodes)
    acts = [n for n, episode in enumerate(episodes) if episode in ("implement", "explore", "verify")]
    framed = min(acts[0] if acts else size, ceil(size / 4))
    opened = max((n for n, episode in enumerate(episodes) if episode in OPENS), default=-1)
    ending = next((n for n in range(opened + 1, size) if concludes[n]), size)
    ending = max(ending, size - ceil(size / 3))
    result = ["exploration"] * size
    for n in checked(episodes):
        result[n] = "verification"
    result[:framed] = ["framing"] * framed
    result[ending:] = ["synthesis"] * (size - ending)
    return result


def checked(episodes: list[str]) -> list[int]:
    """The steps that verify, and what lies between two of them that are near each other."""
    verify = [n for n, episode in enumerate(episodes) if episode == "verify"]
    found = list(verify)
    for a, b in pairwise(verify):
        if b - a <= SPAN and not set(OPENS) & set(episodes[a:b]):
            found += range(a, b)
    return found


@dataclass
class Tree:
    """The branches of a text: of each step its branch, its depth and whether it was given up."""

    branch: list[int]
    depth: list[int]
    abandoned: list[bool]
    gone: int = 0
    deepest: int = 0
    children: list[int] = field(default_factory=lambda: [0])
    """How many branches grow out of each branch."""


def tree(supposes: list[bool], instead: list[bool], gives_up: list[bool], synthesis: list[bool]) -> Tree:
    """The tree, walked along its steps. ``path`` holds each branch from the trunk on with its first step."""
    size = len(supposes)
    made = Tree([0] * size, [0] * size, [False] * size)
    path = [(0, 0)]
    for n in range(size):
        if synthesis[n] and not (n and synthesis[n - 1]):
            del path[1:]
        here = path[-1][0], len(path) - 1
        if gives_up[n]:
            give_up(made, path, n)
        left = len(path) <= here[1]
        if instead[n] or supposes[n]:
            if instead[n] and len(path) > 1:
                path.pop()
            path.append((grow(made, path), n))
        if not left:  # a step that gives a branch up is the last of it, whatever it opens
            here = path[-1][0], len(path) - 1
        made.branch[n], made.depth[n] = here
    return made


def grow(made: Tree, path: list[tuple[int, int]]) -> int:
    """A new branch at the end of the path, and its number."""
    made.children[path[-1][0]] += 1
    made.children.append(0)
    made.deepest = max(made.deepest, len(path))
    return len(made.children) - 1


def give_up(made: Tree, path: list[tuple[int, int]], step: int) -> None:
    """Abandon the current branch, or on the trunk the slip: this step and the one before it."""
    made.gone += 1
    since = max(0, step - 1)
    if len(path) > 1:
        _, since = path.pop()
    else:
        grow(made, path)
    made.abandoned[since : step + 1] = [True] * (step + 1 - since)
