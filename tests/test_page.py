"""The page of a profile: what a reader sees of corpora, also of hostile texts, of nulls and of a single trace."""

import gzip
import json
import random
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from conftest import DATA, Understudy
from test_report import Page
from understudy import tables
from understudy.cli.profiling import write_measures
from understudy.contrast import CARRIERS, Contrast, Figure
from understudy.errors import InputError, RunError
from understudy.report.profile import Corpus, build, charts
from understudy.report.profile.columns import EPISODES, MEASURES, STAGES
from understudy.report.profile.corpora import corpora
from understudy.report.profile.excerpts import FOLD, MOST, Excerpt, excerpt, groups
from understudy.report.profile.overview import contrast
from understudy.report.profile.ratios import ratio, share
from understudy.report.profile.ribbon import BINS, shares
from understudy.report.profile.trees import trees
from understudy.types import Step, Trace

REAL = DATA / "traces" / "mip" / "gsm8k_wellposed_deepseekR1.jsonl.gz"
SENTENCE = "Okay, the train goes 60 miles. Wait, let me check that again. Alternatively, add them. So it is 12."


def cut(text: str) -> list[tuple[int, int]]:
    """Rough steps that tile the text: sentences with the white space after them."""
    ends = [found.end() for found in re.finditer(r"[.!?]\s+|\n+", text)]
    ends = sorted({*ends, len(text)})
    return list(zip([0, *ends], ends, strict=False))


