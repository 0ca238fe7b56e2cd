"""Where requests go, how fast, how often again, and what they may cost.

Settings(base_url="http://localhost:8000/v1", concurrency=64, requests_per_minute=600)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from understudy.asking.budget import Prices
from understudy.errors import StudyError

KEY = "OPENAI_API_KEY"
"""The environment variable with the key, if no other is named."""

POSITIVE = ("concurrency", "requests_per_minute", "tokens_per_minute", "timeout", "first_wait", "give_up_after")
BUDGET = ("max_cost", "max_total_tokens")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an endpoint is asked.

    ``base_url`` is the address up to ``/v1`` (null: ``OPENAI_BASE_URL``, else OpenAI's). The key is read from the
    environment variable ``api_key_env`` (null: ``OPENAI_API_KEY``, if it is set) and written nowhere.
    ``concurrency`` requests are under way at once, at most ``requests_per_minute`` start and about
    ``tokens_per_minute`` are used. One that takes more than ``timeout`` seconds, or fails in a way that may pass, is
    sent again up to ``retries`` times, after a random wait of up to ``first_wait`` seconds that doubles each time, or
    what the endpoint asks for. After ``give_up_after`` requests in a row that failed, no more are sent.

    ``prices`` are dollars per million tokens (``prompt``, ``completion`` and, where it has its own, ``reasoning``).
    Nothing is sent that could take the whole above ``max_cost`` dollars or ``max_total_tokens`` tokens. ``proxies``:
    requests go through the proxies that the environment names (HTTP_PROXY and its kin), if it names any.
    """

    base_url: str | None = None
    api_key_env: str | None = None
    concurrency: int = 16
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout: float = 600.0
    retries: int = 6
    first_wait: float = 0.5
    give_up_after: int = 20
    prices: Mapping[str, float] | None = None
    max_cost: float | None = None
    max_total_tokens: int | None = None
    proxies: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be meant. Raises ``StudyError``; keys that stand where they must not are not shown."""
        for name in (*POSITIVE, *BUDGET):
            refuse_below(name, getattr(self, name), 0, exclusive=True)
        refuse_below("retries", self.retries, 0)
        if self.api_key_env is not None and not re.fullmatch("[A-Z_][A-Z0-9_]*", self.api_key_env):
            hint = f"export MY_KEY=… and write api_key_env: MY_KEY (without it: {KEY})"
            raise StudyError("api_key_env is not the name of an environment variable in capitals", hint)
        if self.base_url is not None:
            check_address(self.base_url)
        Prices.read(self.prices)
        if self.max_cost is not None and self.prices is None:
            raise StudyError("max_cost needs prices", "prices: {prompt: DOLLARS, completion: DOLLARS} a million tokens")


def refuse_below(name: str, value: float | None, least: float, exclusive: bool = False) -> None:
    """Raise ``StudyError`` if a value that is not null is less than ``least``, or equal to it if ``exclusive``."""
    if value is not None and not (value > least or (value == least and not exclusive)):
        raise StudyError(f"{name} cannot be {value}", f"it is {'more than' if exclusive else 'at least'} {least:g}")


def check_address(address: str) -> None:
    """Refuse what is no address, and one that holds a key, which is not shown. Raises ``StudyError``."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        raise StudyError("base_url is no address", "base_url: http://HOST:PORT/v1") from None
    if (
        parts.username
        or parts.password
        or any(re.search("key|token|secret", name) for name, _ in parse_qsl(parts.query))
    ):
        raise StudyError("base_url holds a key or a password", f"put it into the environment variable {KEY}")
    if parts.scheme not in ("http", "https") or not parts.hostname or not address.isprintable():
        raise StudyError(f"base_url {address!r} is no address", "base_url: http://HOST:PORT/v1")
