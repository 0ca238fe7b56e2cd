"""The arithmetic of the puzzle ``reach``, and the replay of what a trace claims about it."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

OPERATIONS = tuple(f"+{n}" for n in range(1, 10)) + tuple(f"x{n}" for n in range(2, 10))
DIGITS = frozenset("0123456789")


class Parsed(NamedTuple):
    """What a prompt asks."""

    start: int
    operations: tuple[str, ...]
    target: int
    depth: int


class Replay(NamedTuple):
    """Where a replay of bare steps stands, and the operations that a sentence confirms to reach the target."""

    chain: tuple[str, ...]
    confirmed: tuple[str, ...]


@lru_cache(maxsize=65_536)
def parse(prompt: str) -> Parsed:
    """Read a prompt of this task. Raises ``ValueError`` on any other text."""
    words = prompt.split()
    use, reach = words.index("use"), words.index("reach")
    depth = int(words[reach + 2].removeprefix("in_"))
    return Parsed(int(words[1]), tuple(words[use + 1 : reach]), int(words[reach + 1]), depth)


def _result(value: int, operation: str) -> int:
    number = int(operation[1:])
    return (value + number if operation[0] == "+" else value * number) % 10


RESULTS = {operation: [_result(value, operation) for value in range(10)] for operation in OPERATIONS}
"""The 170 elementary facts: ``RESULTS[operation][digit]``."""


def values(start: int, operations: Iterable[str]) -> list[int]:
    """The digit to start from, and the one after each operation."""
    digits = [start]
    for operation in operations:
        start = RESULTS[operation][start]
        digits.append(start)
    return digits


def line(digits: Sequence[int], operations: Sequence[str], target: int) -> str:
    """For instance ``4 +3 7 x2 4 want 1``: one digit more than operations."""
    chain = " ".join(f"{op} {digit}" for op, digit in zip(operations, digits[1:], strict=True))
    return f"{digits[0]} {chain} want {target}"


def replay(words: list[str], asked: Parsed, chain: tuple[str, ...]) -> Replay | str:
    """One sentence of a trace carried out again: what it adds, or in words what is wrong with it."""
    for marker in ("reach", "want"):
        if marker in words:
            at = words.index(marker) + 1
            if words[at : at + 1] != [str(asked.target)]:
                return f"the target is {asked.target}"
            words = words[: at - 1] + words[at + 1 :]
    facts = [word for word in words if word in DIGITS or word in OPERATIONS]
    if not facts:
        return Replay(chain, ())
    bare = "step" in words
    start = values(asked.start, chain)[-1] if bare else asked.start
    value = _check_facts(facts, start, asked.operations)
    if isinstance(value, str):
        return value
    done = (chain if bare else ()) + tuple(facts[1::2])
    reached = value == asked.target
    if ("miss" in words and reached) or (("hit" in words or "yes" in words) and not reached):
        return f"{value} is {'' if reached else 'not '}the target"
    claims = "hit" in words or "yes" in words or (bare and reached)
    return Replay(done if bare else chain, done if claims else ())


def _check_facts(facts: list[str], start: int, allowed: tuple[str, ...]) -> int | str:
    """The value that a chain ``4 +3 7 x2 4`` ends with, or what is wrong with it."""
    if len(facts) % 2 == 0 or facts[0] != str(start):
        return f"'{' '.join(facts)}' does not start at {start}"
    value = start
    for operation, result in zip(facts[1::2], facts[2::2], strict=True):
        if operation not in allowed:
            return f"{operation} is not allowed"
        if result != str(RESULTS[operation][value]):
            return f"{value} {operation} is {RESULTS[operation][value]}, not {result}"
        value = int(result)
    return value
