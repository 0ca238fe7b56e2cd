"""Named streams of random numbers: every random act says whose it is, so that row 7 does not depend on row 3.

stream(seed, "template", problem_id).choice(phrases)
"""

from hashlib import sha256
from random import Random


def stream(*name: object) -> Random:
    """A generator that depends on nothing but its name."""
    return Random("/".join(map(str, name)))


def seed_of(*name: object) -> int:
    """A seed in [0, 2**31) for libraries that want a number."""
    return int.from_bytes(sha256("/".join(map(str, name)).encode()).digest()[:4], "big") >> 1
