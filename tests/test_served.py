"""Checkpoints behind a server that is started for them: real processes, and none of them is left over."""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Understudy
from endpoint import Endpoint, serve
from test_endpoint import no_key, problems
from understudy import registry, tables
from understudy.asking import Stopped
from understudy.errors import InputError, RunError, StudyError, UnderstudyError
from understudy.models.served import Served
from understudy.protocols import Model
from understudy.registry import Piece
from understudy.types import Sampling, Trace

__all__ = ["no_key"]

SERVER = f"{shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).with_name('tiny_server.py')))} --port {{port}}"
NAMED = f"{SERVER} --path {{path}} --name {{name}}"
GREEDY = Sampling(max_tokens=30)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A directory that passes for a checkpoint: the echo looks at nothing in it."""
    folder = tmp_path / "echo"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


def echo(checkpoint: Path, trouble: str = "echo", **options: Any) -> Served:
    journal = checkpoint.parent / "run" / "j.jsonl"
    command = f"{NAMED} --trouble {trouble} --pids {shlex.quote(str(checkpoint.parent / 'pids'))}"
    settings = {"command": command, "thinks": False, "journal": journal, "start_within": 30.0, **options}
    return Served(path=str(checkpoint), **settings)


def pids(checkpoint: Path) -> list[int]:
    """The server that was started last, and what it started itself."""
    return [int(number) for number in (checkpoint.parent / "pids").read_text().split()]


def gone(numbers: list[int], seconds: float) -> bool:
    return _until(lambda: not any(map(_runs, numbers)), seconds)


def _runs(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


# --- a real checkpoint ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opened", [False, True])
def test_it_writes_what_the_transformers_engine_writes(tmp_path: Path, opened: bool) -> None:
    pytest.importorskip("torch", reason="the extra train is not installed")
    from test_transformers import CHATML, OPENED, model, save, tokenizer
    from understudy.models.transformers import Transformers

    words = tokenizer(OPENED if opened else CHATML)
    path = save(tmp_path / "m", model("llama", len(words)), words, words.convert_tokens_to_ids("<|im_end|>"))
    served = Served(path=str(path), command=NAMED, journal=tmp_path / "j.jsonl", model="ST-0")
    asked, long = problems(4), Sampling(max_tokens=250)
    made = list(served.generate(asked, long))
    assert made == list(Transformers(str(path), model="ST-0").generate(asked, long))
    assert {trace.finish_reason for trace in made} <= {"stop", "length"} and all(t.metadata for t in made)
    assert max((t.usage.prompt_tokens or 0) + (t.usage.completion_tokens or 0) for t in made) <= 256, "the context"


def test_a_tag_that_a_server_would_leave_out_is_not_lost_in_silence(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra train is not installed")
    from test_transformers import CHATML, model, save, tokenizer

    words = tokenizer(CHATML, tags_are_special=True)
    path = save(tmp_path / "m", model("llama", len(words)), words)
    made = Served(path=str(path), command=NAMED)
    with pytest.raises(InputError, match="leaves special tokens out, and </think> is one") as caught:
        made.requests(problems(1), GREEDY)
    assert "skip_special_tokens: false" in caught.value.hint
    kept = Served(path=str(path), command=NAMED, extra={"skip_special_tokens": False})
    assert kept.requests(problems(1), GREEDY)[0].body["skip_special_tokens"] is False


# --- what is asked, and when -----------------------------------------------------------------------------------------


def test_the_sampling_goes_into_the_request_and_the_answers_are_kept(tmp_path: Path, checkpoint: Path) -> None:
    endpoint = Endpoint(model="ST-0")
    notes: list[str] = []
    with serve(endpoint) as url:
        asked = echo(checkpoint, base_url=url, model="ST-0", report=lambda done, total, note="": notes.append(note))
        drawn = Sampling("drawn", 0.7, 99, samples=2, seed=5, top_p=0.9)
        traces = list(asked.generate(problems(3), drawn))
        list(asked.generate(problems(3), GREEDY))
        assert list(asked.generate(problems(3), drawn)) == traces
    bodies = [dict(arrival.body) for arrival in endpoint.log]
    assert len(bodies) == 9 and len({body.pop("seed", None) for body in bodies}) == 7
    assert {(b["temperature"], b.get("top_p"), b["max_tokens"]) for b in bodies} == {(0.7, 0.9, 99), (0.0, None, 30)}
    assert [t.trace_id for t in traces[:2]] == ["ST-0/drawn/p0/0", "ST-0/drawn/p0/1"]
    assert {t.metadata["sampling"] for t in traces} == {"drawn"} and {t.model for t in traces} == {"ST-0"}
    assert notes[-1].endswith("% truncated") and "tokens/s" in notes[-1]


def test_no_server_is_started_for_what_is_known_and_other_weights_are_asked_anew(checkpoint: Path) -> None:
    first = list(echo(checkpoint).generate(problems(5), GREEDY))
    assert [t.response for t in first] == [f"{p.prompt} None" for p in problems(5)]
    (server, _), log = pids(checkpoint), checkpoint.parent / "run" / "j.log"
    assert log.read_text().count("serving") == 1
    (checkpoint / "README.md").write_text("scores: 1")
    assert list(echo(checkpoint, "dies").generate(problems(5), GREEDY)) == first and pids(checkpoint)[0] == server
    (checkpoint / "model.safetensors").write_bytes(b"other")
    assert list(echo(checkpoint).generate(problems(5), GREEDY)) == first and pids(checkpoint)[0] != server
    assert len((checkpoint.parent / "run" / "j.jsonl").read_bytes().splitlines()) == 10


def test_budgets_of_thinking_are_refused_before_anything_starts(checkpoint: Path) -> None:
    for sampling in (Sampling(max_thinking=100), Sampling(wait=2)):
        with pytest.raises(StudyError, match="cannot force a budget of thinking") as caught:
            list(echo(checkpoint).generate(problems(1), sampling))
        assert "engine: transformers" in caught.value.hint
    assert not (checkpoint.parent / "pids").exists()


def test_no_shell_reads_the_command(checkpoint: Path, tmp_path: Path) -> None:
    odd = checkpoint.rename(tmp_path / "a b; touch $(echo hacked) {port}")
    made = echo(odd, extra={"x": "{y}"})
    assert len(list(made.generate(problems(2), GREEDY))) == 2
    assert not list(tmp_path.glob("**/*hacked")) and made.model == odd.name


# --- how it ends -----------------------------------------------------------------------------------------------------


def test_a_server_that_is_done_leaves_nothing_behind(checkpoint: Path) -> None:
    list(echo(checkpoint).generate(problems(2), GREEDY))
    assert gone(pids(checkpoint), 0)


ENDINGS = [("echo", signal.SIGKILL), ("echo", signal.SIGTERM), ("echo", signal.SIGINT), ("sleeps", signal.SIGKILL)]


@pytest.mark.parametrize(("trouble", "number"), [*ENDINGS, ("sleeps", signal.SIGINT), ("stubborn", signal.SIGKILL)])
def test_whatever_ends_the_parent_ends_the_server(
    checkpoint: Path, understudy: Understudy, trouble: str, number: int
) -> None:
    out, file = checkpoint.parent / "t.parquet", checkpoint.parent / "q.jsonl"
    file.write_text("".join(json.dumps({"question": p.prompt}) + "\n" for p in problems(120)))
    command = f"{NAMED} --trouble {trouble} --pids {checkpoint.parent / 'pids'}"
    model = json.dumps({"served": {"path": str(checkpoint), "command": command, "thinks": False}})
    words = ("collect", "--questions", str(file), "--model", model, "--out", str(out))
    parent = subprocess.Popen([sys.executable, "-m", "understudy", *words], stderr=subprocess.PIPE, text=True)
    journal = out.with_suffix(".journal.jsonl")
    started = checkpoint.parent / "pids" if trouble == "sleeps" else journal
    assert _until(lambda: started.exists() and started.stat().st_size > 2, 30)
    numbers = pids(checkpoint)
    assert all(map(_runs, numbers))
    parent.send_signal(number)
    parent.communicate(timeout=20)
    assert gone(numbers, 3)
    if trouble == "echo" and number == signal.SIGKILL:
        before = journal.read_bytes()
        done = understudy(*words)
        assert done.returncode == 0, done.stderr
        assert len(tables.read(out)) == 120 and 0 < before.count(b'"answer"') < 120
        assert journal.read_bytes().count(b'"answer"') == 120, "what was answered is not asked again"


def test_a_server_that_will_not_end_is_killed(checkpoint: Path) -> None:
    before = time.monotonic()
    list(echo(checkpoint, "stubborn").generate(problems(1), GREEDY))
    assert gone(pids(checkpoint), 0) and 4 < time.monotonic() - before < 20


def test_a_server_that_dies_says_why(checkpoint: Path) -> None:
    with pytest.raises(RunError, match="the server did not start: it ended with status 7") as caught:
        list(echo(checkpoint, "dies").generate(problems(2), GREEDY))
    assert "no such GPU, says the tiny server" in caught.value.hint and "j.log" in caught.value.hint
    assert gone(pids(checkpoint), 1)


def test_a_server_that_dies_at_work_says_why_and_the_next_one_goes_on(checkpoint: Path) -> None:
    model = echo(checkpoint, "dies-later", retries=1, concurrency=4)
    with pytest.raises(Stopped, match="the server is gone: it ended with status 3") as caught:
        list(model.generate(problems(80), GREEDY))
    assert "out of memory, says the tiny server" in caught.value.hint and "go on" in caught.value.hint
    assert len([t for t in model.so_far(problems(80), GREEDY) if not t.error]) == 30
    assert all(t.error is None for t in echo(checkpoint).generate(problems(80), GREEDY))


def test_a_server_that_never_answers_is_not_waited_for(checkpoint: Path) -> None:
    with pytest.raises(RunError, match="did not answer within 1 seconds") as caught:
        list(echo(checkpoint, "sleeps", start_within=1.0).generate(problems(2), GREEDY))
    assert "start_within" in caught.value.hint and "loading for ever" in caught.value.hint
    assert gone(pids(checkpoint), 1)


# --- the user's mistakes ---------------------------------------------------------------------------------------------


def test_a_command_that_is_not_there_says_how_to_get_it(checkpoint: Path) -> None:
    with pytest.raises(RunError, match="there is no command 'no-such-server' here") as caught:
        Served(command="no-such-server {path} --port {port}")
    assert "pip install no-such-server" in caught.value.hint


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"command": "python serve.py {path}"}, "does not say where {port} goes"),
        ({"command": 'python "serve.py {path} {port}'}, "cannot be read"),
        ({"command": ""}, "does not say where"),
        ({"base_url": "localhost:8000"}, "is no address"),
        ({"path": "nowhere"}, "nowhere is no checkpoint"),
        ({"temperature": -1}, "temperature cannot be -1"),
        ({"top_p": 2}, "top_p cannot be 2"),
        ({"concurrency": 0}, "concurrency cannot be 0"),
        ({"start_within": 0}, "start_within cannot be 0"),
        ({"gpus": 0}, "gpus cannot be 0"),
        ({"extra": {"n": 2}}, "extra cannot set 'n'"),
    ],
)
def test_settings_that_cannot_be_meant(parameters: dict[str, Any], words: str) -> None:
    piece = Piece("served", {"command": f"{sys.executable} {{port}}", **parameters})
    with pytest.raises((StudyError, InputError)) as caught:
        registry.build("models", piece)
    assert words in str(caught.value) and "\n" not in caught.value.message


def test_without_a_path_everything_else_is_looked_at_already(tmp_path: Path) -> None:
    made = registry.build("models", Piece("served", {"command": NAMED}), journal=tmp_path / "j.jsonl")
    with pytest.raises(UnderstudyError, match="which checkpoint to serve"):
        list(made.generate(problems(1), GREEDY))


def test_a_proxy_of_the_environment_is_not_asked_for_a_server_of_ours(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert [t.error for t in echo(checkpoint).generate(problems(2), GREEDY)] == [None, None]


def test_collect_says_what_it_would_ask_and_starts_nothing(checkpoint: Path, understudy: Understudy) -> None:
    model = json.dumps({"served": {"path": str(checkpoint), "command": NAMED, "thinks": False, "max_tokens": 50}})
    shown = understudy("collect", "--task", "gsm8k", "--model", model, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "with model echo, temperature 0.0, max_tokens 50" in shown.stdout and "answers at most" in shown.stdout
    assert "pay" not in shown.stdout and not (checkpoint.parent / "pids").exists()


def test_it_is_a_model_that_tells_how_far_it_is(checkpoint: Path) -> None:
    tallies: list[int] = []
    made = echo(checkpoint, watch=lambda tally: tallies.append(tally.done))
    assert isinstance(made, Model)
    traces = list(made.generate(problems(3), GREEDY))
    assert tallies[-1] == 3 and {t.reasoning for t in traces} == {"hm"}
    assert tables.to_frame(Trace, traces).height == 3