def corpus(texts: list[str], seed: int = 0, questions: list[str] | None = None) -> Corpus:
    """A corpus of these texts with made-up measures and steps, the stages in the order of a trace."""
    rng = random.Random(seed)
    ids = [f"t{seed}-{number}" for number in range(len(texts))]
    steps = [
        {
            "trace_id": trace_id,
            "index": index,
            "start": start,
            "end": end,
            "stage": list(STAGES)[min(4 * start // max(len(text), 1), 3)],
            "episode": rng.choice(list(EPISODES)),
            "branch": index // 3,
            "depth": index // 3 % 3,
            "abandoned": index // 3 == 1,
        }
        for trace_id, text in zip(ids, texts, strict=True)
        for index, (start, end) in enumerate(cut(text))
    ]
    counts = {name: [rng.randint(0, 5) for _ in ids] for name, kind in MEASURES.items() if kind == pl.Int64()}
    reals = {name: [rng.random() for _ in ids] for name, kind in MEASURES.items() if kind == pl.Float64()}
    named = {"trace_id": ids, "problem_id": [f"p{number}" for number in range(len(ids))]}
    counts["words"] = [len(text.split()) for text in texts]
    measures = pl.DataFrame({**named, "source": ["reasoning"] * len(ids), **counts, **reals}, schema_overrides=MEASURES)
    return Corpus(
        measures,
        pl.DataFrame({"trace_id": ids, "text": texts, "question": questions or [None] * len(ids)}),
        pl.DataFrame(steps, schema=tables.SCHEMAS[Step]),
    )


def figure(value: float | None, lower: float | None = None, upper: float | None = None) -> Figure:
    return Figure("a figure", value, lower, upper, (20, 30), 10, "made up")


def compared(**changes: object) -> Contrast:
    rows = [
        {"measure": measure, "kind": kind, "n_a": 20, "n_b": 30, "mean_a": 2.0, "mean_b": 1.0, "effect": effect}
        | {"lower": None if effect is None else effect - 0.1, "upper": None if effect is None else effect + 0.1}
        | {"p_adjusted": None if effect is None else 0.01}
        for measure, kind, effect in (
            ("words", "raw", 0.2),
            ("realization", "raw", 0.9),
            ("realization_per_1000_words", "density", 0.4),
            ("realization", "matched", None),
        )
    ]
    found = Contrast(
        names=("A", "B"),
        n=(20, 30),
        excluded=(0, 0),
        shared=10,
        rows=pl.DataFrame(rows),
        matched=(5, 5),
        balance=None,
        distance=figure(1.5),
        distance_null=0.1,
        auc=figure(0.98),
        auc_matched=figure(0.8, 0.6, 0.9),
        auc_length=figure(0.9),
        carriers=CARRIERS.to_frame(),
        seed=0,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def two() -> dict[str, Corpus]:
    return {"A": corpus([SENTENCE * n for n in (1, 2, 3, 4, 30)]), "B": corpus([SENTENCE] * 5, seed=1)}


@pytest.fixture(scope="module")
def html() -> str:
    """A page with everything on it."""
    return build(two(), compared())


def test_the_page_needs_nothing_from_outside(html: str) -> None:
    page = Page(html)
    assert page.open == []
    assert not re.search(r"https?:|url\(|@import", html)
    assert not {"script", "link", "iframe", "img", "object", "foreignobject"} & set(page.tags)
    linked = {address[1:] for address in page.addresses}
    assert all(address.startswith("#") for address in page.addresses)
    assert linked == set(re.findall(r'<section id="([^"]+)"', html))


def test_every_drawing_says_what_it_shows(html: str) -> None:
    labels = re.findall(r'role="img" aria-label="([^"]*)"', html)
    assert len(labels) == html.count("<svg") == 2 * 2 + 1 + 4 + 1
    assert all(re.search(r"\d", label) for label in labels)


def test_sections_stand_in_their_order(html: str) -> None:
    assert re.findall("<h2>(.*?)</h2>", html) == [
        "Summary",
        "How they differ",
        "Stages from start to end",
        "Pivots",
        "Length and coherence",
        "The tree of one trace",
        "Traces to read",
    ]


def test_texts_of_models_are_escaped_and_hidden_characters_shown() -> None:
    attack = (
        "Wait <script>alert(1)</script> <b onclick=x>\u202eevil\u2066 \x1b[31m \u200b\U000e0041 done. </div></html>"
    )
    name = '<img src=x onerror="a">'
    html = build({name: corpus([attack], questions=["<svg onload=alert(1)>\u202e"])})
    page = Page(html)
    assert page.open == []
    assert not {"script", "img", "div onclick"} & set(page.tags)
    assert page.text.count("<script>alert(1)</script>") == 1
    assert name in page.text
    assert "<svg onload=alert(1)>⟨U+202E⟩" in page.text
    assert all(f"⟨U+{code}⟩" in page.text for code in ("202E", "2066", "001B", "200B", "E0041"))
    assert not re.search("[\x00-\x08\x0b-\x1f\u200b\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]", html)


def test_pivots_and_stages_are_named_in_the_text() -> None:
    html = build({"A": corpus([SENTENCE])})
    assert 'title="pivot: realization">Wait</u>' in html
    assert 'title="pivot: exploration">Alternatively</u>' in html
    for stage in STAGES:
        assert re.search(rf'<span class="step s-{stage}[^>]*><b class="stage">{stage}</b>', html)


def test_one_corpus_of_one_trace() -> None:
    html = build({"alone": corpus([SENTENCE])})
    text = Page(html).text
    assert "1 trace." in text
    assert "How they differ" not in text
    assert Page(html).open == []
    assert "NaN" not in html


def test_one_character() -> None:
    assert "alone" in Page(build({"alone": corpus(["x"])})).text


def test_no_traces_at_all() -> None:
    text = Page(build({"empty": corpus([])})).text
    assert "0 traces." in text
    assert "Traces to read" not in text


def test_null_measures_are_dashes_and_no_zeros() -> None:
    full = corpus([SENTENCE] * 3)
    bare = Corpus(full.measures.select("trace_id"), full.texts.select("trace_id", "text"), full.steps.clear())
    html = build({"full": full, "bare": bare})
    rows = {cells[0]: cells[1:] for row in re.findall("<tr.*?</tr>", html, re.S) if (cells := cells_of(row))}
    assert rows["traces"] == ["3", "3"]
    assert rows["nothing to profile"] == ["0", "3"]
    for name in ("pivots per 1,000 words", "coherence of neighbouring steps", "framing, % of steps"):
        assert rows[name][0] != "–" == rows[name][1]
    assert "right answers, %" not in rows, "no corpus has any"
    assert "bare (traces" not in html, "a ribbon of no steps"
    only = build({"bare": bare})
    assert Page(only).open == []
    assert "NaN" not in only + html


def cells_of(row: str) -> list[str]:
    return re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row)


def test_mistakes_are_said() -> None:
    with pytest.raises(InputError, match="no corpus"):
        build({})
    with pytest.raises(InputError, match="measures has no column 'trace_id'"):
        build({"A": Corpus(pl.DataFrame({"x": [1]}), pl.DataFrame(), pl.DataFrame())})


def test_the_comparison_lists_every_row_and_says_what_could_not_be_matched() -> None:
    found = contrast(compared())
    assert [row[:2] for row in found.table.rows] == [
        ["realization", "as it is"],
        ["realization", "per word or step"],
        ["realization", "equal length"],
        ["words", "as it is"],
    ]
    assert found.table.rows[2][4] == "–"
    assert "1 of 1 measures" in found.sentences[-1]


def test_every_auc_is_given_with_its_interval_where_there_is_one() -> None:
    said = " ".join(contrast(compared()).sentences)
    assert "AUC of 0.980 on traces" in said
    assert "among traces of like length, 0.800 [0.600, 0.900]; by length alone, 0.900 (" in said
    assert "like length" not in " ".join(contrast(compared(auc_matched=figure(None))).sentences)


@pytest.mark.parametrize(
    "rows", [compared().rows.clear(), compared().rows.with_columns(effect=None, lower=None, upper=None)]
)
def test_a_comparison_without_any_effect(rows: pl.DataFrame) -> None:
    assert charts.forest(compared(rows=rows)) is None
    assert len(contrast(compared(rows=rows)).table.rows) == len(rows)


def test_a_comparison_of_nothing() -> None:
    found = compared(rows=compared().rows.clear(), distance=figure(None), auc=figure(None))
    assert "No measure could be compared." in Page(build({"A": corpus(["x"])}, found)).text


def test_a_ribbon_worked_by_hand() -> None:
    """Half of one trace and all of another are framing: three quarters at the start, one half at the end."""
    steps = pl.DataFrame(
        {
            "trace_id": ["a", "a", "b"],
            "start": [0, 10, 0],
            "end": [10, 20, 3],
            "stage": ["framing", "synthesis", "framing"],
        }
    )
    found = shares(steps, "stage", list(STAGES)).pivot("name", index="bin", values="share").sort("bin")
    assert found["framing"].to_list() == pytest.approx([1.0] * 10 + [0.5] * 10)
    assert found["synthesis"].to_list() == pytest.approx([0.0] * 10 + [0.5] * 10)
    assert found["verification"].to_list() == [0.0] * BINS


@given(st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=30), min_size=1, max_size=5), st.randoms())
@settings(max_examples=40, deadline=None)
def test_a_ribbon_of_tagged_steps_is_full_everywhere(traces: list[list[int]], rng: random.Random) -> None:
    rows = []
    for number, sizes in enumerate(traces):
        at = 0
        for size in sizes:
            rows.append({"trace_id": str(number), "start": at, "end": at + size, "stage": rng.choice(list(STAGES))})
            at += size
    found = shares(pl.DataFrame(rows), "stage", list(STAGES)).group_by("bin").agg(pl.col("share").sum())
    assert found["share"].to_list() == pytest.approx([1.0] * BINS)


