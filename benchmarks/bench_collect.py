"""How fast answers are collected from an endpoint that takes 200 ms for each, 64 at once: 320 a second at best.

    python -m benchmarks.bench --only collect
    python -m benchmarks.bench_collect 10000       # and that many requests to one that misbehaves

The endpoint runs in a process of its own, on the same machine. Beside ``understudy.asking`` the openai library is used
plainly: a task for each of 64 workers, nothing journalled, nothing tried again.
"""

import asyncio
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from understudy.asking import Request, Settings, answers, ask

TESTS = Path(__file__).parents[1] / "tests"
DELAY, CONCURRENCY = 0.2, 64
REQUESTS = 2_500


def collect(count: int = REQUESTS) -> None:
    """Print answers a second and processor seconds a second, ours and plain."""
    requests = [_request(number) for number in range(count)]
    best = CONCURRENCY / DELAY
    with endpoint({"delay": DELAY}) as url, TemporaryDirectory() as folder:
        settings = Settings(base_url=url, concurrency=CONCURRENCY)
        path = Path(folder) / "journal.jsonl"
        sides: dict[str, Callable[[], Any]] = {
            "collect": lambda: ask(requests, settings, path),
            "the openai library alone": lambda: asyncio.run(_plain(requests, url)),
        }
        for name, side in sides.items():
            seconds, cores, _ = _spent(side)
            rate = count / seconds
            print(f"{name}: {rate:,.0f} answers/s of {best:,.0f} ({rate / best:.0%}), {cores:.2f} cores", flush=True)
        if len(list(answers(requests, path))) != count:
            raise SystemExit("no figure: answers are missing")


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
    """Seconds, processor seconds a second, and what came of it."""
    clock, processor = perf_counter(), process_time()
    result = side()
    seconds = perf_counter() - clock
    return seconds, (process_time() - processor) / seconds, result


def _request(number: int) -> Request:
    messages = [{"role": "user", "content": f"{number} and {number}?"}]
    return Request(f"p{number}", 0, {"model": "m", "messages": messages, "temperature": 0.6, "max_tokens": 400})


async def _plain(requests: list[Request], url: str) -> None:
    from openai import AsyncOpenAI

    left = iter(requests)

    async def work(client: Any) -> None:
        for request in left:
            await client.chat.completions.create(**request.body)

    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        await asyncio.gather(*(work(client) for _ in range(CONCURRENCY)))


@contextmanager
def endpoint(settings: Mapping[str, Any]) -> Iterator[str]:
    """The endpoint of the tests in a process of its own; gives its base URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(dict(settings), theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def _serve(settings: dict[str, Any], pipe: Connection) -> None:
    sys.path.insert(0, str(TESTS))
    from endpoint import Endpoint, serve

    with serve(Endpoint(**settings)) as url:
        pipe.send(url)
        multiprocessing.Event().wait()


if __name__ == "__main__":
    collect()
    if len(sys.argv) > 1:
        misbehaving(int(sys.argv[1]))
