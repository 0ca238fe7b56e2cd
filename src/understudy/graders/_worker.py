"""The process that compares answers: one JSON line in, a pair; one JSON line out, the verdict. See ``_workers``.

    echo '["1/2", "0.5", 5]' | python -m understudy.graders._worker

It may be killed at any time. It ends itself when its pair takes too long or its standard input closes, so that none is
left over, whatever became of its parent.
"""

import gc
import json
import os
import signal
import sys
from typing import TextIO

MEMORY = 2 * 1024**3
"""Bytes that a worker may take."""
GRACE = 2
"""Seconds after which a worker ends itself, if nobody has ended it."""


def main() -> None:
    """Answer until there are no more pairs. Nothing else is printed on standard output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _bound_memory()
    from understudy.graders import _algebra  # after this the worker is ready: the time of a pair holds no import

    _algebra.shut_eval()
    gc.freeze()  # SymPy and the grammar stay; what a parse leaves behind is collected, but not every 700 objects
    gc.set_threshold(100_000)
    _say(answers, "ready")
    for line in sys.stdin:
        a, b, seconds = json.loads(line)
        _limit(seconds + GRACE)
        _say(answers, _verdict(a, b))
        _limit(0)


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


def _limit(seconds: float) -> None:
    """The system ends the process after this time, also within C code; 0: not any more."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main()