def told(found: Excerpt) -> str:
    steps = (*found.shown, *found.folded)
    return "".join("".join(part.text for part in step.parts) + step.gap for step in steps)


@given(
    st.text(max_size=400),
    st.lists(st.tuples(st.integers(0, 420), st.integers(0, 420)), max_size=20),
    st.integers(1, 80),
)
@settings(max_examples=150, deadline=None)
def test_no_text_is_lost_whatever_the_steps(text: str, spans: list[tuple[int, int]], times: int) -> None:
    """Also of steps that overlap, leave gaps or end after the text."""
    text = (text + "Wait, let me check. ") * times
    steps = [{"trace_id": "t", "start": a, "end": b, "stage": "framing"} for a, b in sorted(spans) if a < b]
    frame = pl.DataFrame(steps, schema={"trace_id": pl.String, "start": pl.Int64, "end": pl.Int64, "stage": pl.String})
    found = excerpt("A", {"trace_id": "t", "text": text, "words": None}, frame)
    assert told(found) == text[:MOST]
    assert found.left_out == max(len(text) - MOST, 0)
    shown = sum(len(part.text) for step in found.shown for part in step.parts)
    assert shown <= FOLD * 3 // 2
    assert bool(found.folded) == (len(text) > FOLD * 3 // 2)


def test_a_long_trace_is_folded_at_the_end_of_a_step() -> None:
    found = groups({"A": corpus([SENTENCE * 60])})[0].excerpts[0]
    assert found.folded
    assert found.shown[-1].parts[-1].text.endswith(".")
    assert found.shown[-1].parts != found.folded[0].parts


def test_examples_are_of_the_same_problems_where_corpora_share_them() -> None:
    shared = groups({"A": corpus([SENTENCE * n for n in range(1, 10)]), "B": corpus([SENTENCE] * 9, seed=1)})
    assert [[each.trace_id for each in group.excerpts] for group in shared] == [
        ["t0-2", "t1-2"],
        ["t0-4", "t1-4"],
        ["t0-6", "t1-6"],
    ]
    other = corpus([SENTENCE] * 2, seed=1)
    other = replace(other, measures=other.measures.with_columns(problem_id=pl.lit("q") + pl.col("problem_id")))
    apart = groups({"A": corpus([SENTENCE]), "B": other})
    assert [[each.corpus for each in group.excerpts] for group in apart] == [["A"], ["B"], ["B"]]


def test_a_tree_follows_its_branches() -> None:
    rows = [(0, 10, 0, 0, False), (10, 20, 1, 1, True), (20, 25, 1, 1, True), (25, 65, 0, 0, False)]
    steps = pl.DataFrame(rows, schema=["start", "end", "branch", "depth", "abandoned"], orient="row")
    steps = steps.with_columns(trace_id=pl.lit("t"), stage=pl.Series(["framing", "exploration", None, "synthesis"]))
    [tree] = trees({"A": Corpus(pl.DataFrame(), pl.DataFrame(), steps)})
    assert [limb.label for limb in tree.limbs] == ["trunk: step 1", "branch 1: steps 2–3, abandoned", "trunk: step 4"]
    assert [limb.width for limb in tree.limbs] == [0.25, 0.375, 1.0]
    assert [limb.indent for limb in tree.limbs] == [0, 1, 0]
    assert [(piece.stage, piece.characters) for piece in tree.limbs[1].pieces] == [("exploration", 10), (None, 5)]
    assert (tree.branches, tree.abandoned) == (1, 1)


def test_a_tree_of_very_many_steps_stays_small() -> None:
    sizes = [1 + number % 7 for number in range(5000)]
    ends = pl.Series(sizes).cum_sum()
    steps = pl.DataFrame(
        {"trace_id": "t", "end": ends, "start": ends - pl.Series(sizes), "depth": 0, "abandoned": None}
    )
    stage = pl.Series([list(STAGES)[number % 4] for number in range(5000)])
    [bar] = trees({"A": Corpus(pl.DataFrame(), pl.DataFrame(), steps.with_columns(stage=stage, branch=0))})[0].limbs
    assert len(bar.pieces) <= 200
    assert sum(piece.characters for piece in bar.pieces) == sum(sizes)
    [many] = trees({"A": Corpus(pl.DataFrame(), pl.DataFrame(), steps.with_columns(stage=stage, branch=ends))})
    assert (len(many.limbs), many.left_out) == (40, 4960)


def test_a_mean_has_the_interval_of_student() -> None:
    values = [1.0, 2.5, 4.0, 4.5, 8.0]
    frame = pl.DataFrame({"trace_id": list("abcde"), "problem_id": list("abcde"), "x": values})
    found = ratio(frame, pl.col("x"))
    lower, upper = stats.t.interval(0.95, 4, loc=4.0, scale=stats.sem(values))
    assert (found.value, found.lower, found.upper) == pytest.approx((4.0, lower, upper))
    doubled = ratio(pl.concat([frame, frame]), pl.col("x"))
    assert (doubled.lower, doubled.upper) == pytest.approx((lower, upper)), "a copy of every trace says nothing new"


def test_a_share_has_the_interval_of_wilson() -> None:
    frame = pl.DataFrame({"trace_id": range(10), "problem_id": range(10), "x": [True] * 3 + [False] * 7})
    lower, upper = stats.binomtest(3, 10).proportion_ci(method="wilson")
    found = share(frame, pl.col("x"))
    assert found.value == pytest.approx(0.3)
    assert found.lower == pytest.approx(lower, abs=0.02)
    assert found.upper == pytest.approx(upper, abs=0.02)
    none = share(frame, pl.col("trace_id") < 0)
    assert (none.lower, none.upper) == pytest.approx((0.0, stats.binomtest(0, 10).proportion_ci(method="wilson").high))


def test_what_is_null_is_in_no_figure() -> None:
    frame = pl.DataFrame(
        {"trace_id": ["a", "b", "c"], "problem_id": [None] * 3, "x": [1.0, None, 3.0], "w": [10, 10, None]}
    )
    assert ratio(frame, pl.col("x"), pl.col("w")).value == pytest.approx(0.1)
    assert ratio(frame, pl.col("x")).n == 2
    assert ratio(frame.head(0), pl.col("x")).value is None
    assert ratio(frame.head(1), pl.col("x")).lower is None


def graded(**answers: object) -> dict[str, pl.DataFrame]:
    """Measures by outcome, of traces that all say 4 and have these reference answers."""
    traces = [
        Trace(name, name, "m", "The answer is 4.", error="timeout" if name == "failed" else None, metadata=metadata)
        for name, metadata in answers.items()
        if isinstance(metadata, dict)
    ]
    found = corpora([tables.to_frame(Trace, traces)], "R1", by="correct")
    return {name: one.measures for name, one in found.items()}


def test_corpora_are_parted_by_the_reference_that_came_with_a_trace() -> None:
    found = graded(
        solution={"answer": "It is 2 + 2.\nSo 17 / 17 is 1.\n#### 4"},
        number={"answer": 4},
        other={"answer": "#### 5"},
        text={"answer": "four"},
        nothing={},
        failed={"answer": "4"},
    )
    assert {name: one["trace_id"].to_list() for name, one in found.items()} == {
        "R1: right": ["solution", "number"],
        "R1: wrong": ["other"],
        "R1: not graded": ["text", "nothing", "failed"],
    }


def test_texts_and_steps_are_of_as_many_traces_as_asked_for() -> None:
    traces = [Trace(f"{n}", f"{n}", "m", SENTENCE) for n in range(5)]
    frames = [tables.to_frame(Trace, traces[:2]), tables.to_frame(Trace, traces[2:])]
    for sample in (0, 3):
        found = corpora(frames, "R1", sample=sample)["R1"]
        assert (len(found.measures), len(found.texts), found.steps["trace_id"].n_unique()) == (5, sample, sample)
        assert Page(build({"R1": found})).open == []


def test_measures_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    found = {"A": corpus([SENTENCE] * 2), "B": corpus([SENTENCE], seed=1)}
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError, match="cannot write to"):
        write_measures(tmp_path / "folder", found)
    assert list(tmp_path.rglob("*")) == [tmp_path / "folder"]
    write_measures(tmp_path / "m.parquet", found)
    assert pl.read_parquet(tmp_path / "m.parquet")["corpus"].to_list() == ["A", "A", "B"]


def test_json_on_stdout_does_not_keep_the_page_from_being_written(understudy: Understudy, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(json.dumps({"question": "a?", "response": SENTENCE}))
    done = understudy("profile", "m.jsonl", "--json", "-", "--html", "p.html", "--parquet", "p.parquet", cwd=tmp_path)
    assert json.loads(done.stdout)["corpora"]["m"]["n"] == 1
    assert SENTENCE.split(".")[0] in Page((tmp_path / "p.html").read_text(encoding="utf-8")).text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.jsonl", "p.html", "p.parquet"]


@pytest.mark.skipif(not REAL.is_file(), reason="the shared traces are not here")
def test_real_traces() -> None:
    with gzip.open(REAL, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file.readlines()[:40]]
    texts = [row["deepseek-reasoner (question)"] for row in rows]
    found = corpus(texts, questions=[row["question"] for row in rows])
    page = Page(build({"R1": found}))
    assert page.open == []
    assert any(row["question"].split(".")[0] in page.text for row in rows)
    assert all(told(each) in texts for group in groups({"R1": found}) for each in group.excerpts)
