"""How fast answers are collected from an endpoint that takes 200 ms for each, 64 at once: 320 a second at best.

    python -m benchmarks.bench --only collect
    python -m benchmarks.bench_collect 10000       # and that many requests to one that misbehaves

The endpoint is a lean one in a process of its own, on the same machine; what it can do at most is measured beside it,
by a client that only reads and writes sockets. The openai library alone is used plainly: a task for each of 64 workers,
answers made into its records, nothing journalled, nothing tried again. Processor time is that of this process.
"""

import asyncio
import json
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any
from urllib.parse import urlsplit

from understudy.asking import Request, Settings, answers, ask

TESTS = Path(__file__).parents[1] / "tests"
DELAY, CONCURRENCY = 0.2, 64
REQUESTS = 3_200
WORDS = 300
"""Words of an answer."""


def collect(count: int = REQUESTS) -> None:
    """Print answers a second and processor time an answer: of bare sockets, ours and plain."""
    requests = [_request(number) for number in range(count)]
    with lean(0.0) as url:
        seconds, _, _ = _spent(lambda: asyncio.run(_sockets(count, url)))
        print(f"the endpoint without its delay: {count / seconds:,.0f} answers/s", flush=True)
    with lean(DELAY) as url, TemporaryDirectory() as folder:
        settings = Settings(base_url=url, concurrency=CONCURRENCY)
        path = Path(folder) / "journal.jsonl"
        sides: dict[str, Callable[[], Any]] = {
            "bare sockets": lambda: asyncio.run(_sockets(count, url)),
            "collect": lambda: ask(requests, settings, path),
            "the openai library alone": lambda: asyncio.run(_plain(requests, url)),
        }
        ask(requests[:CONCURRENCY], settings, Path(folder) / "warm.jsonl")  # what is loaded, is loaded once
        for name, side in sides.items():
            print(_line(name, count, *_spent(side)[:2]), flush=True)
        if len(list(answers(requests, path))) != count:
            raise SystemExit("no figure: answers are missing")


def _line(name: str, count: int, seconds: float, processor: float) -> str:
    rate, best = count / seconds, CONCURRENCY / DELAY
    share = f"{rate:,.0f} answers/s of {best:,.0f} ({rate / best:.0%})"
    return f"{name}: {share}, {processor / seconds:.2f} cores, {1000 * processor / count:.2f} ms of one an answer"


def misbehaving(count: int) -> None:
    """Print how many requests end right under an endpoint with every fault at once."""
    sys.path.insert(0, str(TESTS))
    from endpoint import FAULTS, expected

    requests = [_request(number) for number in range(count)]
    faults = {**dict.fromkeys(FAULTS, 50), "hang": 200}
    with endpoint({"delay": 0.05, "faults": faults}) as url, TemporaryDirectory() as folder:
        settings = Settings(base_url=url, concurrency=CONCURRENCY, timeout=3.0, first_wait=0.05)
        path = Path(folder) / "journal.jsonl"
        seconds, _, tally = _spent(lambda: ask(requests, settings, path))
        right = 0
        for request, line in answers(requests, path):
            said = line["answer"]["choices"][0]["message"]["content"] if "answer" in line else None
            right += said == expected(request.body["messages"][0]["content"])[0]
    print(f"misbehaving endpoint: {right:,} of {count:,} right, {tally.again:,} sent again, {seconds:.0f} s")


def _spent(side: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds, processor seconds of this process, and what came of it."""
    clock, processor = perf_counter(), process_time()
    result = side()
    return perf_counter() - clock, process_time() - processor, result


def _request(number: int) -> Request:
    messages = [{"role": "user", "content": f"{number} and {number}?"}]
    return Request(f"p{number}", 0, {"model": "m", "messages": messages, "temperature": 0.6, "max_tokens": 400})


# --- clients to compare with ---------------------------------------------------------------------------------------


async def _plain(requests: list[Request], url: str) -> None:
    from openai import AsyncOpenAI

    left = iter(requests)

    async def work(client: Any) -> None:
        for request in left:
            await client.chat.completions.create(**request.body)

    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        await asyncio.gather(*(work(client) for _ in range(CONCURRENCY)))


async def _sockets(count: int, url: str) -> None:
    """As many answers, read and not looked at."""
    address, body, left = urlsplit(url), json.dumps(_request(0).body).encode(), iter(range(count))
    head = f"POST {address.path}/chat/completions HTTP/1.1\r\nhost: {address.netloc}\r\ncontent-length: {len(body)}\r\n"
    whole = head.encode() + b"content-type: application/json\r\n\r\n" + body

    async def work() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for _ in left:
            writer.write(whole)
            said = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(said))
        writer.close()

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


# --- endpoints -----------------------------------------------------------------------------------------------------


class _Lean(asyncio.Protocol):
    """Gives the same answer to whatever is asked, ``delay`` seconds after it arrived."""

    def __init__(self, delay: float) -> None:
        self.delay, self.rest = delay, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.rest += data
        head, found, body = self.rest.partition(b"\r\n\r\n")
        if found and len(body) >= (length := _length(head)):
            self.rest = body[length:]
            asyncio.get_running_loop().call_later(self.delay, self.transport.write, _ANSWER)


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])


def _answer() -> bytes:
    message = {"role": "assistant", "content": "<think>" + "wait, let me see. " * (WORDS // 4) + "</think>\n\nIt is 4."}
    usage = {"prompt_tokens": 12, "completion_tokens": WORDS, "total_tokens": WORDS + 12}
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]
    said = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}
    body = json.dumps({**said, "usage": usage}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


_ANSWER = _answer()


@contextmanager
def lean(delay: float) -> Iterator[str]:
    """An endpoint that takes as little of the machine as one can; gives its base URL."""
    with _process(_serve_lean, delay) as url:
        yield url


def _serve_lean(delay: float, pipe: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Lean(delay), "127.0.0.1", 0, backlog=512)
        pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def endpoint(settings: Mapping[str, Any]) -> Iterator[str]:
    """The endpoint of the tests; gives its base URL."""
    with _process(_serve, dict(settings)) as url:
        yield url


def _serve(settings: dict[str, Any], pipe: Connection) -> None:
    sys.path.insert(0, str(TESTS))
    from endpoint import Endpoint, serve

    with serve(Endpoint(**settings)) as url:
        pipe.send(url)
        multiprocessing.Event().wait()


@contextmanager
def _process(function: Callable[..., None], settings: Any) -> Iterator[str]:
    """A process of its own that runs it and says its base URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=function, args=(settings, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


if __name__ == "__main__":
    collect()
    if len(sys.argv) > 1:
        misbehaving(int(sys.argv[1]))
