"""Models behind endpoints: whatever the endpoint does, every request ends once, as an answer or with a reason."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endpoint import FATAL, FAULTS, Endpoint, expected, serve
from understudy import markers, registry
from understudy.asking import Stopped
from understudy.asking.budget import Used
from understudy.errors import StudyError, UnderstudyError
from understudy.protocols import Model
from understudy.registry import Piece
from understudy.tables import to_frame
from understudy.types import Problem, Sampling, Trace

ONCE = Sampling()


def problems(n: int) -> list[Problem]:
    return [Problem(f"p{i}", "t", f"{i} and {i}?", str(2 * i), "test") for i in range(n)]


def model(base_url: str, journal: Path, **parameters: Any) -> Any:
    quick = {"first_wait": 0.01, "timeout": 5.0}
    piece = Piece("openai", {"model": "m", "base_url": base_url, **quick, **parameters})
    return registry.build("models", piece, journal=journal / "j.jsonl" if journal.is_dir() else journal)


def of(problem: Problem) -> tuple[str | None, str, str]:
    text, finish = expected(problem.prompt)
    reasoning, response, _ = markers.split(text)
    return reasoning, response, finish


def check(traces: list[Trace], asked: list[Problem]) -> None:
    """Every problem has its own answer, in order."""
    assert [t.problem_id for t in traces] == [p.problem_id for p in asked]
    for trace, problem in zip(traces, asked, strict=True):
        assert trace.error is None, trace.error
        assert (trace.reasoning, trace.response, trace.finish_reason) == of(problem)


def test_it_is_a_model() -> None:
    assert isinstance(registry.build("models", Piece("openai", {"model": "m"})), Model)


def test_every_fault_at_once_and_every_request_ends_right(tmp_path: Path) -> None:
    faults = {**dict.fromkeys(FAULTS, 40), "hang": 100, "refused": 50}
    endpoint, asked = Endpoint(faults), problems(1000)
    tallies: list[tuple[int, int, int]] = []
    with serve(endpoint) as url:
        piece = Piece("openai", {"model": "m", "base_url": url, "first_wait": 0.01, "timeout": 1.0, "concurrency": 64})
        made = registry.build(
            "models",
            piece,
            journal=tmp_path / "j.jsonl",
            watch=lambda t: tallies.append((t.done, t.errors, t.again)),
        )
        traces = list(made.generate(asked, ONCE))
    fates = Counter(arrival.fate for arrival in endpoint.log)
    assert set(FAULTS) | set(FATAL) | {"answered"} == set(fates), "every fault happened"
    refused = {arrival.prompt for arrival in endpoint.log if arrival.fate == "refused"}
    check([t for t in traces if t.error is None], [p for p in asked if p.prompt not in refused])
    failed = [t for t in traces if t.error is not None]
    assert len(failed) == len(refused) == fates["refused"], "what cannot pass is sent once"
    assert {(t.error, t.finish_reason, t.response, t.reasoning) for t in failed} == {
        ("HTTP 400: the prompt is too long", "error", "", None)
    }
    answered = Counter(arrival.prompt for arrival in endpoint.log if arrival.fate == "answered")
    assert max(answered.values()) == 1, "nothing is asked again that was answered"
    faulty = sum(count for fate, count in fates.items() if fate not in ("answered", "refused"))
    assert tallies[-1] == (1000, len(failed), faulty)
    assert endpoint.busiest <= 64 + fates["hang"]
    assert to_frame(Trace, traces).height == 1000


@pytest.mark.parametrize(
    ("message", "reasoning", "response"),
    [
        ({"content": "4", "reasoning_content": "2 and 2."}, "2 and 2.", "4"),
        ({"content": "4", "reasoning": "2 and 2."}, "2 and 2.", "4"),
        ({"content": "<think>2 and 2.</think>4"}, "2 and 2.", "4"),
        ({"content": "2 and 2.\n</think>\n\n4"}, "2 and 2.", "4"),
        ({"content": "4", "reasoning_content": None, "reasoning": ""}, None, "4"),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "2 and 2."}]},
                    {"type": "text", "text": "4"},
                ]
            },
            "2 and 2.",
            "4",
        ),
        ({"content": "", "reasoning_content": "2 and"}, "2 and", ""),
        ({"content": None, "refusal": "I cannot say."}, None, "I cannot say."),
        ({"content": "\x00<b>\u202e"}, None, "\x00<b>\u202e"),
    ],
)
def test_reasoning_is_found_wherever_servers_put_it(
    tmp_path: Path, message: dict[str, Any], reasoning: str | None, response: str
) -> None:
    with serve(Endpoint(message=lambda _: message)) as url:
        (trace,) = model(url, tmp_path).generate(problems(1), ONCE)
    assert (trace.reasoning, trace.response, trace.error) == (reasoning, response, None)


def test_usage_is_taken_over_and_left_null_where_it_is_not_said(tmp_path: Path) -> None:
    with serve(Endpoint()) as url:
        (trace,) = model(url, tmp_path).generate(problems(1), ONCE)
    tokens = len(expected("0 and 0?")[0].split())
    assert (trace.usage.prompt_tokens, trace.usage.completion_tokens) == (3, tokens)
    assert trace.metadata == {"reasoning_tokens": tokens // 2}
    assert (
        Used.of({}) == Used.of({"usage": {"prompt_tokens": "7", "completion_tokens": True}}) == Used(None, None, None)
    )


def test_what_is_set_is_sent_and_what_is_null_is_not(tmp_path: Path) -> None:
    endpoint = Endpoint()
    parameters = {"temperature": 0.6, "max_tokens": 99, "stop": ["\n\n"], "system": "Think.", "extra": {"top_k": 20}}
    with serve(endpoint) as url:
        traces = list(model(url, tmp_path, samples=3, seed=1, **parameters).generate(problems(2), ONCE))
        list(model(url, tmp_path).generate(problems(1), ONCE))
    assert [(t.problem_id, t.sample) for t in traces] == [
        ("p0", 0),
        ("p0", 1),
        ("p0", 2),
        ("p1", 0),
        ("p1", 1),
        ("p1", 2),
    ]
    *sampled, plain = [dict(arrival.body) for arrival in endpoint.log]
    assert len({body.pop("seed") for body in sampled}) == 6
    messages = [{"role": "system", "content": "Think."}, {"role": "user", "content": "0 and 0?"}]
    wanted = {"model": "m", "messages": messages, "temperature": 0.6, "max_tokens": 99, "stop": ["\n\n"], "top_k": 20}
    assert wanted in sampled
    assert plain == {"model": "m", "messages": messages[1:]}


def test_nothing_is_asked_twice_and_a_new_setting_is_another_question(tmp_path: Path) -> None:
    endpoint, asked = Endpoint(), problems(5)
    with serve(endpoint) as url:
        first = list(model(url, tmp_path).generate(asked, ONCE))
        assert list(model(url, tmp_path, concurrency=2, timeout=9.0).generate(asked, ONCE)) == first
        assert len(endpoint.log) == 5
        assert list(model(url, tmp_path).generate(asked[::-1], ONCE)) == first[::-1]
        more = list(model(url, tmp_path, samples=2).generate(asked, ONCE))
        assert len(endpoint.log) == 10 and [t for t in more if t.sample == 0] == first
        list(model(url, tmp_path, temperature=0.5).generate(asked, ONCE))
    assert len(endpoint.log) == 15


def test_errors_are_asked_again_by_the_next_run(tmp_path: Path) -> None:
    endpoint = Endpoint({"refused": 3})
    with serve(endpoint) as url:
        first = list(model(url, tmp_path).generate(problems(20), ONCE))
        endpoint.faults = {}
        check(list(model(url, tmp_path).generate(problems(20), ONCE)), problems(20))
    assert any(t.error for t in first)
    assert len(endpoint.log) == 20 + sum(t.error is not None for t in first)


def test_in_a_notebook_an_event_loop_runs_already(tmp_path: Path) -> None:
    async def cell() -> list[Trace]:
        return list(model(url, tmp_path).generate(problems(3), ONCE))

    with serve(Endpoint()) as url:
        check(asyncio.run(cell()), problems(3))


# --- the user's mistakes -------------------------------------------------------------------------------------------


def refused(url: str, tmp_path: Path, **parameters: Any) -> UnderstudyError:
    start = time.monotonic()
    with pytest.raises(UnderstudyError) as caught:
        list(model(url, tmp_path, **parameters).generate(problems(20), ONCE))
    assert time.monotonic() - start < 4, "it stops at once"
    assert "\n" not in caught.value.message and caught.value.hint
    return caught.value


def test_a_wrong_key_stops_at_once_and_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(key="sk-right")
    with serve(endpoint) as url:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        error = refused(url, tmp_path)
        assert "OPENAI_API_KEY" in error.hint and "it is not set" in error.hint
        monkeypatch.setenv("MY_KEY", "sk-wrong-and-secret")
        error = refused(url, tmp_path, api_key_env="MY_KEY")
        assert "refuses the key" in error.message and "MY_KEY" in error.hint
        assert "sk-wrong" not in f"{error} {error.__dict__} {(tmp_path / 'j.jsonl').read_text()}"
        monkeypatch.setenv("MY_KEY", "sk-right")
        check(list(model(url, tmp_path, api_key_env="MY_KEY").generate(problems(1), ONCE)), problems(1))
    assert endpoint.busiest <= 16 and len(endpoint.log) < 40


def test_a_key_that_is_echoed_in_an_error_is_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-echoed-secret")
    with serve(Endpoint(always="422")) as url:
        with pytest.raises(Stopped) as stopped:
            list(model(url, tmp_path, give_up_after=3, concurrency=1).generate(problems(9), ONCE))
        traces = list(model(url, tmp_path).so_far(problems(9), ONCE))
    assert "you sent [key]" in str(stopped.value)
    assert "sk-echoed" not in (tmp_path / "j.jsonl").read_text() + str(stopped.value)
    assert [t.error for t in traces] == ["HTTP 422: it is 422; you sent [key]"] * 3


def test_a_wrong_model_an_empty_port_and_a_web_page(tmp_path: Path) -> None:
    with serve(Endpoint()) as url:
        assert "knows no model 'gpt-0'" in refused(url, tmp_path, model="gpt-0").message
        error = refused(url.removesuffix("/v1"), tmp_path)
        assert "base_url" in error.hint and "/v1" in error.hint
    error = refused(url, tmp_path)
    assert "nobody answers at http://127.0.0.1" in error.message and "base_url" in error.hint
    with serve(Endpoint(always="page")) as url:
        assert "web page" in refused(url, tmp_path).message


def test_an_endpoint_that_only_fails_is_given_up(tmp_path: Path) -> None:
    endpoint = Endpoint()
    with serve(endpoint) as url:
        list(model(url, tmp_path).generate(problems(5), ONCE))
        endpoint.always = "500"
        settings = {"retries": 2, "give_up_after": 10, "concurrency": 4}
        with pytest.raises(Stopped, match="requests in a row failed, the last with: HTTP 500") as stopped:
            list(model(url, tmp_path, **settings).generate(problems(200), ONCE))
        assert len(endpoint.log) < 5 + 3 * (10 + 4)
        kept = list(model(url, tmp_path).so_far(problems(200), ONCE))
        assert sum(t.error is None for t in kept) == 5 and len(kept) < 20
        assert "run the same command again" in stopped.value.hint
        endpoint.always = None
        check(list(model(url, tmp_path, **settings).generate(problems(200), ONCE)), problems(200))


def test_an_endpoint_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    with serve(Endpoint(always="hang")) as url:
        (trace,) = model(url, tmp_path, timeout=0.2, retries=1).generate(problems(1), ONCE)
    assert trace.error == "no answer within 0.2 seconds"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"prices": {"promt": 1, "completion": 2}}, ("'promt'", "did you mean 'prompt'?")),
        ({"prices": {"prompt": 1}}, ("lacks 'completion'",)),
        ({"prices": {"prompt": -1, "completion": 2}}, ("-1",)),
        ({"max_cost": 5}, ("max_cost needs prices",)),
        ({"timeout": 0}, ("timeout cannot be 0",)),
        ({"samples": 0}, ("samples cannot be 0",)),
        ({"base_url": "localhost:8000"}, ("'localhost:8000' is no address",)),
        ({"base_url": "http://localhost:x/v1"}, ("is no address",)),
        ({"extra": {"n": 4}}, ("extra cannot set 'n'",)),
        ({"model": " "}, ("no name",)),
        ({"api_key_env": "NOT_SET_ANYWHERE"}, ("NOT_SET_ANYWHERE", "export")),
        ({"max_total_tokens": 1000}, ("how long an answer may be", "max_tokens")),
    ],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, parameters: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(StudyError) as caught:
        list(
            model(**{"base_url": "http://localhost:1/v1", "journal": tmp_path, **parameters}).generate(
                problems(2), ONCE
            )
        )
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    "parameters",
    [
        {"api_key_env": "sk-secret-123"},
        {"base_url": "https://user:sk-secret-123@host/v1"},
        {"base_url": "https://host/v1?api_key=sk-secret-123"},
    ],
)
def test_a_key_in_the_wrong_place_is_refused_and_not_repeated(parameters: dict[str, Any]) -> None:
    with pytest.raises(StudyError) as caught:
        registry.build("models", Piece("openai", {"model": "m", **parameters}))
    assert "secret" not in str(caught.value)


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever key the machine has, these tests do not send it."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    yield
