"""An OpenAI-compatible endpoint that misbehaves as real ones do, on a port of its own.

    endpoint = Endpoint(faults={"500": 10, "hang": 40})      # one request in 10 gets HTTP 500, one in 40 no answer
    with serve(endpoint) as base_url: ...

What it answers follows from the request alone, so that every run gets the same answers; what goes wrong, from the
request and how often it was sent. ``endpoint.log`` holds every request that arrived.
"""

import asyncio
import json
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import sha256
from random import Random
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

PATIENT = 4
"""Attempts at one request that may go wrong; a later one never does."""
FAULTS = ("429", "500", "503", "502", "hang", "cut", "garbage", "empty", "null", "reported", "aborted")
FATAL = ("refused",)
"""Faults that every attempt at a request meets again."""


@dataclass
class Arrival:
    """A request that arrived: when, what was asked, and what became of it (``answered`` or a fault)."""

    at: float
    prompt: str
    body: Mapping[str, Any]
    fate: str = "under way"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Endpoint:
    """The application and its settings. ``faults``: one request in so many has it; ``key``: the only one taken."""

    faults: Mapping[str, int] = field(default_factory=dict)
    delay: float = 0.0
    key: str | None = None
    model: str = "m"
    always: str | None = None
    retry_after: str = "0.05"
    message: Callable[[str], Mapping[str, Any]] | None = None
    log: list[Arrival] = field(default_factory=list)
    busy: int = 0
    busiest: int = 0

    def __post_init__(self) -> None:
        self.attempts: Counter[str] = Counter()
        self.asgi = Starlette(routes=[Route("/v1/chat/completions", self.chat, methods=["POST"])])

    async def chat(self, request: Request) -> Response:
        """Answer one request, or fail to."""
        body = await request.json()
        prompt = body["messages"][-1]["content"]
        arrival = Arrival(time.monotonic(), prompt, body, headers=dict(request.headers))
        self.log.append(arrival)
        self.attempts[prompt] += 1
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        try:
            await asyncio.sleep(self.delay)
            arrival.fate = self.fate(request, body, prompt)
            return await getattr(self, f"_{arrival.fate}", self._status)(arrival)
        finally:
            self.busy -= 1

    def fate(self, request: Request, body: Mapping[str, Any], prompt: str) -> str:
        """What becomes of a request."""
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            return "401"
        if body["model"] != self.model:
            return "404"
        if self.always:
            return self.always
        rng = Random(f"{prompt}/fatal")
        for fault in FATAL:
            if fault in self.faults and rng.random() < 1 / self.faults[fault]:
                return fault
        rng = Random(f"{prompt}/{self.attempts[prompt]}")
        for fault in FAULTS if self.attempts[prompt] < PATIENT else ():
            if fault in self.faults and rng.random() < 1 / self.faults[fault]:
                return fault
        return "answered"

    async def _answered(self, arrival: Arrival) -> Response:
        return JSONResponse(self.answer(arrival.body))

    async def _status(self, arrival: Arrival) -> Response:
        given = (arrival.headers.get("authorization") or "").removeprefix("Bearer ")
        error = {"message": f"it is {arrival.fate}; you sent {given}", "type": "error", "code": "x"}
        headers = {"retry-after": self.retry_after} if arrival.fate == "429" else {}
        if arrival.fate == "503":
            headers = {"retry-after": formatdate(time.time() - 5, usegmt=True)}
        return JSONResponse({"error": error}, int(arrival.fate), headers)

    async def _502(self, arrival: Arrival) -> Response:
        return HTMLResponse("<html><body>Bad Gateway</body></html>", 502)

    async def _page(self, arrival: Arrival) -> Response:
        return HTMLResponse("<!doctype html><title>Welcome</title>")

    async def _refused(self, arrival: Arrival) -> Response:
        return JSONResponse({"error": {"message": "the prompt is too long"}}, 400)

    async def _hang(self, arrival: Arrival) -> Response:
        await asyncio.sleep(30)
        return JSONResponse({})

    async def _cut(self, arrival: Arrival) -> Response:
        whole = json.dumps(self.answer(arrival.body)).encode()

        async def half() -> Any:
            yield whole[: len(whole) // 2]
            raise ConnectionAbortedError("cut on purpose")

        return StreamingResponse(half(), headers={"content-length": str(len(whole))}, media_type="application/json")

    async def _garbage(self, arrival: Arrival) -> Response:
        return Response('{"id": "x", "choices": [{"mess', media_type="application/json")

    async def _aborted(self, arrival: Arrival) -> Response:
        choice = {"index": 0, "finish_reason": "error", "message": {"role": "assistant", "content": "The ans"}}
        return JSONResponse({"id": "same", "choices": [choice]})

    async def _surrogate(self, arrival: Arrival) -> Response:
        return Response(r'{"choices": [{"message": {"content": "half \ud83d"}}]}', media_type="application/json")

    async def _latin(self, arrival: Arrival) -> Response:
        return Response(b'{"choices": [{"message": {"content": "half \xe9"}}]}', media_type="application/json")

    async def _ollama(self, arrival: Arrival) -> Response:
        return JSONResponse({"model": "m", "message": {"role": "assistant", "content": "4"}, "done": True})

    async def _empty(self, arrival: Arrival) -> Response:
        return JSONResponse({**self.answer(arrival.body), "choices": []})

    async def _null(self, arrival: Arrival) -> Response:
        return JSONResponse({"id": "same", "choices": [{"index": 0, "message": None}]})

    async def _reported(self, arrival: Arrival) -> Response:
        return JSONResponse({"error": {"message": "upstream is busy", "code": 502}})

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What is answered to a request; one in ten is cut off while it thinks, and all ids are the same."""
        prompt = body["messages"][-1]["content"]
        message, finish = expected(prompt)
        said = self.message(prompt) if self.message else {"role": "assistant", "content": message}
        tokens = len(message.split())
        usage = {
            "prompt_tokens": len(prompt.split()),
            "completion_tokens": tokens,
            "completion_tokens_details": {"reasoning_tokens": tokens // 2},
        }
        choice = {"index": 0, "finish_reason": finish, "message": said}
        return {
            "id": "same",
            "object": "chat.completion",
            "created": int(time.time()),
            "choices": [choice],
            "usage": usage,
        }


def expected(prompt: str) -> tuple[str, str]:
    """The text that the endpoint writes for a prompt, and why it ended."""
    number = int(sha256(prompt.encode()).hexdigest()[:8], 16)
    thought = "wait, let me see. " * (1 + number % 7)
    if number % 10 == 0:
        return f"<think>\n{thought}".strip(), "length"
    return f"<think>\n{thought}\n</think>\n\nThe answer is {number % 100} – «{prompt[:10]}».", "stop"


@contextmanager
def serve(endpoint: Endpoint) -> Iterator[str]:
    """Serve it from a thread; gives its base URL."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)  # it would report every connection that is cut
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(endpoint.asgi, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            server.should_exit = server.force_exit = True
            thread.join(10)
