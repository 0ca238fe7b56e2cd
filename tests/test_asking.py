"""What is asked is kept: the journal, the pace, and the budget, whatever goes wrong."""

import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint import Endpoint, serve
from test_endpoint import ONCE, check, model, no_key, problems
from understudy.asking import Prices, Request, Settings, Stopped, Tally, answers, ask
from understudy.asking.budget import Used
from understudy.asking.endpoint import retry_after
from understudy.errors import RunError, StudyError

__all__ = ["no_key"]


# --- the journal ---------------------------------------------------------------------------------------------------


REQUESTS = [Request(f"p{i}", 0, {"model": "m", "messages": [{"role": "user", "content": f"{i}?"}]}) for i in range(4)]
SAID = {"choices": [{"message": {"content": "4 – «∞»"}}]}


def lines(n: int) -> list[bytes]:
    return [json.dumps({"key": r.key, "answer": SAID}, ensure_ascii=False).encode() + b"\n" for r in REQUESTS[:n]]


@pytest.mark.parametrize("cut", [1, 2, 17, 40, len(lines(1)[0]) - 1])
def test_a_torn_last_line_is_asked_again_and_nothing_else(tmp_path: Path, cut: int) -> None:
    journal = tmp_path / "j.jsonl"
    journal.write_bytes(b"".join(lines(3))[:-cut])
    kept = 3 if cut == 1 else 2
    assert len(list(answers(REQUESTS, journal))) == kept
    endpoint = Endpoint()
    with serve(endpoint) as url:
        ask(REQUESTS, Settings(base_url=url), journal)
    assert [arrival.prompt for arrival in endpoint.log] == [f"{i}?" for i in range(kept, 4)]
    written = journal.read_bytes()
    assert written.startswith(b"".join(lines(kept))) and all(json.loads(line) for line in written.splitlines())


