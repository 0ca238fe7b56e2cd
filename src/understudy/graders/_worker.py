"""The process that compares answers: one JSON line in, a pair; one JSON line out, the verdict. See ``_workers``.

    echo '["1/2", "0.5", 5]' | python -m understudy.graders._worker

It loads what it needs once, and leaves the comparing to a child: one that hangs is killed, and the next is there after
some hundredths of a second. The child ends itself when its pair takes too long, and with its parent; the parent ends
when standard input closes or whoever started it has ended. So none is left over.
"""

import ctypes
import gc
import json
import os
import select
import signal
import sys
from typing import TextIO

MEMORY = 2 * 1024**3
"""Bytes that a worker may take."""
GRACE = 2
"""Seconds after which a child ends itself, if nobody has ended it."""
EVERY = 0.2
"""Seconds between two looks at whether it is still wanted."""
READY = "ready"
DEATHSIG = 1
"""The number of Linux's ``prctl`` for: be killed when the parent ends."""


def main(parent: int) -> None:
    """Answer until there are no more pairs, or ``parent`` has ended. Nothing else is printed on standard output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _bound_memory()
    from understudy.graders import _algebra  # after this a child is ready: the time of a pair holds no import

    _algebra.shut_eval()
    _verdict(r"\frac{x}{2}", "2x/4")  # what the parser and SymPy keep of it, no child has to make again
    gc.freeze()  # SymPy and the grammar stay; what a parse leaves behind is collected, but not every 700 objects
    gc.set_threshold(100_000)
    while _one_child(answers, parent):
        _drain()


def _one_child(answers: TextIO, parent: int) -> bool:
    """Let a child answer until it ends. Whether another one is wanted."""
    ends, held = os.pipe()
    child = os.fork()
    if not child:
        os.close(ends)
        _answer(answers)
    os.close(held)
    while not select.select([ends], [], [], EVERY)[0]:  # it is closed when the child ends
        if os.getppid() != parent:
            os.kill(child, signal.SIGKILL)
            return False
    os.close(ends)
    return os.waitpid(child, 0)[1] != 0


def _answer(answers: TextIO) -> None:
    """What a child does. It never returns."""
    status = 1
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(DEATHSIG, signal.SIGKILL)
        _say(answers, [READY, os.getpid()])
        for line in sys.stdin:
            a, b, seconds = json.loads(line)
            signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)  # ends the process, also within C code
            _say(answers, _verdict(a, b))
            signal.setitimer(signal.ITIMER_REAL, 0)
        status = 0
    finally:
        os._exit(status)


def _drain() -> None:
    """Pass over the pairs that a child left unread: they are given again to the next one, once it is ready."""
    while select.select([0], [], [], 0)[0] and os.read(0, 1 << 16):
        pass


def _verdict(a: str, b: str) -> bool | str | None:
    from understudy.graders import _algebra, _equality

    try:
        return _equality.equal(a, b, _algebra.equal)
    except RecursionError:
        return "is nested too deeply"
    except MemoryError:
        return f"takes more than {MEMORY // 1024**3} GiB"
    except Exception as error:  # whatever a text does to the parser or to SymPy: it is not compared
        return f"cannot be compared ({type(error).__name__})"


def _say(answers: TextIO, what: object) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


def _bound_memory() -> None:
    if sys.platform == "linux":  # other systems refuse, or count otherwise
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else os.getppid())
