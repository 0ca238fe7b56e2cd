"""A published data set: what loads it, what its card says, and what is never published."""

import base64
import html
import io
import json
import random
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from conftest import DATA, Understudy
from test_bad_input import refused
from understudy import cli, exchange, profile, tables
from understudy.curate.funnel import Funnel, Step
from understudy.errors import InputError, RunError, StudyError
from understudy.publish import Statement, publish
from understudy.publish.card import escaped, features, size_category
from understudy.publish.hub import NAME
from understudy.publish.statement import refuse_unlicensed
from understudy.registry import modules
from understudy.types import Trace

FORMATS = sorted(modules("formats"))
TOKEN = "hf_thistokenissecret"
ROW = {"question": "2 and 2?", "response": "<think>Wait, let me check: 2 and 2 is 4.</think> 4", "model": "r1"}


def traces(n: int = 20, length: int = 40, model: str = "r1") -> list[Trace]:
    rng = random.Random(n)
    texts = ["".join(rng.choices("abcdefgh ", k=length)) for _ in range(n)]
    return [
        Trace(f"t{i}", f"p{i // 2}", model, f"{i}", text if i % 3 else None, metadata={"prompt": f"{i}?"})
        for i, text in enumerate(texts)
    ]


def frames(found: list[Trace], batch: int = 7) -> list[pl.DataFrame]:
    return [tables.to_frame(Trace, found[i : i + batch]) for i in range(0, len(found), batch)]


