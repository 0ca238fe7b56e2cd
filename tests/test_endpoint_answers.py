"""What endpoints answer that is not quite an answer, and what is sent to them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from endpoint import Endpoint, serve
from test_endpoint import ONCE, check, model, no_key, problems, refused
from understudy.asking import Request, Stopped
from understudy.asking.budget import Budget, Prices, Used
from understudy.errors import StudyError
from understudy.types import Trace

__all__ = ["no_key"]


class Quirky(Endpoint):
    """An endpoint whose answers have these fields, beside or in place of the usual ones."""

    def __init__(self, choice: dict[str, Any] | None = None, usage: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.choice, self.usage = choice or {}, usage

    def answer(self, body: Any) -> dict[str, Any]:
        """The usual answer, changed."""
        usual = super().answer(body)
        usual["choices"][0].update(self.choice)
        return usual if self.usage is None else {**usual, "usage": self.usage}


def one(endpoint: Endpoint, tmp_path: Path, **parameters: Any) -> Trace:
    with serve(endpoint) as url:
        (trace,) = model(url, tmp_path, **parameters).generate(problems(1), ONCE)
    return trace  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("finish", "content", "error"),
    [
        ("content_filter", None, "the endpoint's filter held the answer back"),
        ("content_filter", "", "the endpoint's filter held the answer back"),
        ("tool_calls", None, "the answer has no text"),
        ("stop", None, "the answer has no text"),
        ("stop", "", None),
        ("content_filter", "A part", None),
    ],
)
def test_an_answer_without_text_says_so_and_was_paid_for(
    tmp_path: Path, finish: str, content: str | None, error: str | None
) -> None:
    message = {"role": "assistant", "content": content}
    trace = one(Quirky({"finish_reason": finish, "message": message}), tmp_path)
    assert (trace.error, trace.response) == (error, content or "")
    assert trace.usage.prompt_tokens == 3
    assert (trace.finish_reason == "error") == (error is not None)


@pytest.mark.parametrize("finish", ["error", "abort", "insufficient_system_resource"])
def test_an_answer_that_the_endpoint_broke_off_is_asked_again(tmp_path: Path, finish: str) -> None:
    endpoint = Quirky({"finish_reason": finish})
    trace = one(endpoint, tmp_path, retries=2)
    assert trace.error == f"the endpoint broke the answer off ({finish})"
    assert len(endpoint.log) == 3


def test_an_empty_field_of_reasoning_does_not_hide_another(tmp_path: Path) -> None:
    message = {"content": "4", "reasoning_content": "", "reasoning": "2 and 2."}
    assert one(Endpoint(message=lambda _: message), tmp_path).reasoning == "2 and 2."


@pytest.mark.parametrize("fault", ["surrogate", "latin"])
def test_an_answer_that_is_no_unicode_is_kept_and_not_paid_for_again(tmp_path: Path, fault: str) -> None:
    endpoint = Endpoint(always=fault)
    assert one(endpoint, tmp_path).response == "half \ufffd"
    assert len(endpoint.log) == 1


def test_long_answers_and_control_characters_come_through(tmp_path: Path) -> None:
    message = {"content": "x" * 1_000_000 + "\x00\x1b[31m\u202e", "reasoning_content": "é\u2028" * 200_000}
    trace = one(Endpoint(message=lambda _: message), tmp_path)
    assert (trace.response, trace.reasoning) == (message["content"], message["reasoning_content"])


def test_a_prompt_that_is_not_allowed_is_no_wrong_key(tmp_path: Path) -> None:
    endpoint = Endpoint(always="403")
    with serve(endpoint) as url:
        assert "refuses the key" in refused(url, tmp_path).message
        made = model(url, tmp_path, concurrency=1)
        assert [t.error for t in made.generate(problems(1), ONCE)] == ["HTTP 403: it is 403; you sent"]
        endpoint.always = None
        check(list(made.generate(problems(20), ONCE)), problems(20))


@pytest.mark.parametrize(("fault", "how"), [("ollama", "without choices"), ("garbage", "what is no JSON object")])
def test_another_protocol_is_said_in_one_sentence(tmp_path: Path, fault: str, how: str) -> None:
    with serve(Endpoint(always=fault)) as url:
        error = refused(url, tmp_path)
    assert how in error.message and "not as an OpenAI-compatible endpoint" in error.message
    assert "/v1" in error.hint


def test_an_endpoint_that_asks_for_an_hour_is_not_waited_for(tmp_path: Path) -> None:
    endpoint = Endpoint(always="429", retry_after="3600")
    assert str(one(endpoint, tmp_path).error).endswith("(it asks to wait 60 minutes)")
    assert len(endpoint.log) == 1


# --- what is sent --------------------------------------------------------------------------------------------------


def test_no_key_is_sent_where_none_is_set_and_nothing_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = Endpoint()
    one(endpoint, tmp_path)
    sent = endpoint.log[0].headers
    assert "authorization" not in sent and not [name for name in sent if name.startswith("x-stainless")]
    assert sent["content-type"] == sent["accept"] == "application/json"
    monkeypatch.setenv("OPENAI_API_KEY", " sk-key ")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    one(endpoint, tmp_path, temperature=0.1)
    sent = endpoint.log[1].headers
    assert (sent["authorization"], sent["openai-organization"]) == ("Bearer sk-key", "org-1")


@pytest.mark.parametrize("key", ["…", "sk-secret\nsecret", "sk-secret\x7f", "sk-séсret"])
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(StudyError, match="OPENAI_API_KEY holds characters that no key has") as caught:
        one(Endpoint(), tmp_path)
    assert key not in str(caught.value) and "secret" not in str(caught.value)


def test_a_key_that_is_echoed_in_an_answer_is_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-long-enough-to-be-a-key")
    message = {"content": "you sent sk-long-enough-to-be-a-key"}
    assert one(Endpoint(message=lambda _: message), tmp_path).response == "you sent [key]"
    assert "sk-long" not in (tmp_path / "j.jsonl").read_text()
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    assert one(Endpoint(message=lambda _: {"content": "EMPTY"}), tmp_path, seed=1).response == "EMPTY"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"extra": {"x": float("nan")}}, "extra holds what no request can"),
        ({"extra": {"x": {1, 2}}}, "extra holds what no request can"),
        ({"temperature": float("inf")}, "temperature holds"),
        ({"extra": {"max_tokens": "many"}}, "max_tokens cannot be 'many'"),
        ({"extra": {"max_completion_tokens": 0}}, "max_completion_tokens cannot be 0"),
        ({"base_url": "http://host/\x00v1"}, "is no address"),
    ],
)
def test_what_cannot_be_sent_is_refused_before(tmp_path: Path, parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyError, match=words):
        model(**{"base_url": "http://localhost:1/v1", "journal": tmp_path, **parameters})


def test_a_proxy_of_the_environment_is_named_where_nobody_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:secret@127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    error = refused("http://127.0.0.1:9/v1", tmp_path)
    assert "the proxy that HTTP_PROXY names" in error.hint and "secret" not in str(error)


# --- what it costs -------------------------------------------------------------------------------------------------


def test_reasoning_that_only_the_total_counts_is_paid_for() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 1015}
    assert Used.of({"usage": usage}) == Used(10, 1005, None)
    assert Used.of({"usage": {**usage, "total_tokens": 3}}) == Used(10, 5, None)
    assert Used.of({"usage": {"total_tokens": 3}}) == Used(None, None, None)


def test_an_endpoint_that_takes_more_than_it_may_is_held_to_more(tmp_path: Path) -> None:
    """One answer at a time: the budget is passed by no more than the first surprise."""
    endpoint = Quirky(usage={"prompt_tokens": 10, "completion_tokens": 990})
    with serve(endpoint) as url, pytest.raises(Stopped, match="no room"):
        list(model(url, tmp_path, max_tokens=50, max_total_tokens=5_300, concurrency=1).generate(problems(50), ONCE))
    assert len(endpoint.log) == 5
    budget, request = Budget(Prices(1, 1), 1.0, None), Request("p", 0, {"messages": [], "max_tokens": 100})
    budget.spend(request, Used(0, 600_000))
    assert not budget.fits(request)


# --- interrupted ---------------------------------------------------------------------------------------------------

CELL = """
import asyncio, sys, threading
from pathlib import Path
from understudy.asking import Request, Settings, ask
N = range(500)
async def cell():
    requests = [Request(str(i), 0, {"model": "m", "messages": [{"role": "user", "content": f"{i}"}]}) for i in N]
    ask(requests, Settings(base_url=sys.argv[1], concurrency=2), Path(sys.argv[2]))
asyncio.new_event_loop().run_until_complete(cell())
"""


def test_a_cell_that_is_interrupted_asks_no_more(tmp_path: Path) -> None:
    journal, endpoint = tmp_path / "j.jsonl", Endpoint(delay=0.02)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with serve(endpoint) as url:
        command = [sys.executable, "-c", CELL, url, str(journal)]
        child = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        while len(endpoint.log) < 10 and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        said = child.communicate(timeout=20)[1]
    assert said.rstrip().endswith("KeyboardInterrupt") and len(endpoint.log) < 100
    kept = [json.loads(line) for line in journal.read_bytes().splitlines()]
    assert len(kept) >= 6 and all("answer" in line for line in kept)
