"""Kernel: a plain loop over a whole buffer that runs as machine code.

    @kernel
    def count(data: Bytes, wanted: int) -> int:
        found = 0
        for place in range(len(data)):
            found += data[place] == wanted
        return found

numba compiles a kernel when it is first called, and keeps what it made on disk: in ``__pycache__`` beside the source,
or in the user's cache folder where that cannot be written. It is imported no sooner, so that whoever wants the names
of a module need not wait for it. Kernels hold no lock of Python's while they run: threads run them side by side.

A kernel makes no arrays, nor views of them in a loop: its caller gives it room for what it finds. Counting who holds
which array would take longer than the loop does. It calls kernels of its own file only, since numba looks at the file
of a kernel alone to tell whether it has changed; and tables of bytes that ``buffer`` defines mean the same forever.
In the innermost loops places are unsigned: of a signed one numba asks each time whether it counts from the end.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE = 2.0
"""Seconds of compiling, or of loading what was compiled, after which the user is told what takes so long."""


class kernel(Generic[P, R]):
    """Marks a function for numba. Its arguments are arrays and numbers, its results numbers."""

    def __init__(self, function: Callable[P, R]) -> None:
        self.function = function
        update_wrapper(self, function)

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        """Put numba's functions in the place of all kernels of the module, since they call each other, and call."""
        home = self.function.__globals__
        for name, value in list(home.items()):
            if isinstance(value, kernel):
                home[name] = _compiled(value.function)
        result: R = home[self.function.__name__](*arguments, **named)
        return result


def _compiled(function: Callable[..., Any]) -> Any:
    from numba import njit

    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # there is no folder to keep it in: it is compiled once in every process
        return njit(nogil=True)(function)


def gathered(find: Callable[..., int], *arguments: Any, room: int) -> NDArray[np.int64]:
    """The rows (rows, 3) that a kernel finds. It is given an array as its last argument, writes as many as there is
    room for and returns how many there are."""
    rows = np.empty((room, 3), np.int64)
    count = find(*arguments, rows)
    if count > room:
        rows = np.empty((count, 3), np.int64)
        find(*arguments, rows)
    return rows[:count]


@contextmanager
def patiently() -> Iterator[None]:
    """Tell a user at a terminal, once, if what is done meanwhile takes long because kernels are compiled."""
    said = threading.Timer(PATIENCE, _say, ("preparing the style engine (once)",))
    said.daemon = True
    said.start()
    try:
        yield
    finally:
        said.cancel()


def _say(sentence: str) -> None:
    if sys.stderr.isatty():
        print(sentence, file=sys.stderr, flush=True)