def published(folder: Path, found: list[Trace], form: str = "messages", **more: Any) -> Path:
    out = folder / "set"
    publish(frames(found), form, out, more.pop("said", Statement()), **more)
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def card(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def header(folder: Path, version: str = "1.2") -> dict[str, Any]:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = version
    found: dict[str, Any] = yaml.load(io.StringIO(card(folder).split("---\n")[1]))
    return found


def rows_of(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Understudy:
    """The command in this process, in a folder of its own: what is refused is refused at once."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["understudy", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        said = capsys.readouterr()
        return subprocess.CompletedProcess([], int(stopped.value.code or 0), said.out, said.err)

    return run


# --- the directory ---


@pytest.mark.parametrize("form", FORMATS)
def test_shards_hold_every_trace_once_and_in_order(tmp_path: Path, form: str) -> None:
    found = traces()
    out = published(tmp_path, found, form, limit=1500)
    shards = sorted((out / "data").iterdir())
    assert len(shards) > 2
    assert [path.name for path in shards] == [f"train-{i:05d}-of-{len(shards):05d}.parquet" for i in range(len(shards))]
    back = [trace for frame in exchange.traces(shards) for trace in tables.to_records(Trace, frame)]
    assert back == found
    schemas = {tuple(pl.read_parquet_schema(path).items()) for path in shards}
    assert len(schemas) == 1
    for path in shards:
        frame = pl.read_parquet(path)
        assert frame.height == 1 or frame.estimated_size() <= 1500
        assert pl.read_parquet_metadata(path)["understudy.schema"] == str(tables.VERSION)


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(0, 3000), min_size=1, max_size=12), limit=st.integers(1, 5000))
def test_no_shard_is_larger_than_the_limit_unless_it_is_one_row(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], limit: int
) -> None:
    found = [Trace(f"{i}", "p", "m", "x" * n, metadata={"prompt": "?"}) for i, n in enumerate(lengths)]
    out = published(tmp_path_factory.mktemp("shards"), found, "prompt-completion", limit=limit)
    read = [pl.read_parquet(path) for path in sorted((out / "data").iterdir())]
    assert sum(frame.height for frame in read) == len(found) == header(out)["dataset_info"]["splits"][0]["num_examples"]
    assert all(frame.height == 1 or frame.estimated_size() <= limit for frame in read)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    said = Statement.of("mit", ["me/b=mit", "me/a"], ["en", "de"])
    first, second = (
        published(tmp_path / name, traces(), limit=2000, said=said, left_out=Counter(order))
        for name, order in (("a", {"cut": 1, "empty": 2}), ("b", {"empty": 2, "cut": 1}))
    )
    assert content(first) == content(second)


def test_a_directory_with_files_is_never_touched(tmp_path: Path) -> None:
    out = published(tmp_path, traces())
    (out / "README.md").write_text("edited")
    before = content(tmp_path)
    with pytest.raises(RunError, match="is there already"):
        published(tmp_path, traces())
    assert content(tmp_path) == before


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[pl.DataFrame]:
        yield from frames(traces())
        raise InputError("the file ends early")

    with pytest.raises(InputError, match="ends early"):
        publish(failing(), "messages", tmp_path / "set", Statement())
    with pytest.raises(InputError, match="no trace is left"):
        publish([], "messages", tmp_path / "set", Statement())
    assert not list(tmp_path.iterdir())
    (tmp_path / "set").mkdir()
    (tmp_path / ".set.partial" / "data").mkdir(parents=True)  # of a run that was killed
    (tmp_path / ".set.partial" / "data" / "00007.parquet").touch()
    out = published(tmp_path, traces())
    assert sorted(content(out)) == ["README.md", "data/train-00000-of-00001.parquet"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("form", FORMATS)
def test_load_dataset_reads_it(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    out = published(tmp_path, traces(), form, limit=1500)
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == ["train"]
    plain = pl.concat([pl.read_parquet(path) for path in sorted((out / "data").iterdir())])
    assert loaded["train"].to_list() == plain.to_dicts()
    info = loaded["train"].info
    assert info.features == datasets.Features._from_yaml_list(header(out)["dataset_info"]["features"])
    assert abs(header(out)["dataset_info"]["dataset_size"] / info.splits["train"].num_bytes - 1) < 0.5


# --- the header ---


def test_the_header_is_that_of_a_data_set_card(tmp_path: Path) -> None:
    said = Statement.of("CC-BY-4.0", ["openai/gsm8k=mit", "r1=MIT", "our notes"], ["en"])
    out = published(tmp_path, traces(), said=said, limit=2000)
    found = header(out)
    assert found["license"] == "cc-by-4.0"
    assert found["language"] == ["en"]
    assert found["pretty_name"] == "set"
    assert found["task_categories"] == ["text-generation"]
    assert found["size_categories"] == ["n<1K"]
    assert found["source_datasets"] == ["openai/gsm8k"]
    assert found["configs"] == [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*"}]}]
    info = found["dataset_info"]
    assert info["features"] == [
        {
            "name": "messages",
            "list": [{"name": n, "dtype": "string"} for n in ("role", "content", "reasoning_content")],
        },
        {"name": "understudy", "dtype": "string"},
    ]
    assert info["splits"] == [{"name": "train", "num_bytes": info["dataset_size"], "num_examples": 20}]
    assert info["download_size"] == sum(path.stat().st_size for path in (out / "data").iterdir())


def test_what_is_not_said_is_unknown_and_not_in_the_header(tmp_path: Path) -> None:
    out = published(tmp_path, traces())
    found = header(out)
    assert found["license"] == "unknown" and not {"language", "source_datasets", "license_name"} & set(found)
    for sentence in ("Licence: unknown.", "Language: unknown.", "Source data sets: unknown.", "| r1 | 20 | unknown |"):
        assert sentence in card(out)
    assert "## How it was curated" not in card(out)


def test_norwegian_is_a_language_in_every_yaml(tmp_path: Path) -> None:
    out = published(tmp_path, traces(), said=Statement.of("other:yes", ["no/on"], ["no", "en"]))
    assert header(out, "1.1") == header(out, "1.2")
    found = header(out, "1.1")
    assert found["language"] == ["no", "en"] and (found["license"], found["license_name"]) == ("other", "yes")


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (1, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (9_999, "1K<n<10K"),
        (10_000, "10K<n<100K"),
        (100_000, "100K<n<1M"),
        (2_000_000, "1M<n<10M"),
        (10**9, "1B<n<10B"),
        (10**11, "100B<n<1T"),
        (10**12, "n>1T"),
        (10**15, "n>1T"),
    ],
)
def test_sizes_are_called_as_on_the_hub(rows: int, name: str) -> None:
    assert size_category(rows) == name


def test_columns_of_an_unknown_type_are_not_declared() -> None:
    assert features(pl.Schema({"a": pl.String(), "b": pl.Date()})) is None
    assert features(pl.Schema({"a": pl.List(pl.Int64()), "b": pl.Struct({"c": pl.Boolean()})})) == [
        {"name": "a", "list": "int64"},
        {"name": "b", "struct": [{"name": "c", "dtype": "bool"}]},
    ]


# --- what the card says ---


def test_the_card_counts_what_is_there(tmp_path: Path) -> None:
    found = [
        *traces(20),
        Trace("a", "p1", "o1", "", error="timeout", finish_reason="error"),
        Trace("b", "p1", "o1", "", reasoning="on and on", finish_reason="length"),
    ]
    text = card(published(tmp_path, found, left_out=Counter({"duplicate rows": 3, "cut": 0})))
    for line in (
        "| traces | 22 |",
        "| problems | 10 |",
        "| failed (the endpoint's error is stored) | 1 |",
        "| cut off | 1 |",
        "| without visible reasoning | 7 |",
        "| without a response | 1 |",
        "| r1 | 20 | unknown |",
        "| o1 | 2 | unknown |",
        "|  | all | r1 | o1 |",
        "| traces measured | 21 | 20 | 1 |",
        "| traces without text | 1 | 0 | 1 |",
        "Left out when this was written: duplicate rows (3).",
        f"tables of schema version {tables.VERSION}",
    ):
        assert line in text, line


def test_variants_and_traces_without_a_model_are_counted(tmp_path: Path) -> None:
    found = [*traces(3), Trace("v", "p0", "", "4", "so", variant="strip-pivots", parent_id="t1")]
    text = card(published(tmp_path, found))
    assert "| strip-pivots | 1 |\n| none&#58; as the model wrote it | 3 |" in text
    assert "| r1 | 3 | unknown |\n| unknown | 1 | unknown |" in text
    assert "variant" not in card(published(tmp_path / "other", traces(3)))


def test_style_is_that_of_profile(tmp_path: Path) -> None:
    said = "Wait, that is wrong. Let me check this again. " * 5
    found = [Trace(f"{i}", "p", "m", "4", said, metadata={"prompt": "?"}) for i in range(10)]
    measured = tables.to_frame(Trace, found)
    summary = profile.summarise(profile.measure(measured)).row(0, named=True)
    assert summary["realization_per_1000_words"] + summary["verification_per_1000_words"] > 0
    text = card(published(tmp_path, found))
    assert f"| words mean | {summary['words_mean']:.2f} |" in text
    for name in ("realization", "verification"):
        value = summary[f"{name}_per_1000_words"]
        assert f"| {name} per 1000 words | {value:.{2 if value < 100 else 0}f} |" in text


def test_a_source_that_is_a_model_stands_with_the_model(tmp_path: Path) -> None:
    text = card(published(tmp_path, traces(), said=Statement.of(None, ["r1=mit", "me/q=unknown", "x=our terms"])))
    assert "| r1 | 20 | mit |" in text and "| me/q | unknown |" in text and "| x | our terms |" in text


EVIL = "<script>x</script> | [a](http://e.vil) `b` **c** ![d](e) \u202e $x$ @all www.e.vil ~~f~~ &lt; _g_\n\n# h"


def test_names_of_models_are_text_and_nothing_else(tmp_path: Path) -> None:
    out = published(tmp_path, traces(model=EVIL), said=Statement.of(None, [f"s{EVIL}={EVIL}"]))
    body = card(out).split("---\n", 2)[2]
    assert len([line for line in body.splitlines() if "vil" in line]) == 2
    for part in (
        "<script",
        "[a]",
        "`b`",
        "**c",
        "![",
        "\u202e",
        "$x",
        "@all",
        "www.e",
        "~~",
        "&lt;",
        "_g",
        "# h",
        "://",
    ):
        assert part not in body, part
    assert "script" in html.unescape(body) and "e.vil" in body.replace("&#46;", ".")


@given(st.text())
def test_escaped_text_is_one_line_of_plain_characters(text: str) -> None:
    made = str(escaped(text))
    assert re.fullmatch(r"(?:[^\W_]|(?<=[^\W_])_(?=[^\W_])|[ .,/()+%'-]|&#\d+;)*", made)
    assert "www." not in made.lower()
    assert escaped(escaped(text)) == made


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_escaped_text_reads_as_it_was(text: str) -> None:
    assert html.unescape(str(escaped(text))) == " ".join(text.split())


# --- the funnel ---

FUNNEL = Funnel(30, (Step("filter", {"truncated": 4, "a | b": 2}, 24), Step("exact", {"duplicate": 4}, 20)))


def test_the_funnel_of_curate_is_in_the_card(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(json.dumps(FUNNEL.plain()))
    text = card(published(tmp_path, traces(20), said=Statement.of(funnel=tmp_path / "f.json")))
    assert "| filter | truncated | 4 | 26 | 86.7 |" in text
    assert "| filter | a &#124; b | 2 | 24 | 80.0 |" in text
    assert "| exact | duplicate | 4 | 20 | 66.7 |" in text


def test_a_funnel_of_other_traces_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(json.dumps(FUNNEL.plain()))
    with pytest.raises(InputError, match="20 traces were kept, and 21 were read"):
        published(tmp_path, traces(21), said=Statement.of(funnel=tmp_path / "f.json"))
    published(tmp_path, traces(18), said=Statement.of(funnel=tmp_path / "f.json"), left_out=Counter({"cut": 2}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"traces": Infinity, "steps": []}',
        '{"traces": 1, "steps": [{}]}',
        '{"traces": 1, "steps": [1]}',
        "3",
    ],
)
def test_a_file_without_a_funnel_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(InputError, match="holds no funnel"):
        Statement.of(funnel=tmp_path / "f.json")
    with pytest.raises(InputError, match="there is no file"):
        Statement.of(funnel=tmp_path / "g.json")


# --- licences ---


def test_files_without_a_licence_are_not_published(here: Understudy, tmp_path: Path) -> None:
    file = rows_of(tmp_path / "Unlicensed" / "deep" / "m.jsonl", [ROW])
    (tmp_path / "link.jsonl").symlink_to(file)
    for given_file in (file, tmp_path / "link.jsonl"):
        for licence in ((), ("--licence", "unknown")):
            done = here(*("export", given_file, "--format", "messages", "--card", "--out", tmp_path / "set", *licence))
            refused(done, "without a licence", "--licence NAME")
            assert not (tmp_path / "set").exists()
    done = here(*("export", file, "--format", "messages", "--card", "--out", tmp_path / "set", "--licence", "cc0-1.0"))
    assert done.returncode == 0 and header(tmp_path / "set")["license"] == "cc0-1.0"
    assert here("export", file, "--format", "messages", "--out", tmp_path / "x.jsonl").returncode == 0


def test_a_folder_that_holds_an_unlicensed_one_is_refused(tmp_path: Path) -> None:
    rows_of(tmp_path / "run" / "traces" / "unlicensed" / "m.jsonl", [ROW])
    with pytest.raises(StudyError, match="without a licence"):
        refuse_unlicensed([tmp_path / "run"], Statement())
    refuse_unlicensed([tmp_path / "run"], Statement("mit"))
    refuse_unlicensed([tmp_path / "unlicensed-not.jsonl"], Statement())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--licence", "cc-by-4"), ("'cc-by-4'", "cc-by-4.0")),
        (("--licence", "my own terms"), ("--licence other:NAME",)),
        (("--language", "English"), ("'English'", "en")),
        (("--source", "=mit"), ("'=mit'", "NAME=LICENCE")),
        (("--funnel", "none.json"), ("there is no file", "curate")),
        (("--push", "traces"), ("'traces'", "OWNER/NAME")),
        (("--format", "message"), ("did you mean 'messages'?",)),
        (("--out", "m.jsonl"), ("is there already", "--out")),
        (("--out", "m.jsonl/set"), ("cannot write", "--out")),
    ],
)
def test_a_mistake_is_said_before_anything_is_written(
    here: Understudy, tmp_path: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    rows_of(tmp_path / "m.jsonl", [ROW])
    usual = {"--format": "messages", "--out": "set"} | dict([options])
    done = here("export", "m.jsonl", "--card", *(part for pair in usual.items() for part in pair))
    refused(done, *words)
    assert [path.name for path in tmp_path.iterdir()] == ["m.jsonl"]


def test_what_is_about_a_card_needs_one(here: Understudy, tmp_path: Path) -> None:
    rows_of(tmp_path / "m.jsonl", [ROW])
    for option in (("--licence", "mit"), ("--push", "me/set"), ("--source", "x"), ("--language", "en")):
        done = here("export", "m.jsonl", "--format", "messages", "--out", "x.jsonl", *option)
        refused(done, option[0], "--card")
    assert not (tmp_path / "x.jsonl").exists()


def test_rows_that_were_not_used_are_in_the_card(here: Understudy, tmp_path: Path) -> None:
    rows_of(
        tmp_path / "m.jsonl", [ROW, ROW, {**ROW, "question": "b?", "response": "Error code: 500"}, {"question": "c"}]
    )
    done = here(*("export", "m.jsonl", "--format", "fields", "--card", "--only", "finished", "--out", "set"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["1 traces written to set", "1 left out: 1 failed"]
    (line,) = [line for line in card(tmp_path / "set").splitlines() if line.startswith("Left out")]
    assert "duplicate rows (1), failed (1), none of its fields is known to hold a response (1)." in line


@pytest.mark.skipif(not (DATA / "traces" / "mip").is_dir(), reason="needs ../shared/data (traces)")
def test_real_traces_are_published_and_come_back(tmp_path: Path) -> None:
    files = [DATA / "traces" / "mip" / f"math_wellposed_{name}.jsonl.gz" for name in ("deepseekR1", "gpt4o")]
    publish(exchange.traces(files), "messages", tmp_path / "set", Statement(), limit=200_000)
    shards = sorted((tmp_path / "set" / "data").iterdir())
    assert len(shards) > 1
    before, after = (
        [trace for frame in exchange.traces(group) for trace in tables.to_records(Trace, frame)]
        for group in (files, shards)
    )
    assert before == after


# --- the hub ---


@dataclass
class Hub:
    """A hub that speaks as much of its protocol as one commit needs."""

    token: str = TOKEN
    status: int = 200
    requests: list[tuple[str, str]] = field(default_factory=list)
    created: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    url: str = ""

    def answer(self, method: str, path: str, token: str | None, body: bytes) -> tuple[int, Any]:
        self.requests.append((method, path.partition("?")[0]))
        if self.status != 200 or token != f"Bearer {self.token}":
            status = self.status if self.status != 200 else 401
            return status, {"error": f"no: you sent {token}"}
        if path == "/api/repos/create":
            self.created = json.loads(body)
            return 200, {"url": f"{self.url}/datasets/me/traces"}
        if path.startswith("/api/datasets/me/traces/tree/"):
            return 200, [{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in self.files]
        if "/preupload/" in path:
            named = [one["path"] for one in json.loads(body)["files"]]
            return 200, {"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in named]}
        if "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    del self.files[line["value"]["path"]]
            return 200, {"commitUrl": f"{self.url}/datasets/me/traces/commit/{'1' * 40}", "commitOid": "1" * 40}
        return (200, {}) if path == "/api/validate-yaml" else (404, {"error": "nothing here"})


@contextmanager
def serve(hub: Hub) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, said = hub.answer(self.command, self.path, self.headers.get("authorization"), body)
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else text)

        do_GET = do_HEAD = do_POST

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub.url
    finally:
        server.shutdown()
        server.server_close()


def pushing(understudy: Understudy, folder: Path, **environment: str) -> Any:
    pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")
    if not (folder / "m.jsonl").exists():
        rows_of(folder / "m.jsonl", [ROW])
    command = ("export", "m.jsonl", "--format", "messages", "--card", "--out", "set", "--push", "me/traces")
    quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HOME": str(folder / "home"), "HF_TOKEN": TOKEN}
    return understudy(*command, cwd=folder, **{**quiet, **environment})


def test_a_push_sends_the_data_set_as_it_is(understudy: Understudy, tmp_path: Path) -> None:
    hub = Hub(files={"data/train-00000-of-00009.parquet": b"old", ".gitattributes": b"", "notes.txt": b"kept"})
    with serve(hub) as url:
        done = pushing(understudy, tmp_path, HF_ENDPOINT=url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{hub.url}/datasets/me/traces"
    sent = content(tmp_path / "set")
    assert hub.files == {**sent, ".gitattributes": b"", "notes.txt": b"kept"}
    assert set(sent) == {"README.md", "data/train-00000-of-00001.parquet"}
    assert hub.created["type"] == "dataset"
    assert hub.created.get("visibility") == "private" or hub.created.get("private") is True
    assert 'load_dataset("me/traces"' in card(tmp_path / "set") and "# traces" in card(tmp_path / "set")
    assert TOKEN not in done.stdout + done.stderr + card(tmp_path / "set")
    assert not any("harness" in path or "telemetry" in path for _, path in hub.requests)


@pytest.mark.parametrize("token", ["", " "])
def test_without_a_token_nothing_is_asked_or_written(understudy: Understudy, tmp_path: Path, token: str) -> None:
    hub = Hub()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "token").write_text(TOKEN)  # a token that was saved by a login is not taken
    with serve(hub) as url:
        done = pushing(understudy, tmp_path, HF_ENDPOINT=url, HF_TOKEN=token)
    refused(done, "HF_TOKEN")
    assert not hub.requests and not (tmp_path / "set").exists()


@pytest.mark.parametrize(("status", "words"), [(401, ("refused the token",)), (404, ("answered 404",))])
def test_a_refusal_is_one_sentence_without_the_token(
    understudy: Understudy, tmp_path: Path, status: int, words: tuple[str, ...]
) -> None:
    with serve(Hub(status=status)) as url:
        done = pushing(understudy, tmp_path, HF_ENDPOINT=url)
    refused(done, *words, "hf upload me/traces set --repo-type dataset --private")
    assert TOKEN not in done.stdout + done.stderr
    assert sorted(content(tmp_path / "set")) == ["README.md", "data/train-00000-of-00001.parquet"]


def test_without_a_network_the_data_set_stays(understudy: Understudy, tmp_path: Path) -> None:
    done = pushing(understudy, tmp_path, HF_HUB_OFFLINE="1")
    refused(done, "could not be sent", "hf upload")
    assert TOKEN not in done.stderr and (tmp_path / "set" / "README.md").exists()


@pytest.mark.parametrize(
    "name", ["traces", "/traces", "me/", "me/a/b", "me/a b", "me/..", "me--x/t", "me/t.", "a/" + "b" * 99]
)
def test_names_that_no_hub_takes(name: str) -> None:
    assert not NAME.fullmatch(name)
    assert NAME.fullmatch("me/gsm8k_r1-v1.0")


def test_importing_the_room_loads_no_hub() -> None:
    code = "import sys, understudy.publish; print({'huggingface_hub', 'datasets', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr
