"""Curation: what is kept, what is dropped and why, and that nothing gets lost on the way."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import DATA, Understudy
from understudy import exchange, tables
from understudy.cli.curate import curate as command
from understudy.curate import Curation, Funnel, curate, near, sample
from understudy.curate.decontaminate import OVERLAP, Benchmarks, N
from understudy.curate.exact import digests
from understudy.curate.filtering import DEFAULT
from understudy.curate.ngrams import ngrams
from understudy.curate.plot import drawn
from understudy.curate.texts import SIDES, Texts
from understudy.curate.verify import Verifier
from understudy.errors import InputError, StudyError
from understudy.graders.number import Number
from understudy.registry import Piece, build
from understudy.style.buffer import Buffer
from understudy.style.words import words
from understudy.types import Trace

needs_data = pytest.mark.skipif(not (DATA / "traces" / "mip").is_dir(), reason="needs ../shared/data")

LONG = "Ann has 12 red apples and buys 7 green ones from the man next door before she eats 3 of them at noon."
TEXT = "Let me see. There are 12 apples and then 7 more, which makes 19. She eats 3, so 16 are left in the end. Wait."


def trace(
    name: str, response: str = "16", reasoning: str | None = TEXT, prompt: str = "How many?", **more: Any
) -> Trace:
    about = {"prompt": prompt, **more.pop("metadata", {})}
    return Trace(name, name, "m", response, reasoning, metadata=about, **more)


def run(tmp_path: Path, found: Sequence[Trace], curation: Curation, size: int = 3) -> tuple[Funnel, Any, Any]:
    """The funnel, the table of those kept and that of the others; read in batches of ``size``."""
    frames = [tables.to_frame(Trace, found[first : first + size]) for first in range(0, len(found), size)]
    funnel = curate(frames, curation, tmp_path / "kept.parquet", tmp_path / "dropped.parquet")
    return funnel, pl.read_parquet(tmp_path / "kept.parquet"), pl.read_parquet(tmp_path / "dropped.parquet")


def why(dropped: pl.DataFrame) -> dict[str, tuple[str, str]]:
    return {name: (step, reason) for name, step, reason in dropped.select("trace_id", "step", "reason").iter_rows()}


# --- the whole ---


texts = st.sampled_from([TEXT, f"{TEXT} ", f"{TEXT} {LONG}", f"{TEXT} So it is.", LONG, "wait " * 20, "é", "", None])
made = st.builds(
    lambda reasoning, response, prompt, ended, error, level: {
        "reasoning": reasoning,
        "response": response or "",
        "prompt": prompt,
        "finish_reason": ended,
        "error": error,
        "metadata": {} if level is None else {"level": level},
    },
    texts,
    st.sampled_from(["16", "16", "17", " ", LONG]),
    st.sampled_from(["How many?", "How many?", LONG]),
    st.sampled_from([None, None, None, "stop", "length", "error"]),
    st.sampled_from([None, None, None, None, "timeout"]),
    st.sampled_from([None, "1", "2"]),
)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(made, max_size=14), n=st.none() | st.integers(1, 9), dedupe=st.sampled_from([None, "exact", "near"])
)
def test_every_trace_is_kept_or_dropped_once(
    rows: list[dict[str, Any]], n: int | None, dedupe: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = [trace(str(number), **row) for number, row in enumerate(rows)]
    by = ("level",) if n and any("level" in t.metadata for t in found) else ()
    curation = Curation(dedupe=dedupe, benchmarks=Benchmarks([("b", LONG)]), n=n, by=by)
    try:
        funnel, kept, dropped = run(tmp_path_factory.mktemp("all"), found, curation)
    except InputError as error:
        assert by and "level" in str(error)  # those with the field were all filtered out
        return
    names = [*kept["trace_id"], *dropped["trace_id"]]
    assert sorted(names, key=int) == [t.trace_id for t in found]
    assert list(kept["trace_id"]) == sorted(kept["trace_id"], key=int), "in the order of the input"
    assert (funnel.traces, funnel.kept) == (len(found), len(kept))
    assert sum(step.dropped for step in funnel.steps) == len(dropped) and dropped["reason"].null_count() == 0
    assert tables.to_records(Trace, kept) == [t for t in found if t.trace_id in set(kept["trace_id"])]
    last = {name for name, step in zip(dropped["trace_id"], dropped["step"], strict=True) if step in ("exact", "near")}
    assert not last & set(dropped["duplicate_of"].drop_nulls()), "what a duplicate resembles was no duplicate"


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    found = [trace(str(number), response=str(number % 7), reasoning=TEXT + str(number % 5)) for number in range(40)]
    curation = Curation(dedupe="near", benchmarks=Benchmarks([("b", LONG)]), n=3)
    written = []
    for name in ("one", "two"):
        run(tmp_path / name, found, curation)
        written.append([(tmp_path / name / file).read_bytes() for file in ("kept.parquet", "dropped.parquet")])
    assert written[0] == written[1]


def test_nothing_stays_behind_when_it_fails(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no trace has 'levl'"):
        run(tmp_path, [trace("1", metadata={"level": "2"})], Curation(n=1, by=("levl",)))
    assert list(tmp_path.iterdir()) == []


def test_dropped_traces_are_a_table_of_traces(tmp_path: Path) -> None:
    run(tmp_path, [trace("1"), trace("2")], Curation())
    (frame,) = exchange.traces([tmp_path / "dropped.parquet"])
    assert tables.to_records(Trace, frame) == [trace("2")]


# --- filter and verify ---


def test_what_is_filtered_says_why(tmp_path: Path) -> None:
    loop = "So the total number of apples is twelve and that is it. " * 8
    found = [
        trace("fine"),
        trace("failed", error="timeout", finish_reason="length"),
        trace("cut", finish_reason="length"),
        trace("blank", response=" \n"),
        trace("loop", reasoning=loop),
        trace("looping response", reasoning=None, response=loop),
        trace("no loop", reasoning=" ".join(map(str, range(90))), response=loop),
        trace("bare", reasoning=None),
    ]
    _, kept, dropped = run(tmp_path, found, Curation(dedupe=None))
    assert list(kept["trace_id"]) == ["fine", "no loop", "bare"]
    assert {name: reason for name, (_, reason) in why(dropped).items()} == {
        "failed": "failed",
        "cut": "truncated",
        "blank": "empty",
        "loop": "loops",
        "looping response": "loops",
    }
    _, kept, dropped = run(tmp_path, found, Curation(dedupe=None, drop=("no-reasoning",)))
    assert list(dropped["trace_id"]) == ["looping response", "bare"]


def test_right_answers_are_kept_and_others_say_why_not(tmp_path: Path) -> None:
    gold = {"metadata": {"answer": "16"}}
    found = [
        trace("right", "It is 16.", **gold),
        trace("wrong", "It is 15.", **gold),
        trace("cut", "It is 16.", finish_reason="length", **gold),
        trace("silent", "No idea.", **gold),
        trace("unknown", "It is 16."),
    ]
    _, kept, dropped = run(tmp_path, found, Curation(verifier=Verifier(Number()), keep="right"))
    assert list(kept["trace_id"]) == ["right"]
    assert why(dropped)["wrong"] == ("verify", "wrong answer")
    assert why(dropped)["cut"] == ("verify", "not scored: truncated")
    assert {why(dropped)[name][0] for name in ("silent", "unknown")} == {"verify"}
    _, kept, _ = run(tmp_path, found, Curation(verifier=Verifier(Number()), dedupe=None, drop=()))
    scores = {name: json.loads(text)["score"] for name, text in kept.select("trace_id", "metadata").iter_rows()}
    assert scores == {"right": 1, "wrong": 0, "cut": None, "silent": None, "unknown": None}


def test_a_task_knows_its_problems_by_id_or_prompt(tmp_path: Path) -> None:
    task = build("tasks", Piece("gsm8k", {}))
    (problem, *_) = task.problems("train", None, 0)
    by_id = Trace("id", problem.problem_id, "m", f"#### {problem.answer}")
    found = [by_id, trace("prompt", f"It is {problem.answer}.", prompt=f" {problem.prompt}\n"), trace("other")]
    _, kept, dropped = run(tmp_path, found, Curation(verifier=Verifier(task, task), keep="right"))
    assert list(kept["trace_id"]) == ["id", "prompt"]
    assert why(dropped) == {"other": ("verify", "not scored: its problem is unknown")}


# --- duplicates ---


def test_the_first_of_equal_traces_is_kept_but_a_right_one_before_all(tmp_path: Path) -> None:
    found = [
        trace("first", "é 16"),
        trace("spaces", "é   16\n"),
        trace("composed", "e\u0301 16"),
        trace("case", "É 16"),
        trace("sign", "é -16"),
        trace("other model", "é 16", sample=3),
    ]
    _, kept, dropped = run(tmp_path, found, Curation())
    assert list(kept["trace_id"]) == ["first", "case", "sign"]
    assert set(dropped["duplicate_of"]) == {"first"} and set(dropped["reason"]) == {"same text"}
    gold = [trace(name, "16", metadata={"answer": answer}) for name, answer in (("a", "1"), ("b", "16"), ("c", "2"))]
    _, kept, dropped = run(tmp_path, gold, Curation(verifier=Verifier(Number()), keep="all"))
    assert list(kept["trace_id"]) == ["b"] and set(dropped["duplicate_of"]) == {"b"}


def test_a_failed_copy_does_not_take_the_good_one_with_it(tmp_path: Path) -> None:
    found = [trace("failed", error="timeout"), trace("good"), trace("again")]
    _, kept, dropped = run(tmp_path, found, Curation())
    assert list(kept["trace_id"]) == ["good"]
    assert why(dropped) == {"failed": ("filter", "failed"), "again": ("exact", "same text")}


def shingles(text: str) -> set[tuple[str, ...]]:
    found = text.split()
    return {tuple(found[start : start + near.SHINGLE]) for start in range(len(found) - near.SHINGLE + 1)}


def spoken(rng: random.Random, size: int) -> list[str]:
    return [f"w{rng.randrange(10_000)}" for _ in range(size)]


def test_similarity_is_the_jaccard_index_within_its_error() -> None:
    rng = random.Random(0)
    errors = []
    for share in np.linspace(0, 1, 60):
        one, other = spoken(rng, 200), spoken(rng, 200)
        cut = int(200 * share)
        two = one[:cut] + other[cut:]
        texts = Texts.of(tables.to_frame(Trace, [trace(str(n), "", " ".join(t), "") for n, t in enumerate((one, two))]))
        minima = near.signatures(texts)
        a, b = shingles(" ".join(one)), shingles(" ".join(two))
        true = len(a & b) / len(a | b)
        error = float((minima[0] == minima[1]).mean()) - true
        assert abs(error) <= 4.5 * (true * (1 - true) / near.HASHES) ** 0.5 + 1e-9
        errors.append(error)
    assert abs(np.mean(errors)) < 0.01, "it is unbiased"


def test_near_duplicates_fall_to_the_most_similar_trace_that_is_kept(tmp_path: Path) -> None:
    rng = random.Random(1)
    base = spoken(rng, 300)
    near_base = [*base[20:], *spoken(rng, 20)]
    chain = [*near_base[25:], *spoken(rng, 25)]  # like near_base, less like base
    found = [
        trace("base", reasoning=" ".join(base)),
        trace("other", reasoning=" ".join(spoken(rng, 300))),
        trace("near", reasoning=" ".join(near_base)),
        trace("chain", reasoning=" ".join(chain)),
        trace("blank", response=".", reasoning="...", prompt="?"),
        trace("blank too", response="!", reasoning="...", prompt="?"),
    ]
    _, kept, dropped = run(tmp_path, found, Curation(dedupe="near", similarity=0.8))
    assert list(kept["trace_id"]) == ["base", "other", "chain", "blank", "blank too"]
    (row,) = dropped.iter_rows(named=True)
    assert (row["trace_id"], row["duplicate_of"], row["step"]) == ("near", "base", "near")
    assert 0.8 <= row["similarity"] <= 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=9), max_size=5), st.integers(1, 6), st.booleans())
def test_ngrams_are_equal_where_their_words_are(texts: list[list[str]], n: int, whole: bool) -> None:
    found = words(Buffer.of(" ".join(text) for text in texts))
    hashes, border = ngrams(found.key, found.border, n, whole)
    known: dict[int, tuple[str, ...]] = {}
    for number, text in enumerate(texts):
        wanted = [tuple(text[start : start + n]) for start in range(len(text) - n + 1)]
        if whole and 0 < len(text) < n:
            wanted = [tuple(text)]
        own = hashes[border[number] : border[number + 1]].tolist()
        assert len(own) == len(wanted)
        assert all(known.setdefault(key, gram) == gram for key, gram in zip(own, wanted, strict=True))
    assert len(set(known.values())) == len(known)


# --- decontamination ---


def search(benchmarks: Benchmarks, **sides: str) -> Any:
    one = trace("1", sides.get("response", ""), sides.get("reasoning", ""), sides.get("prompt", ""))
    (found,) = benchmarks.search(Texts.of(tables.to_frame(Trace, [one])))
    return found


@pytest.mark.parametrize("side", SIDES)
def test_a_question_is_found_on_every_side_with_its_place(side: str) -> None:
    text = f"Überlege – Solve:\n\n{LONG.upper().replace(' ', '  ')} How many are left? ✓"
    held = search(Benchmarks([("b.jsonl", "Something else."), ("b.jsonl", LONG)]), **{side: text})
    assert (held.benchmark, held.question, held.overlap, held.side) == ("b.jsonl", LONG, 1, side)
    (span,) = held.spans
    assert text[span.start : span.end].lower().split() == LONG.lower().rstrip(".").split()


def test_a_sentence_left_out_or_changed_ends_do_not_hide_a_question() -> None:
    question = f"{LONG} Her brother Tom has twice as many pears as she has apples now. How many does Tom have then?"
    held = search(
        Benchmarks([("b", question)]), prompt=question.replace(" now. How many does Tom have then", "! Tell me")
    )
    assert 0.4 < held.overlap < 1
    assert search(Benchmarks([("b", question)], overlap=1.0), prompt=f"{LONG} Her brother") is None
    assert search(Benchmarks([("b", question)]), prompt=" ".join(LONG.split()[:12])) is None, "a stock phrase"


def test_short_questions_count_in_prompts_as_a_whole_with_their_signs() -> None:
    benchmarks = Benchmarks([("b", "Factor $x^2 + 9x$."), ("b", "Factor $x^2 - 9x$."), ("b", "Why?")])
    held = search(benchmarks, prompt="Please: factor x^2-9x now")
    assert (held.question, held.overlap) == ("Factor $x^2 - 9x$.", 1)
    assert search(benchmarks, prompt="Factor x^2 * 9x") is None
    assert search(benchmarks, prompt="factor x^2-9xy") is None
    assert search(benchmarks, reasoning="Factor x^2-9x.", prompt="Why? Say it.") is None


def test_runs_that_all_questions_share_are_no_evidence() -> None:
    stock = " ".join(f"stock{number}" for number in range(14))
    questions = [("b", f"{stock} own{number} thing{number}") for number in range(300)]
    assert search(Benchmarks(questions), prompt=f"{stock} another question altogether") is None
    few = Benchmarks(questions[:200])
    assert search(few, prompt=f"{stock} own7 thing7").question.endswith("thing7"), "templates are told apart"


vocabulary = st.sampled_from(["a", "b", "c"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(vocabulary, min_size=3, max_size=9), st.lists(vocabulary, max_size=14), st.sampled_from([0.0, 0.5, 1.0])
)
def test_overlap_is_what_counting_by_hand_gives(question: list[str], text: list[str], least: float) -> None:
    n = 3
    grams = {tuple(text[start : start + n]) for start in range(len(text) - n + 1)}
    covered = set()
    for start in range(len(question) - n + 1):
        if tuple(question[start : start + n]) in grams:
            covered |= set(range(start, start + n))
    held = search(Benchmarks([("b", " ".join(question))], n, least), reasoning=" ".join(text))
    if not covered or len(covered) / len(question) < least:
        assert held is None
        return
    assert held.overlap == pytest.approx(len(covered) / len(question))
    own = {tuple(question[start : start + n]) for start in range(len(question) - n + 1)}
    spoken_at = {
        place
        for start in range(len(text))
        if tuple(text[start : start + n]) in own
        for place in range(start, start + n)
    }
    shown = {place // 2 for span in held.spans for place in range(span.start, span.end)}
    assert shown == spoken_at, "the spans are the words that the two share"
    assert all(later.start > one.end + 1 for one, later in pairwise(held.spans)), "each stretch is one span"


# --- sampling ---


def test_largest_remainders_as_in_the_alabama_paradox() -> None:
    """Balinski & Young, *Fair Representation*: with one seat more, the smallest state has one fewer."""
    assert sample.allocate([6, 6, 2], 10) == [4, 4, 2]
    assert sample.allocate([6, 6, 2], 11) == [5, 5, 1]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.integers(0, 400))
def test_quotas_add_up_and_are_within_one_of_the_share(sizes: list[int], n: int) -> None:
    quotas = sample.allocate(sizes, n)
    total = sum(sizes)
    assert sum(quotas) == min(n, total)
    for size, quota in zip(sizes, quotas, strict=True):
        assert quota <= size and (n >= total or abs(quota - size * n / total) < 1)


def draw_names(found: Sequence[Trace], n: int, seed: int = 0) -> set[str]:
    frame = tables.to_frame(Trace, found)
    chosen = sample.drawn(sample.strata(frame, ["level"]), digests(frame), np.arange(len(found)), n, seed)
    return {t.trace_id for t, drawn in zip(found, chosen, strict=True) if drawn}


def leveled(level: str | None, count: int) -> list[Trace]:
    about = {} if level is None else {"level": level}
    return [trace(f"{level}{number}", f"{level} {number}", metadata=about) for number in range(count)]


def test_a_stratum_is_drawn_alike_whatever_the_others_hold() -> None:
    easy, hard, unknown = leveled("easy", 40), leveled("hard", 20), leveled(None, 20)
    drawn = draw_names([*easy, *hard, *unknown], 40)
    assert Counter(name.rstrip("0123456789") for name in drawn) == {"easy": 20, "hard": 10, "None": 10}
    others = draw_names([*hard, *leveled("new", 40), *unknown[:15], *unknown[15:]][::-1], 40)
    assert {name for name in others if name.startswith("hard")} == {name for name in drawn if name.startswith("hard")}
    more = draw_names([*easy, *hard, *unknown], 60)
    assert drawn < more
    assert draw_names([*easy, *hard, *unknown], 40, seed=1) != drawn


def test_models_can_be_drawn_from_alike() -> None:
    counts = {"a": 30, "b": 10}
    found = [replace(trace(f"{m}{n}", f"{m} {n}"), model=m) for m, count in counts.items() for n in range(count)]
    frame = tables.to_frame(Trace, found)
    chosen = sample.drawn(sample.strata(frame, ["model"]), digests(frame), np.arange(40), 20, 0)
    assert Counter(frame.filter(chosen)["model"]) == {"a": 15, "b": 5}


# --- the command ---


def rows(path: Path, found: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return path


def test_the_command_shows_where_traces_went(tmp_path: Path, understudy: Understudy) -> None:
    rows(tmp_path / "<b>bench.jsonl", [{"question": LONG, "answer": "16"}])
    given_rows = [
        {"question": "What is 9 + 7?", "response": "16", "reasoning": "9 and 7 make 16.", "answer": "16"},
        {"question": "What is 9 + 7?", "response": " 16", "reasoning": "9 and 7 make 16.", "answer": "16"},
        {"question": "What is 9 + 6?", "response": "16", "reasoning": "9 and 6 make 16.", "answer": "15"},
        {"question": LONG, "response": "16", "reasoning": TEXT, "answer": "16"},
    ]
    rows(tmp_path / "t.jsonl", given_rows)
    arguments = ["t.jsonl", "--out", "k.parquet", "--grader", "number", "--against", "<b>bench.jsonl"]
    done = understudy("curate", *arguments, "--plot", "f.html", "--json", "f.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["verify", "wrong", "answer", "1", "3", "75.0"] in lines
    assert ["exact", "same", "text", "1", "2", "50.0"] in lines
    assert lines[-1][-3:] == ["1", "1", "25.0"] and lines[-1][0] == "decontaminate"
    found = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert (found["traces"], found["kept"], found["dropped"]) == (4, 1, 3)
    assert found["parameters"]["against"] == ["<b>bench.jsonl"] and found["files"][0]["rows"] == 4
    page = (tmp_path / "f.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;bench.jsonl" in page and "<b>bench" not in page and "<svg" in page and "<script" not in page


def test_the_funnel_is_drawn_without_a_network(tmp_path: Path) -> None:
    funnel, _, _ = run(tmp_path, [trace("1"), trace("2"), trace("3", error="<script>")], Curation(n=1))
    for kind, start in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".html", b"<!doctype html>")):
        assert drawn(funnel, kind).startswith(start)
    shown = drawn(funnel, ".svg").decode()
    assert all(text in shown for text in ("read: 3", "filter: 2", "exact: 1", "sample: 1", "same text"))


def test_the_command_has_the_defaults_of_the_steps() -> None:
    defaults = {name: parameter.default for name, parameter in signature(command).parameters.items()}
    wanted = {"similarity": near.SIMILARITY, "words": N, "overlap": OVERLAP, "drop": ",".join(DEFAULT)}
    assert {name: defaults[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--keep", "right"], "name a task"),
        (["--keep", "wrong"], "known: right, all"),
        (["--drop", "lops"], "did you mean 'loops'?"),
        (["--dedupe", "fuzzy"], "known: exact, near, none"),
        (["--similarity", "80"], "above 0 and at most 1"),
        (["--n", "0"], "ask for one or more"),
        (["--by", "level"], "say it with --n"),
        (["--against", "nowhere.jsonl"], "there is no file"),
        (["--against", "t.jsonl", "--words", "1"], "say nothing"),
        (["--against", "empty.jsonl"], "holds no row"),
        (["--plot", "f.pdf"], "let it end in .svg"),
        (["--dropped", "k.parquet"], "cannot hold both"),
        (["--grader", "numbr"], "did you mean 'number'?"),
        (["--map", "reasoning=nope"], "no field 'nope'"),
    ],
)
def test_a_mistake_is_one_sentence_and_a_hint(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy import cli

    rows(tmp_path / "t.jsonl", [{"question": LONG, "response": "16"}])
    (tmp_path / "empty.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["understudy", "curate", "t.jsonl", "--out", "k.parquet", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    error = capsys.readouterr().err
    assert ended.value.code == 2 and said in error and error.startswith("error: ")
    assert not (tmp_path / "k.parquet").exists()


def test_impossible_values_are_refused_in_python_too() -> None:
    impossible: list[dict[str, Any]] = [{"keep": "right"}, {"drop": ("nothing",)}, {"similarity": 0.0}, {"n": -1}]
    for values in [*impossible, {"by": ("level",)}, {"n": 1, "by": ('a"b',)}]:
        with pytest.raises(StudyError):
            Curation(**values)


# --- real overlaps, as the notes on the data state them ---


def asked(file: Path) -> pl.DataFrame:
    from understudy.collect import questions

    return tables.to_frame(Trace, [trace(str(n), "", "", found.prompt) for n, found in enumerate(questions(file))])


def held(traces: pl.DataFrame, benchmark: str, least: float = 0.4) -> set[str]:
    """The prompts that hold a question of the benchmark."""
    found = Benchmarks.read([DATA / "benchmarks" / benchmark], overlap=least).search(Texts.of(traces))
    prompts = [json.loads(text)["prompt"] for text in traces["metadata"]]
    return {prompt for prompt, one in zip(prompts, found, strict=True) if one and one.side == "prompt"}


@needs_data
def test_overlaps_of_real_files_are_found() -> None:
    traces = DATA / "traces"

    def read(name: str) -> pl.DataFrame:
        return pl.concat(exchange.traces([traces / name]))

    gsm8k, math500 = "gsm8k_test.jsonl.gz", "math500.jsonl.gz"
    assert len(held(read("mip/gsm8k_wellposed_gpt4o.jsonl.gz"), gsm8k)) == 582, "all"
    assert len(held(read("mip/gsm8k_missing_premise_Qwen32.jsonl.gz"), gsm8k)) >= 0.8 * 582, "with a premise left out"
    assert len(held(read("mip/math_wellposed_gpt4o.jsonl.gz"), math500)) == 52, "all"
    assert len(held(asked(DATA / "benchmarks" / "aime_2021_2024.jsonl.gz"), "aime24.jsonl.gz")) == 14
    level5 = read("zeroeval/math-l5_gpt-4o-2024-08-06.jsonl.gz")
    assert len(held(level5, math500, 1.0)) == 74 and len(held(level5, math500)) <= 74 + 6
    cot = read("qwen2.5_math_cot_100x8.jsonl.gz")
    assert len(held(cot, math500, 1.0)) == 5 and len(held(cot, math500)) <= 5 + 2


@needs_data
def test_files_without_real_overlaps_show_hardly_any() -> None:
    train = asked(DATA / "benchmarks" / "gsm8k_train.jsonl.gz")
    assert len(held(train, "gsm8k_test.jsonl.gz")) <= 3
    math = asked(DATA / "benchmarks" / "math_train_rllm.jsonl.gz")
    assert held(math, "math500.jsonl.gz", 1.0) == set() and len(held(math, "math500.jsonl.gz")) < 0.01 * len(math)
