"""One request to an OpenAI-compatible endpoint, and what its failure means.

    async with Endpoint(Settings(base_url="http://localhost:8000/v1")) as endpoint:
        body = await endpoint.send({"model": "m", "messages": [...]})

The openai library builds and sends the request; its own retries are off. The key is read from the environment here,
and taken out of every text that the endpoint sends back.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from understudy.asking.settings import KEY, Settings, check_address
from understudy.errors import RunError, StudyError, UnderstudyError
from understudy.rows.json_rows import parse

if TYPE_CHECKING:
    from httpx2 import Headers, Response
    from openai import AsyncOpenAI

PASSING = (408, 409, 425, 429)
"""Refusals that may pass; so may every error of the server's (500 and up)."""
SPENT = ("insufficient_quota", "billing_hard_limit_reached")
"""What endpoints call a 429 that will not pass by waiting."""
CONNECT = 10.0
"""Seconds to reach an endpoint."""
SHARED = 8
"""Requests that share a pool of connections: the library looks through the whole pool for each request."""
LONGEST = 300
"""Characters of an endpoint's own words that are kept."""


@dataclass(eq=False)
class Failure(Exception):
    """A request without an answer: why, whether it may be tried again, and after how many seconds.

    ``mistake`` is what the user can mend, if it is not the request alone that fails: sure once ``after`` attempts at
    it failed and nothing was answered before (``always``: even then). ``charged``: it may have been paid for.
    """

    reason: str
    again: bool = True
    wait: float | None = None
    mistake: UnderstudyError | None = None
    after: int = 1
    always: bool = False
    charged: bool = False


