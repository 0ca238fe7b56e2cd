"""A server of our own: started, waited for, and ended however the work with it ends.

    words = command("vllm serve {path} --port {port}", path="students/ST-0", port=str(port := free_port()))
    with serving(words, port, Path("server.log"), seconds=600) as server:
        ask(requests, Settings(base_url=server.base_url, proxies=False), Path("answers.journal.jsonl"))

It runs under a ``keeper``, which outlives this process by a moment and leaves nothing behind, also when this process is
killed. What it says goes to the log.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from understudy.errors import RunError, StudyError

HOST = "127.0.0.1"
KEEPER = Path(__file__).with_name("keeper.py")
LOOK = 0.1
"""Seconds between two looks whether it answers."""
STOP = 20.0
"""Seconds that it takes at most to end: the keeper kills what has not ended before."""
LINES, WIDTH = 6, 200
"""How much of a log an error shows."""
HEALTHY = (200, 401, 403)
"""What a server says that is ready; one that wants a key is."""


@dataclass(frozen=True)
class Server:
    """A server that answers at ``base_url``."""

    base_url: str
    log: Path
    process: "subprocess.Popen[bytes]"
    start: int
    """Where in the log it begins."""

    def died(self) -> str | None:
        """How it ended, if it did and nobody asked it to."""
        status = self.process.poll()
        if status is None:
            return None
        return f"it was killed by signal {status - 128}" if status > 128 else f"it ended with status {status}"

    def last_words(self) -> str:
        """The end of what it has said."""
        with self.log.open("rb") as log:
            log.seek(max(self.start, self.log.stat().st_size - 20_000))
            lines = [line.rstrip() for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
        said = "".join(f"\n  {line[:WIDTH]}" for line in lines[-LINES:])
        return f"its log {self.log} ends with:{said}" if said else f"it said nothing (its log: {self.log})"


def command(text: str, **values: str) -> list[str]:
    """The words of a command, with each ``{name}`` in them replaced. No shell reads it, and nothing else is expanded.

    Raises ``StudyError`` if it is no command, or has no ``{port}``.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise StudyError(f"the command {text!r} cannot be read ({str(error).lower()})", "close the quotes") from None
    if not words or "{port}" not in text:
        raise StudyError(f"the command {text!r} does not say where {{port}} goes", "command: SERVER … --port {port}")
    return [re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), word) for word in words]


def require_program(words: Sequence[str]) -> None:
    """Raise ``RunError`` if the program of a command is not there."""
    if shutil.which(words[0]) is None:
        hint = f"pip install {words[0]}, or name another server in command, or in base_url one that runs"
        raise RunError(f"there is no command '{words[0]}' here", hint)


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


@contextmanager
def serving(words: Sequence[str], port: int, log: Path, seconds: float) -> Iterator[Server]:
    """Start a server and wait until it answers; it is ended when the work with it ends.

    Raises ``RunError`` if it cannot be started, ends, or does not answer within ``seconds``.
    """
    require_program(words)
    keeper = [sys.executable, "-I", "-S", str(KEEPER), str(os.getpid())]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        start = out.tell()
        process = subprocess.Popen(
            [*keeper, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    server = Server(f"http://{HOST}:{port}/v1", log, process, start)
    try:
        _wait(server, seconds)
        yield server
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):  # else the keeper sees to it when this process ends
            process.wait(STOP)


def _wait(server: Server, seconds: float) -> None:
    until = time.monotonic() + seconds
    while True:
        ready, how = answers(server.base_url), server.died()
        if how is not None:
            raise RunError(f"the server did not start: {how}", server.last_words())
        if ready:
            return
        if time.monotonic() > until:
            hint = f"start_within: SECONDS gives it longer; {server.last_words()}"
            raise RunError(f"the server did not answer within {seconds:g} seconds", hint)
        time.sleep(LOOK)


def answers(base_url: str) -> bool:
    """Whether a server is ready: it lists its models, or says that it is healthy."""
    status = _status(f"{base_url}/models")
    return status in HEALTHY or (status == 404 and _status(f"{base_url.removesuffix('/v1')}/health") == 200)


def _status(address: str) -> int | None:
    """The status of an answer, or null; past all proxies."""
    try:
        with build_opener(ProxyHandler({})).open(address, timeout=5) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError, ValueError):
        return None
