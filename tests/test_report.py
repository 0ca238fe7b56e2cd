"""The page: what a reader sees of a run directory, also of an odd, a hostile and a half-empty one."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from report_run import ACCURACY, REASONING, Maker, figure
from understudy.compare.outcomes import LATER
from understudy.errors import InputError, RunError, UnknownName
from understudy.published import NOTE, SAME, published
from understudy.registry import Piece
from understudy.report import build, cells, contents, examples, making, sections, sentences, uptake
from understudy.report.beside import beside
from understudy.tables import write, write_records
from understudy.types import Estimate, Problem


class Page(HTMLParser):
    """The text that a reader sees, the tags, and every address that a browser would follow."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "tags are not nested"

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.texts.append(data)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six arms, built once."""
    run = Maker(tmp_path_factory.mktemp("runs") / "quick", ACCURACY).make()
    assert build(run) == run / "report.html"
    return run


def made(maker: Maker) -> tuple[Page, str]:
    """The page and the Markdown of a run that is made and reported now."""
    run = maker.make()
    return Page(build(run).read_text(encoding="utf-8")), (run / "report.md").read_text(encoding="utf-8")


def made_with(tmp_path: Path, estimates: Sequence[Estimate]) -> tuple[Page, str]:
    """A run whose estimates are these alone."""
    run = Maker(tmp_path / "run", ACCURACY).make(estimates)
    return Page(build(run).read_text(encoding="utf-8")), (run / "report.md").read_text(encoding="utf-8")


def test_the_page_needs_nothing_from_outside(quick: Path) -> None:
    html = (quick / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    assert all(address.startswith("#") for address in page.addresses)
    assert not {"script", "link", "iframe", "img", "object", "foreignobject"} & set(page.tags)
    assert not re.search(r"url\(|@import", html)
    linked = {address[1:] for address in page.addresses}
    assert linked <= set(re.findall(r'id="([^"]+)"', html))


def test_all_files_are_there_and_nothing_is_left_behind(quick: Path) -> None:
    assert (quick / "figures/accuracy.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (quick / "figures/accuracy.svg").read_text(encoding="utf-8")
    names = [f"{name}.{kind}" for name in ("accuracy", "uptake") for kind in ("png", "svg")]
    assert sorted(path.name for path in (quick / "figures").iterdir()) == names
    assert not [path for path in quick.iterdir() if path.name.startswith(".")]


def test_the_same_run_gives_the_same_bytes(quick: Path) -> None:
    names = ("report.html", "report.md", "figures/accuracy.svg", "figures/accuracy.png", "figures/uptake.svg")
    before = [(quick / name).read_bytes() for name in names]
    build(quick)
    assert [(quick / name).read_bytes() for name in names] == before


def test_arms_keep_the_order_of_the_study(quick: Path) -> None:
    rows = sections.results(contents.read(quick)).rows
    assert list(dict.fromkeys(row[0] for row in rows)) == list(ACCURACY)
    assert [row[1] for row in rows[:2]] == ["greedy", "sampled"]


def test_figures_of_the_tables_are_those_of_the_estimates(quick: Path) -> None:
    found = contents.read(quick)
    accuracy = found.estimate("accuracy", "ST", "greedy")
    assert accuracy is not None and accuracy.value is not None
    row = next(row for row in sections.results(found).rows if row[:2] == ["ST", "greedy"])
    assert row[2] == cells.share(accuracy) and row[2].startswith(f"{100 * accuracy.value:.1f} [")
    trained = {row[0]: row[1:] for row in sections.training(found).rows}
    assert (trained["ST"][0], *trained["ST"][2:]) == ("3,000", "700", "100,000")
    assert "base" not in trained, "an arm without training has no training figures, not zeros"


def test_trace_and_answer_are_counted_with_denominators(quick: Path) -> None:
    found = contents.read(quick)
    counts = {tuple(row[:2]): [int(cell) for cell in row[2:]] for row in sections.trace_counts(found).rows}
    assert {arm for arm, _ in counts} == {"ST", "ST-HC"}, "arms without verdicts are left out"
    for row in sections.trace_shares(found).rows:
        both, answer_only, trace_only, neither, unchecked = counts[row[0], row[1]]
        assert [row[3], row[5], row[7]] == [
            str(both + answer_only + trace_only + neither + unchecked),
            str(both + trace_only),
            str(answer_only + neither),
        ]
        assert row[4].startswith(f"{100 * both / (both + trace_only):.1f}")


def test_style_is_shown_of_what_was_trained_on_and_of_what_was_written(quick: Path) -> None:
    rows = {
        (row[0], row[1].replace("\N{NO-BREAK SPACE}", " ")): row[2:]
        for row in sections.style(contents.read(quick)).rows
    }
    turns = ["55.6"] * 4  # once in 18 words
    assert rows["ST", "trained on"] == ["60", "0", "–", "18.0", *turns, "100.0", "1.00"]
    assert rows["ST", "written, greedy"] == ["60", "0", "40.0", "18.0", *turns, "100.0", "1.00"]
    assert ("base", "trained on") not in rows and rows["base", "written, greedy"][-2:] == ["0.0", "0.00"]


def test_both_texts_tell_the_same(quick: Path) -> None:
    page = Page((quick / "report.html").read_text(encoding="utf-8")).text
    markdown = (quick / "report.md").read_text(encoding="utf-8")
    found = contents.read(quick)
    for sentence in (*sentences.answer(found), *sentences.limits(found)):
        assert sentence in page and sentence.replace("&", "&amp;") in markdown
    for heading in re.findall(r"^## (.+)$", markdown, re.MULTILINE):
        assert heading in page


def test_pivots_are_marked_by_type_and_no_text_is_lost(quick: Path) -> None:
    shown = {example.arm: example for example in examples.examples(contents.read(quick))}
    assert {part.pivot for part in shown["ST-HC"].reasoning if part.pivot} == {
        "realization",
        "verification",
        "exploration",
        "integration",
    }
    for arm, text in REASONING.items():
        assert "".join(part.text for part in shown[arm].reasoning) == text
    assert '<mark class="realization" title="realization">hmm that fails</mark>' in (quick / "report.html").read_text()


def test_examples_are_of_one_problem_and_say_what_became_of_them(quick: Path) -> None:
    found = contents.read(quick)
    shown = examples.examples(found)
    assert [example.arm for example in shown] == list(ACCURACY) and examples.same_problem(shown)
    first = found.outcomes.filter((pl.col("sampling") == "greedy") & (pl.col("problem_id") == "reach-0000"))
    for example, (answer,) in zip(shown, first.select("answer").iter_rows(), strict=True):
        assert example.answer.startswith({1.0: "answer right", 0.0: "answer wrong", None: "answer not scored"}[answer])


def test_hostile_text_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    arms = {"<script>alert(1)</script>": 0.3, "a & b | c\u202e": 0.5}
    maker = Maker(tmp_path / "run", arms)
    maker.study["question"] = "<img src=x onerror=alert(1)> & `code` [link](http://example.org) **bold**"
    maker.study["note"] = "</style><script>alert(3)</script>"
    maker.reasoning = dict.fromkeys(arms, "wait no </div><script>alert(2)</script> & \x00\u202eevil ``` \x1b[31m")
    maker.problems = [Problem(p.problem_id, p.task, "<b>&\u2066 ``` </pre>", "</td>", "test") for p in maker.problems]
    page, markdown = made(maker)
    assert "script" not in page.tags and "img" not in page.tags and page.open == []
    for said in ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "alert(2)", "alert(3)"):
        assert said in page.text
    for text in (page.text, markdown):
        assert not re.search("[\x00\x1b\u202e\u2066]", text) and "⟨U+202E⟩" in text and "⟨U+0000⟩" in text
    outside_code = re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", markdown)
    assert "<" not in outside_code and not re.search(r"(?<!\\)\]\(http", outside_code)
    assert "a &amp; b \\| c" in outside_code


def test_missing_estimates_are_dashes(tmp_path: Path) -> None:
    page, markdown = made_with(
        tmp_path, [figure("accuracy", 0.5, lower=0.4, upper=0.6), figure("accuracy", None, "SBS")]
    )
    row = next(line for line in markdown.splitlines() if line.startswith("| ST | greedy"))
    assert row.startswith("| ST | greedy | 50.0 [40.0, 60.0] | 60 | – | – | – | – | – | – |")
    assert "| SBS | greedy | – | 60 | – |" in markdown
    assert "nan" not in page.text.lower().split() and "None" not in page.text
    assert "No two arms were compared; accuracy was 50.0 % for ST." in page.text


def test_one_arm(tmp_path: Path) -> None:
    page, _ = made(Maker(tmp_path / "run", {"only": 0.4}))
    assert "No two arms were compared" in page.text and "The run compares no two arms." in page.text
    assert "One training seed" in page.text


def test_twelve_arms_with_long_names(tmp_path: Path) -> None:
    arms = {f"an arm whose name goes on, steps shuffled, seed {i}, and then some more of it": i / 12 for i in range(12)}
    page, markdown = made(Maker(tmp_path / "run", arms, n=20))
    for arm in arms:
        assert arm in page.text and arm in markdown
    assert "more" in sentences.answer(contents.read(tmp_path / "run"))[0]


def test_a_study_of_files_says_that_nothing_was_trained(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run", {"R1": 0.9, "GPT": 0.8})
    maker.samplings = ["collected"]
    del maker.study["student"], maker.study["published"]
    page, _ = made(maker)
    assert "No student was trained" in page.text and "training seed" not in page.text
    assert "Training tokens" not in page.text and "collected" in page.text
    assert "published" not in page.text


def test_bare_run_directory(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("study: bare\narms: {a: {}}\ntask: reach\n")
    write_records(Estimate, [figure("accuracy", 0.5, "a")], tmp_path / "estimates.parquet")
    page = Page(build(tmp_path).read_text(encoding="utf-8"))
    for said in (
        "The run holds no style tables.",
        "The run holds no test traces.",
        "there is nothing to check",
    ):
        assert said in page.text


def test_resumed_stages_are_summed_and_a_torn_line_is_passed_over(quick: Path) -> None:
    rows = {row[0]: row[1:] for row in (making.stages(contents.read(quick)).rows)}
    assert rows == {
        "problems": ["1", "0.5 s"],
        "train": ["2", "90.0 s"],
        "evaluate": ["1", "12.0 s"],
        "all": ["4", "102.5 s"],
    }


def test_long_traces_are_folded_and_cut(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run", {"base": 0.2, "R1": 0.9}, n=10)
    maker.reasoning["R1"] = "wait no . " * 5000
    page, markdown = made(maker)
    assert page.tags.count("details") == 2 and "15,003 words, 5,000 pivots" in page.text and "Cut here" in page.text
    assert len(page.text) < 60_000 and len(markdown) < 20_000


def test_problems_that_not_every_arm_attempted(tmp_path: Path) -> None:
    run = Maker(tmp_path / "run", {"a": 0.2, "b": 0.9}, n=4).make()
    for arm, kept in (("a", ["reach-0000", "reach-0002"]), ("b", ["reach-0001", "reach-0002"])):
        path = run / "traces/test" / arm / "0-greedy.parquet"
        write(pl.read_parquet(path).filter(pl.col("problem_id").is_in(kept)), path, "trace")
    shown = examples.examples(contents.read(run))
    assert {example.prompt for example in shown} == {"from 2 use +3 x2 reach 8 in_2 ?"}
    write(pl.read_parquet(path).filter(pl.col("problem_id") == "reach-0001"), path, "trace")
    shown = examples.examples(contents.read(run))
    assert [example.prompt[:6] for example in shown] == ["from 0", "from 1"] and not examples.same_problem(shown)


def test_mistakes_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="it has no study"):
        build(tmp_path)
    maker = Maker(tmp_path / "run", ACCURACY, n=5)
    maker.study["published"] = "style-over-substanse"
    with pytest.raises(UnknownName, match="did you mean 'style-over-substance'"):
        build(maker.make([]))
    (maker.run / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="json cannot be read"):
        build(maker.run)


def test_traces_that_alignment_leaves_out_are_not_called_trained_on(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run", {"base": 0.2, "ST": 0.9}, n=20)
    maker.lacking = ["reach-0003", "reach-0017"]
    rows = {(row[0], row[1]): row[2:4] for row in sections.style(contents.read(maker.make())).rows}
    assert rows["ST", "trained on"] == ["18", "2"]
    assert rows["ST", "written,\N{NO-BREAK SPACE}greedy"] == ["20", "0"], "what was written is all there"


def test_several_samples_have_a_table_of_their_own(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run", {"base": 0.2, "ST": 0.6}, n=20)
    maker.samples = 4
    page, markdown = made(maker)
    found = contents.read(maker.run)
    main = {tuple(row[:2]): row[2:] for row in sections.results(found).rows}
    passed, elected = (found.estimate(f"{name}@4", "ST", "sampled") for name in ("pass", "majority"))
    rows = [row for row in sections.samples(found).rows if row[0] == "ST"]
    assert [row[1:3] for row in rows] == [["sampled", "1"], ["sampled", "2"], ["sampled", "4"]]
    assert rows[0][3] == main["ST", "sampled"][0], "pass@1 is the accuracy"
    assert rows[2][3::2] == [cells.share(passed), cells.share(elected)]
    assert rows[2][4] == cells.percent(found.value("pass@4 if unscored were right", "ST", "sampled"))
    for text in (page.text, markdown):
        assert "Accuracy (mean@k)" in text and "accuracy is mean@k" in text


def test_one_sample_a_problem_says_nothing_of_k(quick: Path) -> None:
    assert not sections.samples(contents.read(quick)).rows
    assert "@k" not in Page((quick / "report.html").read_text(encoding="utf-8")).text


def test_forced_ends_are_shown_where_any_fired(tmp_path: Path) -> None:
    estimates = [figure("accuracy", 0.5), figure("share forced end", 0.25), figure("mean waits", 1.5)]
    table = sections.results(contents.read(Maker(tmp_path / "run", ACCURACY, n=5).make(estimates)))
    row = dict(zip(table.head, next(row for row in table.rows if row[:2] == ["ST", "greedy"]), strict=True))
    assert (row["Forced end, %"], row["Mean waits"]) == ("25.0", "1.50")


def test_style_uptake_says_how_near_each_student_came(quick: Path) -> None:
    found = contents.read(quick)
    rows = {row[0]: row[1:] for row in uptake.closing(found).rows}
    assert list(rows) == [arm for arm in ACCURACY if arm != "base"]
    distance = found.uptake.filter(arm="ST", measure="energy distance", kind="density").row(0, named=True)
    assert rows["ST"][:4] == ["greedy", "60", "60", cells.decimal(distance["untrained"], 2)]
    assert rows["ST"][5].startswith("100.0"), "the maker's students write their training traces"
    shown = {row[0]: row[2:] for row in uptake.side_by_side(found).rows}
    assert shown["ST"][0] == "2.0 → 18.0 → 18.0"
    assert [row[:2] for row in uptake.stages(found).rows] == [row[:2] for row in uptake.side_by_side(found).rows]
    page = Page((quick / "report.html").read_text(encoding="utf-8"))
    assert "Style uptake" in page.text and page.text.count("hollow: the untrained student") == 1


def test_of_several_seeds_the_mean_and_its_range_are_shown(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run", {"base": 0.2, "ST": 0.6}, n=20, seeds=(0, 1))
    found = contents.read(maker.make())
    shifted = found.uptake.with_columns(student=pl.col("student") + pl.col("seed"), closed=1 - 0.5 * pl.col("seed"))
    write(shifted, maker.run / "uptake.parquet", "uptake")
    (row,) = uptake.closing(contents.read(maker.run)).rows
    assert row[5:7] == ["0.50 (0.00 to 1.00)", "75.0 (50.0 to 100.0)"]
    assert "of several seeds, the mean is shown" in Page(build(maker.run).read_text(encoding="utf-8")).text


def test_a_run_of_before_has_all_that_it_can_have(tmp_path: Path) -> None:
    run = Maker(tmp_path / "run", ACCURACY, n=10).make()
    for name in ("uptake", "aligned"):
        (run / f"{name}.parquet").unlink()
    write(pl.read_parquet(run / "outcomes.parquet").drop(LATER), run / "outcomes.parquet", "outcomes")
    page = Page(build(run).read_text(encoding="utf-8"))
    assert "does not say how students took up the style" in page.text and "trained on" in page.text
    assert not (run / "figures/uptake.svg").exists()


@pytest.mark.parametrize(
    "task",
    [
        "math500",
        {"math500": {"test": "some.jsonl"}},
        {"questions": {"train": "a.jsonl", "test": "data/MATH-500.jsonl"}},
    ],
)
def test_published_figures_of_the_same_questions_stand_with_the_runs_own(tmp_path: Path, task: object) -> None:
    maker = Maker(tmp_path / "run", {"base": 0.2, "ST": 0.9, "SBS": 0.5}, n=20)
    maker.study |= {"task": task, "student": {"hf": {"path": "meta-llama/Llama-3.2-3B-Instruct"}}}
    page, _ = made(maker)
    found = contents.read(maker.run)
    table = beside(found, published("style-over-substance"))
    assert table.head == ["Questions", "Model", "base", "ST", "SBS", "ST-HC", "ST-HC-W", "ST-NT"]
    assert [row[:2] for row in table.rows[2:6]] == [
        ["MATH500, pass@1", "Qwen2.5 32B"],
        ["MATH500, pass@1", "this run: Llama-3.2-3B-Instruct, greedy"],
        ["MATH500, pass@1", "this run: Llama-3.2-3B-Instruct, sampled"],
        ["AIME 2024, pass@1", "Ministral 8B"],
    ]
    own = table.rows[3]
    assert own[3] == cells.share(found.estimate("accuracy", "ST", "greedy")) and own[5:] == ["–"] * 3
    assert SAME in page.text and NOTE not in page.text


def test_published_figures_of_other_questions_stand_apart(quick: Path) -> None:
    rows = beside(contents.read(quick), published("style-over-substance")).rows
    assert [row[0] for row in rows[-2:]] == ["reach", "reach"] and rows[-1][1] == "this run: tiny-llama, sampled"
    assert NOTE in Page((quick / "report.html").read_text(encoding="utf-8")).text


@pytest.mark.parametrize(
    ("task", "title"),
    [
        ({"aime": {"test": ["aime_2024_I.jsonl", "aime_2024_II.jsonl"]}}, "AIME 2024, pass@1"),
        ({"aime": {"test": ["aime_2024.jsonl", "aime_2025.jsonl"]}}, None),
        ({"aime": {"test": "AIME24.parquet"}}, "AIME 2024, pass@1"),
        ("aime", None),
        ("gpqa", None),
    ],
)
def test_the_year_of_an_examination_is_told_by_its_files(task: object, title: str | None) -> None:
    benchmarks = published("style-over-substance").benchmarks
    assert [one.title for one in benchmarks if one.of(Piece.parse(task))] == ([title] if title else [])


def test_test_sets_are_told_apart(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run", {"base": 0.2, "ST": 0.9}, n=30)
    tests = {"MATH500": "math500", "AIME24": {"aime": {"test": "some.jsonl"}}, "GPQA": "gpqa"}
    maker.study["task"] = {"suite": {"test": tests}}
    named = {problem.problem_id: list(tests)[place % 3] for place, problem in enumerate(maker.problems)}
    maker.sets = named
    found = contents.read(maker.make())
    assert found.ways == ["greedy", "sampled"] and "AIME24: greedy" in found.samplings
    accuracies = {name: found.value("accuracy", "ST", f"{name}: greedy") for name in tests}
    rows = {
        problem: answer or 0
        for problem, answer in found.outcomes.filter(pl.col("sampling").str.ends_with("greedy"), arm="ST")
        .select("problem_id", "answer")
        .iter_rows()
    }
    for name, accuracy in accuracies.items():
        own = [answer for problem, answer in rows.items() if named[problem] == name]
        assert len(own) == 10 and accuracy == pytest.approx(sum(own) / 10)
    shown = {tuple(row[:2]): row[2] for row in sections.results(found).rows}
    table = beside(found, published("style-over-substance")).rows
    mine = [row for row in table if row[1] == "this run: tiny-llama, greedy"]
    assert [row[0] for row in mine] == ["MATH500, pass@1", "AIME 2024, pass@1", "GPQA"]
    assert mine[0][3] == shown["ST", "MATH500: greedy"]
    page = Page(build(found.path).read_text(encoding="utf-8")).text
    assert "30 test problems of MATH500, AIME24 and GPQA" in page and "sampling greedy and sampled." in page
    assert "of all test sets together" in page and page.count("verdicts under") <= 1
    tokens = {row[1]: row[4] for row in sections.style(found).rows if row[0] == "ST"}
    assert tokens["written,\N{NO-BREAK SPACE}greedy"] == cells.decimal(found.mean_tokens("ST", "greedy")) != "–"
