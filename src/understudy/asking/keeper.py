"""Keeps a server, in a process of its own: ends it, and all that it started, when whoever asked for it stops or dies.

    python keeper.py PARENT COMMAND [ARGUMENT ...]        # PARENT: the number of the process that asks for it

It is run as a file, so that it loads nothing but the standard library. A parent that is killed cannot clean up; this
process sees that it has another parent and does it. Asked to stop (SIGTERM), it gives the server some seconds to end
by itself. On Linux, what left the server's process group is ended as well, and the server ends with its keeper.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

EVERY = 0.1
"""Seconds between two looks."""
GRACE = 5.0
"""Seconds that a server gets to end by itself when it is asked to; none if nobody is left who waits for it."""
DEATHSIG, SUBREAPER = 1, 36
"""Numbers of Linux's ``prctl``: be killed when the parent ends; inherit orphans."""


def main(parent: int, command: list[str]) -> int:
    """Run the command until it ends or may not go on; gives its exit status (128 and more: by a signal)."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda caught, _: asked.append(caught))
    _prctl(SUBREAPER, 1)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_with_keeper)
    while server.poll() is None and not asked and os.getppid() == parent:
        time.sleep(EVERY)
    if server.returncode is None and os.getppid() == parent:
        _signal(server.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            server.wait(GRACE)
    _signal(server.pid, signal.SIGKILL)
    status = server.wait()
    _end_orphans()
    return status if status >= 0 else 128 - status


def _with_keeper() -> None:
    _prctl(DEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _end_orphans() -> None:
    """End what is left of the server's children; theirs come to this process in turn."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    with suppress(ChildProcessError, OSError):
        while left := children.read_text(encoding="ascii").split():
            for number in left:
                os.kill(int(number), signal.SIGKILL)
                os.waitpid(int(number), 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