class Endpoint:
    """An endpoint that requests are sent to. Use as an async context manager."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.key_name = settings.api_key_env or KEY
        self._key = os.environ.get(self.key_name, "").strip()
        if settings.api_key_env and not self._key:
            raise StudyError(f"the environment variable {self.key_name} is not set", f"export {self.key_name}=YOUR-KEY")
        if settings.base_url is None and (address := os.environ.get("OPENAI_BASE_URL")):
            check_address(address)
        self._clients: list[AsyncOpenAI] = []

    async def __aenter__(self) -> "Endpoint":
        from httpx2 import AsyncClient, Limits, Timeout, create_ssl_context
        from openai import AsyncOpenAI

        certificates = create_ssl_context()
        unlimited = Limits(max_connections=None, max_keepalive_connections=None)
        timeout = Timeout(self.settings.timeout, connect=min(CONNECT, self.settings.timeout))
        for _ in range(-(-self.settings.concurrency // SHARED)):
            http = AsyncClient(limits=unlimited, timeout=timeout, verify=certificates, follow_redirects=True)
            address, key = self.settings.base_url, self._key or "none"
            client = AsyncOpenAI(base_url=address, api_key=key, max_retries=0, timeout=timeout, http_client=http)
            self._clients.append(client)
        self.address = str(self._clients[0].base_url).rstrip("/")
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.close()

    async def send(self, body: Mapping[str, Any], lane: int = 0) -> dict[str, Any]:
        """The endpoint's answer: an object with at least one choice that holds a message. Raises ``Failure``."""
        from httpx2 import Response
        from openai import APIConnectionError, APIStatusError

        client = self._clients[lane % len(self._clients)]
        try:
            async with asyncio.timeout(self.settings.timeout):
                response = await client.post("/chat/completions", cast_to=Response, body=body)
        except TimeoutError:
            raise Failure(f"no answer within {self.settings.timeout:g} seconds", charged=True) from None
        except APIStatusError as error:
            raise self._refused(error.response, str(body["model"])) from None
        except APIConnectionError as error:
            raise self._unreached(error) from None
        return self._read(response)

    def _unreached(self, error: Exception) -> Failure:
        from httpx2 import ConnectError, ConnectTimeout, TimeoutException, UnsupportedProtocol

        cause = error.__cause__
        if isinstance(cause, (ConnectError, ConnectTimeout, UnsupportedProtocol)):
            hint = "start the server, or mend base_url (--base-url)"
            mistake = RunError(f"nobody answers at {self.address} ({self._clean(str(cause) or 'no connection')})", hint)
            return Failure("no connection", mistake=mistake, after=3)
        if isinstance(cause, TimeoutException):
            return Failure(f"no answer within {self.settings.timeout:g} seconds", charged=True)
        return Failure("the connection broke off", charged=True)

    def _refused(self, response: "Response", model: str) -> Failure:
        said, code = _said(response)
        status, said = response.status_code, self._clean(said)
        reason = f"HTTP {status}" + (f": {said}" if said else "")
        wait = retry_after(response.headers)
        if status == 401:
            return Failure(reason, again=False, mistake=self._wrong_key(reason), always=True)
        if status == 402 or code in SPENT:
            mistake = RunError(f"{self.address} wants to be paid ({reason})", "mend that, then run the command again")
            return Failure(reason, again=False, mistake=mistake, always=True)
        if status == 403:
            return Failure(reason, again=False, mistake=self._wrong_key(reason))
        if status in (404, 405):
            hint = "mend the name of the model, or base_url (--base-url; it usually ends in /v1)"
            mistake = RunError(f"{self.address} knows no model '{model}', or is no such endpoint ({reason})", hint)
            return Failure(reason, again=False, mistake=mistake)
        return Failure(reason, again=status in PASSING or status >= 500, wait=wait)

    def _wrong_key(self, reason: str) -> RunError:
        is_set = "check" if self._key else "it is not set:"
        hint = (
            f"the key is read from the environment variable {self.key_name}; {is_set} export {self.key_name}=YOUR-KEY"
        )
        return RunError(f"{self.address} refuses the key ({reason})", hint)

    def _read(self, response: "Response") -> dict[str, Any]:
        content = response.content
        if "text/html" in response.headers.get("content-type", "") or content.lstrip()[:1] == b"<":
            hint = "base_url (--base-url) is the address of the API, which usually ends in /v1"
            mistake = RunError(f"{self.address} answers with a web page, not as an OpenAI-compatible endpoint", hint)
            raise Failure("the answer is a web page", mistake=mistake)
        body = parse(content)
        if isinstance(body, str):
            raise Failure(f"the answer cannot be read: {body[:LONGEST]}", charged=True)
        if isinstance(body.get("error"), (Mapping, str)):
            raise Failure(f"the endpoint reports: {self._clean(_message(body)[0])}")
        choices = body.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
            raise Failure("the answer has no choices", charged=True)
        return body

    def _clean(self, text: str) -> str:
        """One line of what an endpoint says, without the key."""
        text = text.replace(self._key, "[key]") if self._key else text
        return " ".join(text.split())[:LONGEST]


def _said(response: "Response") -> tuple[str, str]:
    """The message and the code of an error, as far as there are any."""
    body = parse(response.content)
    if isinstance(body, dict):
        return _message(body)
    text = response.content[:4000].decode("utf-8", "replace")
    return ("" if text.lstrip().startswith("<") else text), ""


def _message(body: Mapping[str, Any]) -> tuple[str, str]:
    error = body.get("error", body)
    if not isinstance(error, Mapping):
        return str(error), ""
    message = error.get("message") or error.get("detail") or ""
    return str(message), str(error.get("code") or error.get("type") or "")


def retry_after(headers: "Headers | Mapping[str, str]") -> float | None:
    """Seconds that an endpoint asks to wait (a number, a date, or milliseconds), or null."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        said = headers.get(name)
        if said is None:
            continue
        try:
            seconds = float(said) * unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(said).timestamp() - time.time()
            except (ValueError, OverflowError):
                continue
        if seconds == seconds and seconds != float("inf"):
            return max(seconds, 0.0)
    return None
