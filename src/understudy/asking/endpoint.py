"""One request to an OpenAI-compatible endpoint, and what its failure means.

    async with Endpoint(Settings(base_url="http://localhost:8000/v1")) as endpoint:
        body = await endpoint.send({"model": "m", "messages": [...]})

The openai library sends it, and says where it goes and who asks (address, key, organization). What comes back is read
here: the library would fail on answers that are not quite its schema. Nor does it try anything again, which is for the
``pool``. The key is read from the environment here, and taken out of every text that the endpoint sends back.
"""

import asyncio
import json
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
KEPT = 4.0
"""Seconds that a connection is kept for the next request; many servers close theirs after five."""
LONGEST = 300
"""Characters of an endpoint's own words that are kept."""
LONGEST_ASKED = 600.0
"""Seconds; an endpoint that asks to wait for longer is not waited for."""
DESCRIBING = ("X-Stainless-Retry-Count", "X-Stainless-Read-Timeout")
"""Headers that the library adds to each request, beside those that describe this machine; none of them is sent."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
LONG_KEY = 16
"""Characters; a shorter key (``EMPTY``, ``none``) is a word that an answer may hold."""
BROKEN_OFF = ("error", "abort", "insufficient_system_resource")
"""How endpoints say that they, and not the model, ended an answer."""


@dataclass(eq=False)
class Failure(Exception):
    """A request without an answer: why, whether it may be tried again, and after how many seconds.

    ``mistake`` is what the user can mend, if it is not the request alone that fails: sure once ``after`` attempts at
    it, or requests in a row, failed and nothing was answered before (``always``: even then). ``charged``: it may have
    been paid for.
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
        if not (self._key.isascii() and self._key.isprintable()):
            hint = f"copy the key again: export {self.key_name}=YOUR-KEY"
            raise StudyError(f"the environment variable {self.key_name} holds characters that no key has", hint)
        if settings.base_url is None and (address := os.environ.get("OPENAI_BASE_URL")):
            check_address(address)
        self._lanes: list[AsyncOpenAI] = []

    async def __aenter__(self) -> "Endpoint":
        from httpx2 import create_ssl_context
        from openai import Omit

        self._certificates = create_ssl_context()
        client = self._lane(0)
        self.address = str(client.base_url).rstrip("/")
        unsent = [*DESCRIBING, *(name for name in client.default_headers if name.startswith("X-Stainless"))]
        unsent += [] if self._key else ["Authorization"]
        self._headers = dict.fromkeys(unsent, Omit())
        return self

    def _lane(self, number: int) -> "AsyncOpenAI":
        """A client for each lane, with a connection of its own: a client looks through all it has for each request."""
        from httpx2 import AsyncClient, Limits, Timeout
        from openai import AsyncOpenAI

        url, key, proxies = self.settings.base_url, self._key or "none", self.settings.proxies
        while len(self._lanes) <= number:
            timeout, kept = Timeout(None, connect=min(CONNECT, self.settings.timeout)), Limits(keepalive_expiry=KEPT)
            try:
                http = AsyncClient(limits=kept, verify=self._certificates, follow_redirects=True, trust_env=proxies)
            except (ImportError, ValueError) as error:
                raise RunError(f"no request can be sent ({error})", "mend the proxy settings (HTTP_PROXY)") from None
            self._lanes.append(AsyncOpenAI(base_url=url, api_key=key, http_client=http, max_retries=0, timeout=timeout))
        return self._lanes[number]

    async def __aexit__(self, *_: object) -> None:
        for lane in self._lanes:
            await lane.close()

    async def send(self, body: Mapping[str, Any], lane: int = 0) -> dict[str, Any]:
        """The endpoint's answer: an object with at least one choice that holds a message. Raises ``Failure``.

        Requests on one ``lane`` (0, 1, …) share a connection, one after another.
        """
        from httpx2 import HTTPError, InvalidURL, Response
        from openai import APIConnectionError, APIStatusError

        try:
            async with asyncio.timeout(self.settings.timeout):
                response = await self._lane(lane).post(
                    "/chat/completions", cast_to=Response, body=body, options={"headers": self._headers}
                )
        except TimeoutError:
            raise Failure(f"no answer within {self.settings.timeout:g} seconds", charged=True) from None
        except APIStatusError as error:
            raise self._refused(error.response, str(body["model"])) from None
        except APIConnectionError as error:
            raise self._unreached(error.__cause__ or error) from None
        except (HTTPError, InvalidURL, OSError) as error:
            raise self._unreached(error) from None
        return self._read(response)

    def _unreached(self, error: BaseException) -> Failure:
        from httpx2 import ConnectError, ConnectTimeout, ProxyError, UnsupportedProtocol

        if isinstance(error, (ConnectError, ConnectTimeout, ProxyError, UnsupportedProtocol)):
            hint = f"start the server, or mend base_url (--base-url){_proxies()}"
            mistake = RunError(f"nobody answers at {self.address} ({self._clean(str(error) or 'no connection')})", hint)
            return Failure("no connection", mistake=mistake, after=3)
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
        if status == 403:  # or one prompt that is not allowed
            return Failure(reason, again=False, mistake=self._wrong_key(reason), after=3)
        if status in (404, 405):
            hint = "mend the name of the model, or base_url (--base-url; it usually ends in /v1)"
            mistake = RunError(f"{self.address} knows no model '{model}', or is no such endpoint ({reason})", hint)
            return Failure(reason, again=False, mistake=mistake)
        if (wait or 0) > LONGEST_ASKED:
            return Failure(f"{reason} (it asks to wait {(wait or 0) / 60:,.0f} minutes)", again=False)
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
            raise Failure("the answer is a web page", mistake=self._other("with a web page"))
        if len(self._key) >= LONG_KEY:
            content = content.replace(self._key.encode(), b"[key]")
        body = parse(content)
        if isinstance(body, str):
            body = _mended(content, body)
        if isinstance(body, str):
            reason = f"the answer cannot be read: {body[:LONGEST]}"
            raise Failure(reason, mistake=self._other("with what is no JSON object"), after=3, charged=True)
        if isinstance(body.get("error"), (Mapping, str)):
            raise Failure(f"the endpoint reports: {self._clean(_message(body)[0])}")
        choices = body.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
            mistake = self._other("without choices that hold a message")
            raise Failure("the answer has no choices", mistake=mistake, after=3, charged=True)
        if (finish := first.get("finish_reason")) in BROKEN_OFF:
            raise Failure(f"the endpoint broke the answer off ({finish})", charged=True)
        return body

    def _other(self, how: str) -> RunError:
        """The mistake of an address where something else answers."""
        hint = "base_url (--base-url) is the address of the API, which usually ends in /v1"
        return RunError(f"{self.address} answers {how}, not as an OpenAI-compatible endpoint", hint)

    def _clean(self, text: str) -> str:
        """One line of what an endpoint says, without the key."""
        text = text.replace(self._key, "[key]") if self._key else text
        return " ".join(text.split())[:LONGEST]


def cut_off(answer: Mapping[str, Any]) -> bool:
    """Whether an answer, as ``Endpoint.send`` gives it, ends where it reached its most tokens."""
    return bool(answer["choices"][0].get("finish_reason") == "length")


def _mended(content: bytes, reason: str) -> dict[str, Any] | str:
    """An answer that was paid for is kept, with U+FFFD where it is no Unicode; ``reason`` if it is no JSON."""
    try:
        text = json.dumps(json.loads(content.decode("utf-8", "replace"), strict=False), ensure_ascii=False)
    except (ValueError, RecursionError):
        return reason
    return parse(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())


def _proxies() -> str:
    """What a hint says of the proxies that the environment names; their addresses may hold a password."""
    names = " and ".join(name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower()))
    return f"; requests go through the proxy that {names} names" if names else ""


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
