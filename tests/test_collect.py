"""``understudy collect`` and studies with endpoints: killed at any moment, nothing is lost and nothing asked twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from conftest import Understudy
from endpoint import Endpoint, expected, serve
from understudy import markers, tables
from understudy.types import Trace

MODEL = "{openai: {model: m, first_wait: 0.01}}"
KEY = "sk-only-in-the-environment"
KILLS, MANY = 50, 800
CHILD = """
import json, os, sys
from pathlib import Path
import openai
from understudy import asking
openai.AsyncOpenAI(api_key="none")     # what it loads, it loads once
requests = [asking.Request(*one) for one in json.loads(Path(sys.argv[2]).read_text())]
settings = asking.Settings(base_url=sys.argv[1], concurrency=8, first_wait=0.01)
for line in sys.stdin:                 # a process for each line
    child = os.fork()
    if not child:
        asking.ask(requests, settings, Path(sys.argv[3]))
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def questions(folder: Path, n: int) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps({"question": f"{i} and {i}?", "answer": 2 * i}) + "\n" for i in range(n)))
    return path


def asked(url: str, file: Path, out: Path, *more: object) -> tuple[object, ...]:
    return ("collect", "--model", MODEL, "--base-url", url, "--questions", file, "--out", out, *more)


def right(trace: Trace) -> bool:
    text, finish = expected(str(trace.metadata["prompt"]))
    return (trace.reasoning, trace.response, trace.finish_reason) == (*markers.split(text)[:2], finish)


