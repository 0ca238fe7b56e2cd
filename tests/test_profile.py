"""understudy profile and understudy style, as a user runs them."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.conftest import ROOT, Understudy

MIP = ROOT.parent / "shared" / "data" / "traces" / "mip"
PEOPLE = ROOT.parent / "shared" / "data" / "unlicensed" / "schoenfeld_r1_sat_sentences_odd.jsonl.gz"
real = pytest.mark.skipif(not MIP.is_dir(), reason="needs the traces of ../shared/data")

LONG = (
    "Okay, so there are {n} eggs. Let me find half of them. {n} / 2 = {h}. Wait, is that right? Let me check: "
    "2 * {h} is {n}. Yes, that matches. Alternatively, I could count them. So overall, the answer is {h}."
)
SHORT = "To find half of the eggs, divide {n} by 2: {n} / 2 = {h}. The answer is {h}."


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """A model that thinks and one that does not, on the same twenty questions; one of them is wrong half the time."""
    asked = [{"question": f"What is half of {2 * n} eggs?", "answer": f"#### {n}"} for n in range(1, 21)]
    thinks = [{**q, "response": f"<think>{LONG.format(n=2 * i, h=i)}</think>{i}"} for i, q in enumerate(asked, 1)]
    plain = [{**q, "response": SHORT.format(n=2 * i, h=i + i % 2)} for i, q in enumerate(asked, 1)]
    return write(tmp_path / "thinks.jsonl", thinks), write(tmp_path / "plain.jsonl", plain)


def test_two_corpora_are_compared(two: tuple[Path, Path], understudy: Understudy, tmp_path: Path) -> None:
    page, table = tmp_path / "p.html", tmp_path / "p.parquet"
    done = understudy("profile", two[0], "--against", two[1], "--html", page, "--parquet", table)
    assert done.returncode == 0, done.stderr
    assert "100.0 %" in done.stdout and "style distance" in done.stdout and "AUC without length" in done.stdout
    assert "<html" in page.read_text(encoding="utf-8")
    measured = pl.read_parquet(table)
    assert measured["corpus"].to_list() == ["thinks"] * 20 + ["plain"] * 20
    assert measured.filter(corpus="thinks")["pivot_types"].min() == 4
    assert measured["first_correct"].null_count() == 10  # the wrong answers never come to the right one


def test_the_json_has_every_row(two: tuple[Path, Path], understudy: Understudy) -> None:
    found = json.loads(understudy("profile", two[0], "--against", two[1], "--json", "-").stdout)
    assert found["corpora"]["thinks"]["n"] == 20
    kinds = {row["kind"] for row in found["contrast"]["rows"]}
    assert kinds == {"raw", "density", "matched"}


def test_traces_are_parted_by_outcome(two: tuple[Path, Path], understudy: Understudy) -> None:
    found = json.loads(understudy("profile", two[1], "--by", "correct", "--json", "-").stdout)
    assert {name: corpus["n"] for name, corpus in found["corpora"].items()} == {"plain: wrong": 10, "plain: right": 10}


def test_explain_names_the_words_that_decided(two: tuple[Path, Path], understudy: Understudy) -> None:
    done = understudy("style", "explain", two[0])
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "Let me check" in line]
    assert "verify" in line and "check" in line.split("Let me check")[0]


def test_agreement_counts_what_has_no_label(tmp_path: Path, understudy: Understudy) -> None:
    said = [("Let me check that again.", "verify"), ("3 * 12 = 36.", "implement"), ("Hm.", "?")]
    file = write(tmp_path / "l.jsonl", [{"data": [{"text": t, "gt-class-2": label} for t, label in said]}])
    done = understudy("style", "agreement", file)
    assert "n 2, kappa 1.000" in done.stdout and "1 sentences have no label" in done.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02", "cannot be read|no row|not"),
        (b'{"colour": "red"}\n', "--map"),
        (b'{"question": "q", "response": "a", "thinking": \n', "ends early"),
        (gzip.compress(b'{"question": "q", "response": "a"}\n' * 200, mtime=0)[:-20], "keep-readable|cut|damaged|ends"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(
    content: bytes, said: str, tmp_path: Path, understudy: Understudy
) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_bytes(content)
    done = understudy("profile", file)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ") and re.search(said, done.stderr), done.stderr


def test_options_that_make_no_sense(two: tuple[Path, Path], understudy: Understudy, tmp_path: Path) -> None:
    for arguments in (
        ["--by", "modell"],
        ["--names", "a,b,c"],
        ["--map", "reasoning"],
        ["--tokenizer", tmp_path / "no"],
    ):
        done = understudy("profile", two[0], *arguments)
        assert done.returncode == 2 and done.stderr.startswith("error: "), arguments
        assert "hint: " in done.stderr, arguments


def test_a_trace_of_one_character_and_one_of_a_million(tmp_path: Path, understudy: Understudy) -> None:
    rows = [{"question": "q", "response": text} for text in ("x", "wait " * 200_000, "\x00\u202e\ud83d\ude00", "")]
    done = understudy("profile", write(tmp_path / "odd.jsonl", rows), "--html", tmp_path / "odd.html")
    assert done.returncode == 0, done.stderr


@real
def test_reasoners_turn_and_others_do_not(understudy: Understudy) -> None:
    """On the 582 questions that all four answered: the shares that the paper's four types should give."""
    files = {name: MIP / f"gsm8k_wellposed_{name}.jsonl.gz" for name in ("deepseekR1", "QwQ", "gpt4o", "Qwen32")}
    for reasoner, other in (("deepseekR1", "gpt4o"), ("QwQ", "Qwen32")):
        done = understudy("profile", files[reasoner], "--against", files[other], "--json", "-", "--names", "a,b")
        found = json.loads(done.stdout)
        assert found["corpora"]["a"]["share_3_types"] >= 0.9
        assert found["corpora"]["b"]["share_3_types"] < 0.02
        assert found["contrast"]["auc"]["value"] > 0.99


@pytest.mark.skipif(not PEOPLE.is_file(), reason="needs the labels of ../shared/data")
def test_the_tagger_agrees_with_people(understudy: Understudy) -> None:
    done = understudy("style", "agreement", PEOPLE)
    kappa = float(done.stdout.rpartition("kappa ")[2].split(",")[0])
    assert kappa >= 0.5