@given(st.lists(st.binary(max_size=60) | st.sampled_from([*lines(4), b"{}\n", b"[]\n", b'{"key":[],"answer":1}\n'])))
def test_any_journal_can_be_read(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    journal = tmp_path_factory.getbasetemp() / "any.jsonl"
    journal.write_bytes(b"".join(parts))
    found = [request for request, _ in answers(REQUESTS, journal)]
    assert found == [r for r in REQUESTS if r in found]
    text = journal.read_bytes().split(b"\n")
    assert {r.key for r in found} == {r.key for r, line in zip(REQUESTS, lines(4), strict=True) if line[:-1] in text}


def test_an_answer_counts_more_than_an_error_and_the_later_of_two(tmp_path: Path) -> None:
    journal, key = tmp_path / "j.jsonl", REQUESTS[0].key
    said = [{"error": "one"}, {"error": "two"}]
    journal.write_text("".join(json.dumps({"key": key, **one}) + "\n" for one in said))
    assert [line["error"] for _, line in answers(REQUESTS, journal)] == ["two"]
    said = [{"answer": SAID}, {"error": "late"}]
    journal.write_text("".join(json.dumps({"key": key, **one}) + "\n" for one in said))
    assert [line["answer"] for _, line in answers(REQUESTS, journal)] == [SAID]


def test_every_answer_is_on_disk_before_it_is_counted(tmp_path: Path) -> None:
    journal = tmp_path / "j.jsonl"

    def watch(tally: Tally) -> None:
        assert journal.read_bytes().count(b"\n") >= tally.done

    with serve(Endpoint()) as url:
        assert ask(REQUESTS, Settings(base_url=url), journal, watch).done == 4


def test_a_full_disk_stops_the_run_and_nothing_is_lost(tmp_path: Path) -> None:
    disk, endpoint = tmp_path / "disk", Endpoint()
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        with serve(endpoint) as url:
            with pytest.raises(RunError, match="no space left on device") as caught:
                list(model(url, disk, concurrency=2).generate(problems(60), ONCE))
            assert "what was answered is kept" in caught.value.hint
            kept, before = (disk / "j.jsonl").read_bytes().count(b"\n"), len(endpoint.log)
            assert kept > 5
            subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
            check(list(model(url, disk).generate(problems(60), ONCE)), problems(60))
        assert len(endpoint.log) - before == 60 - kept
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_journal_is_an_ordinary_file(tmp_path: Path) -> None:
    (tmp_path / "zero").symlink_to("/dev/zero")
    for path in (tmp_path / "zero", tmp_path):
        with pytest.raises(RunError, match="it is no ordinary file"):
            ask(REQUESTS, Settings(base_url="http://localhost:1/v1"), path)


def test_a_disk_that_fills_up_keeps_whole_lines(tmp_path: Path) -> None:
    endpoint, journal = Endpoint(), tmp_path / "j.jsonl"
    code = (
        "import resource, sys; from pathlib import Path; from test_endpoint import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "list(model(sys.argv[1], Path(sys.argv[2]), concurrency=3).generate(problems(50), ONCE))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with serve(endpoint) as url:
        command = [sys.executable, "-c", code, url, str(journal)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert "RunError: cannot write to the journal" in done.stderr, done.stderr
        kept = [json.loads(line) for line in journal.read_bytes().splitlines()]
        assert 3 < len(kept) < 50 and journal.stat().st_size <= 4000
        before = len(endpoint.log)
        check(list(model(url, journal).generate(problems(50), ONCE)), problems(50))
    again = [arrival.prompt for arrival in endpoint.log[before:]]
    assert len(again) == 50 - len(kept)


def test_two_runs_do_not_write_one_journal(tmp_path: Path) -> None:
    def watch(tally: Tally) -> None:
        with pytest.raises(RunError, match="another understudy writes to"):
            ask(REQUESTS, Settings(base_url=url), tmp_path / "j.jsonl")

    with serve(Endpoint()) as url:
        ask(REQUESTS[:1], Settings(base_url=url), tmp_path / "j.jsonl", watch)


# --- speed and money -----------------------------------------------------------------------------------------------


def test_retry_after_is_honoured(tmp_path: Path) -> None:
    endpoint = Endpoint({"429": 1}, retry_after="0.2")
    with serve(endpoint) as url:
        check(list(model(url, tmp_path).generate(problems(1), ONCE)), problems(1))
    times = [arrival.at for arrival in endpoint.log]
    assert len(times) == 4 and all(later - sooner >= 0.2 for sooner, later in pairwise(times))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_requests_a_minute_are_a_ceiling(tmp_path: Path) -> None:
    endpoint = Endpoint()
    with serve(endpoint) as url:
        check(list(model(url, tmp_path, requests_per_minute=1200).generate(problems(20), ONCE)), problems(20))
    times = sorted(arrival.at for arrival in endpoint.log)
    assert times[-1] - times[0] > 0.9 * 19 / 20, "20 requests at 20 a second"


def test_tokens_a_minute_are_a_ceiling(tmp_path: Path) -> None:
    endpoint = Endpoint()
    start = time.monotonic()
    with serve(endpoint) as url:
        asked = problems(20)
        made = model(url, tmp_path, tokens_per_minute=30_000, max_tokens=30)
        traces = list(made.generate(asked, ONCE))
    used = sum((t.usage.prompt_tokens or 0) + (t.usage.completion_tokens or 0) for t in traces[:-1])
    assert time.monotonic() - start > 0.8 * used / 500


def test_no_more_than_so_many_are_under_way(tmp_path: Path) -> None:
    endpoint = Endpoint(delay=0.02)
    with serve(endpoint) as url:
        list(model(url, tmp_path, concurrency=7).generate(problems(60), ONCE))
    assert endpoint.busiest == 7


PRICES = {"prompt": 1.0, "completion": 4.0}


@pytest.mark.parametrize("ceiling", [{"max_total_tokens": 900}, {"max_cost": 0.002, "prices": PRICES}])
def test_a_budget_stops_before_it_is_passed(tmp_path: Path, ceiling: dict[str, Any]) -> None:
    endpoint = Endpoint({"500": 4, "empty": 8}, delay=0.005)
    with serve(endpoint) as url:
        settings = {"max_tokens": 40, **ceiling}
        for _ in range(3):
            with pytest.raises(Stopped, match="the budget has no room for another request") as stopped:
                list(model(url, tmp_path, **settings).generate(problems(300), ONCE))
    assert "max_cost or max_total_tokens" in stopped.value.hint
    answered = [endpoint.answer(arrival.body) for arrival in endpoint.log if arrival.fate in ("answered", "empty")]
    used = [Used.of(answer) for answer in answered]
    assert sum(u.total for u in used) <= ceiling.get("max_total_tokens", 10**9)
    assert sum(Prices(1.0, 4.0).cost(u) for u in used) <= ceiling.get("max_cost", 10**9)
    assert 5 < len(list(model(url, tmp_path, **settings).so_far(problems(300), ONCE))) < 300


def test_a_budget_that_suffices_changes_nothing(tmp_path: Path) -> None:
    with serve(Endpoint()) as url:
        made = model(url, tmp_path, max_tokens=40, prices=PRICES, max_cost=1.0)
        check(list(made.generate(problems(30), ONCE)), problems(30))


def test_prices_follow_the_tokens() -> None:
    used = Used(1_000_000, 3_000_000, 2_000_000)
    assert Prices(0.5, 2.0).cost(used) == pytest.approx(0.5 + 6.0)
    assert Prices(0.5, 2.0, 1.0).cost(used) == pytest.approx(0.5 + 2.0 + 2.0)
    assert Prices(0.5, 2.0).cost(Used()) == 0


def test_an_address_from_the_environment_is_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://user:sk-secret-123@localhost:1/v1")
    with pytest.raises(StudyError, match="holds a key or a password") as caught:
        ask(REQUESTS, Settings(), tmp_path / "j.jsonl")
    assert "secret" not in str(caught.value)