def test_the_table_holds_every_answer_and_its_question(understudy: Understudy, tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    with serve(Endpoint({"500": 5, "cut": 9})) as url:
        done = understudy(*asked(url, questions(tmp_path, 30), out, "--samples", 2, "--json"))
    assert done.returncode == 0, done.stderr
    traces = tables.read_records(Trace, out)
    assert [(t.metadata["prompt"], t.sample) for t in traces] == [
        (f"{i} and {i}?", s) for i in range(30) for s in (0, 1)
    ]
    assert all(map(right, traces)) and traces[3].metadata["answer"] == "2"
    assert {t.trace_id for t in traces} == {f"m/{t.problem_id}/{t.sample}" for t in traces}
    counts = json.loads(done.stdout)
    assert (counts["traces"], counts["problems"], counts["errors"], counts["asked before"]) == (60, 30, 0, 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["questions.jsonl", "t.journal.jsonl", "t.parquet"]


def test_killed_at_any_moment_nothing_is_lost_and_nothing_asked_twice(understudy: Understudy, tmp_path: Path) -> None:
    """Fifty processes killed at random moments; the table is that of a run that nobody killed, to the byte."""
    file, journal, rng = questions(tmp_path, MANY), tmp_path / "killed.journal.jsonl", random.Random(0)
    endpoint = Endpoint({"500": 20, "cut": 30, "429": 30}, delay=0.04)
    with serve(endpoint) as url:
        requests = [
            (trace, 0, {"model": "m", "messages": [{"role": "user", "content": f"{i} and {i}?"}]})
            for i, trace in enumerate(_ids(file))
        ]
        (tmp_path / "requests.json").write_text(json.dumps(requests))
        command = [sys.executable, "-c", CHILD, url, str(tmp_path / "requests.json"), str(journal)]
        killer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert killer.stdin and killer.stdout
        kept: list[tuple[int, set[str]]] = []
        for _ in range(KILLS):
            arrived, wanted = len(endpoint.log), rng.randrange(16)
            killer.stdin.write("\n")
            killer.stdin.flush()
            child = int(killer.stdout.readline())
            _wait(lambda arrived=arrived, wanted=wanted: len(endpoint.log) >= arrived + wanted)
            time.sleep(rng.uniform(0, 0.04))
            os.kill(child, signal.SIGKILL)
            assert int(killer.stdout.readline()) == signal.SIGKILL
            kept.append((len(endpoint.log), _answered(journal)))
        killer.communicate()
        assert 20 < len(kept[-1][1]) < MANY, "it was killed at work"
        endpoint.delay = 0
        finished = understudy(*asked(url, file, tmp_path / "killed.parquet"))
        assert finished.returncode == 0, finished.stderr
        sizes = [len(known) for _, known in kept]
        assert sizes == sorted(sizes), "what was on disk stays there"
        for arrived, known in kept:
            late = {arrival.prompt for arrival in endpoint.log[arrived:]}
            assert not late & known, "what was in the journal is not asked again"
        assert understudy(*asked(url, file, tmp_path / "calm.parquet")).returncode == 0
    assert (tmp_path / "killed.parquet").read_bytes() == (tmp_path / "calm.parquet").read_bytes()
    traces = tables.read_records(Trace, tmp_path / "killed.parquet")
    assert len(traces) == MANY and all(map(right, traces))


@cache
def _ids(file: Path) -> list[str]:
    from understudy.collect import questions

    return [problem.problem_id for problem in questions(file)]


def _answered(journal: Path) -> set[str]:
    """The questions whose answer is in the journal, whole."""
    if not journal.exists():
        return set()
    found, known = (
        set(),
        {problem: f"{i} and {i}?" for i, problem in enumerate(_ids(journal.with_name("questions.jsonl")))},
    )
    for line in journal.read_bytes().split(b"\n")[:-1]:
        said = json.loads(line)
        if "answer" in said:
            found.add(known[said["problem"]])
    return found


def test_a_question_is_asked_with_the_body_that_it_is_about(understudy: Understudy, tmp_path: Path) -> None:
    file, out = tmp_path / "svamp.jsonl", tmp_path / "t.parquet"
    rows = [
        {"ID": "1", "Body": "Vera has 31 shells. She gives 9 away", "Question": "How many are left?", "Answer": 22.0},
        {"ID": "2", "Body": "A team has 7 pupils.", "Question": "How many are left?", "Answer": 7.0},
        {"ID": "3", "Body": "", "Question": "How many are left?", "Answer": 7.5},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with serve(endpoint := Endpoint()) as url:
        assert understudy(*asked(url, file, out)).returncode == 0
    stories = ["Vera has 31 shells. She gives 9 away. ", "A team has 7 pupils. ", ""]
    assert [arrival.prompt for arrival in endpoint.log] == [f"{story}How many are left?" for story in stories]
    assert [json.loads(cell)["answer"] for cell in tables.read(out)["metadata"]] == ["22", "7", "7.5"]
    asks = ("collect", "--model", MODEL, "--base-url", "http://localhost:1/v1", "--out", out, "--dry-run", "--task")
    assert f"user: {stories[0]}How" in understudy(*asks, f"{{questions: {{test: {file}}}}}").stdout
    file.write_text(json.dumps(rows[0]))
    assert f"user: {stories[0]}How" in understudy(*asks, f"{{svamp: {{test: {file}}}}}").stdout


def test_a_bare_name_is_a_model_of_the_endpoint(understudy: Understudy, tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    with serve(Endpoint(model="some/model-7b")) as url:
        done = understudy("collect", "--model", "some/model-7b", "--base-url", url, "--task", "gsm8k", "--out", out)
    assert done.returncode == 0, done.stderr
    assert set(tables.read(out)["model"]) == {"some/model-7b"}


def test_interrupted_it_says_how_to_go_on(tmp_path: Path) -> None:
    file, out, endpoint = questions(tmp_path, 200), tmp_path / "t.parquet", Endpoint(delay=0.1)
    with serve(endpoint) as url:
        command = [sys.executable, "-m", "understudy", *map(str, asked(url, file, out))]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        _wait(lambda: sum(arrival.fate == "answered" for arrival in endpoint.log) > 40)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 130
        assert said == "interrupted: every answer is in the journal; run the same command again to go on\n"
        kept, before = _answered(tmp_path / "t.journal.jsonl"), len(endpoint.log)
        assert len(kept) > 20 and not out.exists()
        assert subprocess.run(command, capture_output=True).returncode == 0
    assert not {arrival.prompt for arrival in endpoint.log[before:]} & kept
    assert len(tables.read(out)) == 200


def _wait(until: Callable[[], bool]) -> None:
    for _ in range(5000):
        if until():
            return
        time.sleep(0.004)
    raise TimeoutError


def test_a_budget_leaves_the_table_of_what_was_paid_for(understudy: Understudy, tmp_path: Path) -> None:
    model = "{openai: {model: m, max_tokens: 40, prices: {prompt: 1, completion: 4}}}"
    with serve(Endpoint()) as url:
        command = ["collect", "--questions", questions(tmp_path, 200), "--out", tmp_path / "t.parquet"]
        command += ["--model", model, "--base-url", url]
        stopped = understudy(*command, "--max-cost", "0.004")
        held = len(tables.read(tmp_path / "t.parquet"))
        assert stopped.returncode == 2 and 10 < held < 200
        assert f"t.parquet holds the {held} that there are" in stopped.stderr
        assert len(stopped.stderr.splitlines()) == 2 and "not asked again" in stopped.stderr
        assert understudy(*command, "--max-tokens", "99999").returncode == 0
    assert len(tables.read(tmp_path / "t.parquet")) == 200


def test_a_dry_run_asks_nothing_and_shows_what_it_would_cost(understudy: Understudy, tmp_path: Path) -> None:
    model = "{openai: {model: m, max_tokens: 1000, system: Think., prices: {prompt: 1, completion: 4}}}"
    with serve(endpoint := Endpoint()) as url:
        command = ["collect", "--questions", questions(tmp_path, 200), "--out", tmp_path / "t.parquet"]
        command += ["--model", model, "--base-url", url, "--samples", "5"]
        shown = understudy(*command, "--dry-run")
        assert shown.returncode == 0, shown.stderr
        assert not endpoint.log and [p.name for p in tmp_path.iterdir()] == ["questions.jsonl"]
        assert understudy(*command, "--n", "20").returncode == 0
        later = understudy(*command, "--dry-run").stdout
    said = shown.stdout.splitlines()
    assert said[:3] == ["system: Think.", "user: 0 and 0?", "with model m, max_tokens 1000"]
    assert said[3] == "requests: 1,000"
    assert said[4].endswith("answers at most 1,000,000")
    cost = float(said[5].removeprefix("cost: at most about $"))
    assert 4.0 < cost < 4.05
    assert f"requests: 1,000, 100 of them answered in {tmp_path / 't.journal.jsonl'}" in later
    assert "answers at most 900,000" in later


def test_the_key_is_written_nowhere(understudy: Understudy, tmp_path: Path) -> None:
    file, written = questions(tmp_path, 25), ""
    for name, endpoint in {"a": Endpoint(key=KEY), "b": Endpoint(always="400"), "c": Endpoint(key="another")}.items():
        with serve(endpoint) as url:
            done = understudy(*asked(url, file, tmp_path / f"{name}.parquet"), OPENAI_API_KEY=KEY)
            written += done.stdout + done.stderr
        assert {arrival.headers["authorization"] for arrival in endpoint.log} == {f"Bearer {KEY}"}
    assert "you sent [key]" in written and "refuses the key" in written
    without_key(tmp_path)
    assert KEY not in written


def without_key(folder: Path) -> None:
    """No file holds the key, neither as bytes nor in a table."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path
        if path.suffix == ".parquet":
            assert KEY not in str(pl.read_parquet(path).to_dicts()), path


def _study(folder: Path, model: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(f"study: s\ntask: gsm8k\nproblems: {{test: 4}}\narms:\n  A: {{from: {model}}}\n  B: {{from: A}}\n")
    return path


def test_a_study_asks_once_whatever_happens(understudy: Understudy, tmp_path: Path) -> None:
    endpoint = Endpoint()
    study = _study(tmp_path, "{openai: {model: m, samples: 2}}")
    with serve(endpoint) as url:

        def run() -> subprocess.CompletedProcess[str]:
            environment = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY}
            return understudy("run", study, "--out", tmp_path / "run", **environment)

        endpoint.key = "another"
        stopped = run()
        assert stopped.returncode == 2 and "OPENAI_API_KEY" in stopped.stderr and "Traceback" not in stopped.stderr
        before, endpoint.key = len(endpoint.log), KEY
        assert run().returncode == 0
        assert len(endpoint.log) - before == 8
        table = tmp_path / "run" / "traces" / "test" / "A" / "0-collected.parquet"
        content = table.read_bytes()
        table.unlink()
        assert run().returncode == 0 and table.read_bytes() == content
        assert len(endpoint.log) - before == 8, "the journal of the run had every answer"
    assert (tmp_path / "run" / "journals" / "test" / "A.jsonl").read_bytes().count(b"\n") == 8
    without_key(tmp_path)
    assert KEY not in stopped.stderr and (tmp_path / "run" / "report.html").exists()


def test_a_study_says_what_it_would_ask(understudy: Understudy, tmp_path: Path) -> None:
    study = _study(tmp_path, "{openai: {model: m, base_url: 'http://localhost:1/v1', max_tokens: 10, samples: 3}}")
    shown = understudy("run", study, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "# arm A would ask m: requests: 12" in shown.stdout and "nothing is paid for" not in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "gpt-9", "--task", "gsm8k"), ("there is no 'gpt-9' among the models", "--base-url URL")),
        (("--model", "serch", "--task", "reach"), ("did you mean 'search'?",)),
        (("--model", "{openai: {modle: m}}", "--task", "gsm8k"), ("'modle'", "did you mean 'model'?")),
        (("--model", "{openai: {model: m, prices: {promt: 1}}}", "--task", "gsm8k"), ("did you mean 'prompt'?",)),
        (("--model", "{openai: {model: m, prices: dear}}", "--task", "gsm8k"), ("prices",)),
        (("--model", "search"), ("--task or --questions",)),
        (("--model", "search", "--task", "reach", "--split", "tset"), ("did you mean 'test'?",)),
        (("--model", "search", "--task", "reach", "--max-cost", "1"), ("'search' has no parameter 'max_cost'",)),
        (("--model", "search", "--questions", "no.jsonl"), ("no.jsonl",)),
        (("--model", "{openai", "--task", "reach"), ("not valid YAML",)),
        (("--model", "m", "--base-url", "localhost:1", "--task", "reach"), ("'localhost:1' is no address",)),
    ],
)
def test_mistakes_are_one_sentence(
    understudy: Understudy, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    done = understudy("collect", *arguments, "--out", "t.parquet", cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 2
    assert all(word in done.stderr for word in words), done.stderr
    assert not list(tmp_path.iterdir())


def test_a_scripted_teacher_is_collected_too(understudy: Understudy, tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    done = understudy("collect", "--model", "search", "--task", "reach", "--n", 5, "--split", "train", "--out", out)
    assert done.returncode == 0, done.stderr
    traces = tables.read_records(Trace, out)
    assert len(traces) == 5 and all(trace.metadata["prompt"] and trace.metadata["answer"] for trace in traces)


def test_the_problems_of_a_run_are_questions_too(understudy: Understudy, tmp_path: Path) -> None:
    from understudy.collect import questions as read
    from understudy.registry import Piece, build
    from understudy.types import Problem

    problems = build("tasks", Piece("gsm8k", {})).problems("test", 3, 0)
    tables.write_records(Problem, problems, tmp_path / "problems.parquet")
    assert read(tmp_path / "problems.parquet") == problems
