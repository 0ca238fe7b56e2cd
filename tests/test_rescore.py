"""Rescoring others' outputs: the statistics of the 2×2, the join by id, and what the command says."""

import csv
import gzip
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from conftest import DATA, Understudy
from understudy.errors import InputError
from understudy.registry import Piece
from understudy.report.rescore import build
from understudy.rescore import Rescored, names, rescore
from understudy.rescore.contingency import Contingency, figures, risk_difference, share, tabulate
from understudy.rescore.plain import as_dict
from understudy.tasks.cotempqa import Cotempqa

COTEMPQA = Piece("cotempqa", {})
RELEASED = DATA / "unlicensed"
PUBLISHED = RELEASED / "trace_check_qa_published_scores.json"
FACTS = [
    "Bo Lind works for Mint from 2001 to 2003.",
    "Bo Lind works for Fern in 1990.",
    "Bo Lind works for Oak in 2002.",
]

# --- statistics ---


@pytest.mark.parametrize(
    ("counts", "lower", "upper"),
    [  # Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_the_risk_difference_is_newcombes(
    counts: tuple[int, int, int, int], lower: float, upper: float
) -> None:
    both, right, answer_only, wrong = counts
    found = risk_difference(Contingency(both, right - both, answer_only, wrong - answer_only))
    assert found.value == pytest.approx(both / right - answer_only / wrong)
    assert (found.lower, found.upper) == (pytest.approx(lower, abs=5e-5), pytest.approx(upper, abs=5e-5))
    assert "Newcombe" in found.method


@pytest.mark.parametrize(
    ("right", "n", "lower", "upper"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_shares_have_wilsons_interval(right: int, n: int, lower: float, upper: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3."""
    found = share(right, n)
    assert (found.lower, found.upper) == (pytest.approx(lower, abs=5e-5), pytest.approx(upper, abs=5e-5))


def test_fishers_tea_tasting() -> None:
    """Fisher 1935, The design of experiments, § 5: 3 of 4 cups; chi2 and odds ratio by hand."""
    found = figures(Contingency(3, 1, 1, 3))
    assert found["Fisher exact"].p_value == pytest.approx(34 / 70)
    assert found["odds ratio"].value == pytest.approx(9.0)
    assert found["chi2"].value == pytest.approx(2.0)
    assert found["chi2"].p_value == pytest.approx(0.157299, abs=1e-6)
    assert found["chi2 (Yates)"].value == pytest.approx(0.5)
    assert "smallest expected count 2.0" in found["chi2"].method


def test_an_empty_cell_is_filled_as_haldane_and_anscombe_do_and_that_is_said() -> None:
    found = figures(Contingency(3, 0, 1, 4))["odds ratio"]
    assert found.value == pytest.approx(3.5 * 4.5 / (0.5 * 1.5))
    assert "Haldane-Anscombe" in found.method
    assert "Haldane" not in figures(Contingency(3, 1, 1, 4))["odds ratio"].method


def test_a_missing_trace_is_neither_right_nor_wrong() -> None:
    table = tabulate([(1, 1), (1, 0), (0, 1), (0, None), (None, 1), (None, None), (0.5, 0.5)])
    assert table == Contingency(1, 1, 1, 2, 1, 1)
    assert figures(table)["P(answer | trace wrong)"].n == 3


CELLS = st.builds(Contingency, *[st.integers(0, 40)] * 6)


@settings(max_examples=60, deadline=None)
@given(CELLS)
def test_figures_agree_with_each_other(table: Contingency) -> None:
    found = figures(table)
    assert table.n == sum(map(sum, table.cells)) + table.untraced
    for figure in found.values():
        if figure.value is not None and figure.lower is not None and figure.upper is not None:
            assert figure.lower <= figure.value <= figure.upper
    given_right, joint, right = (found[name] for name in ("P(answer | trace right)", "P(answer and trace)", "P(trace)"))
    assert (given_right.value is None) == (table.trace_right == 0)
    if given_right.value is not None and joint.value is not None and right.value is not None:
        assert joint.value == pytest.approx(given_right.value * right.value)
    for name in ("odds ratio", "chi2", "chi2 (Yates)", "risk difference"):
        assert found[name].value is not None or found[name].method.startswith("undefined")
        assert found[name].n == table.n - table.untraced


@settings(max_examples=60, deadline=None)
@given(CELLS)
def test_right_and_wrong_traces_can_change_places(table: Contingency) -> None:
    swapped = Contingency(
        table.answer_only, table.neither, table.both, table.trace_only, table.untraced_right, table.untraced_wrong
    )
    one, other = figures(table), figures(swapped)
    difference, opposite = one["risk difference"], other["risk difference"]
    if difference.value is None:
        assert opposite.value is None
    else:
        assert opposite.value == pytest.approx(-difference.value)
        assert (opposite.lower, opposite.upper) == (
            pytest.approx(-(difference.upper or 0)),
            pytest.approx(-(difference.lower or 0)),
        )
    if one["odds ratio"].value is not None and other["odds ratio"].value is not None:
        assert one["odds ratio"].value * other["odds ratio"].value == pytest.approx(1.0)
    for name in ("chi2", "chi2 (Yates)", "Fisher exact"):
        assert one[name].p_value == pytest.approx(other[name].p_value)


# --- outputs on files of our own ---


def question(number: int) -> dict[str, Any]:
    text = f"While Bo Lind was working for Mint ({number}), which employer did Bo Lind work for?"
    return {"index": number, "question": text, "facts": FACTS, "answer": ["Oak"], "label": "during"}


def output(number: int, label: str | None, facts: Sequence[str], answer: str) -> dict[str, Any]:
    """A row as others publish it; without a label it has no trace."""
    known = question(number)
    said = f"The relation in time is: {label}.\nI need to use the following facts to answer the question: {facts}"
    prediction = f"assistant\n\n<think>{said}</think> <answer>{answer}</answer>" if label else f"assistant\n\n{answer}"
    return {"prediction": prediction, "question": known["question"], "facts": FACTS, "gold": known["answer"]}


ROWS = [
    output(0, "during", FACTS[2:], "['Oak']"),  # all right
    output(1, "during", FACTS[2:], "['Fern']"),  # trace only
    output(2, "during", FACTS, "['Oak']"),  # too many facts: not exactly the gold ones
    output(3, "mix", FACTS[2:], "['Oak']"),  # wrong class
    output(4, "during", FACTS[1:2], "['Fern']"),  # wrong facts
    output(5, None, (), "['Oak']"),  # no trace
    output(6, "during", FACTS[2:], ""),  # no answer
    {**output(7, "x", (), ""), "prediction": "assistant\n\n<think>The relation in time is: during, and it goes on"},
]


def write(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    return write(tmp_path / "gold.jsonl", [question(number) for number in range(9)])


def scored(tmp_path: Path, gold: Path, rows: Sequence[Any] = ROWS, **options: Any) -> Rescored:
    return rescore([write(tmp_path / "outputs.jsonl", rows)], COTEMPQA, [gold], **options)


def test_every_output_is_counted_once_under_every_rule(tmp_path: Path, gold: Path) -> None:
    (file,) = scored(tmp_path, gold).files
    assert dict(file.statuses) == {"finished": 6, "truncated": 1, "empty": 1, "malformed": 0, "error": 0}
    assert file.no_trace == 1 and file.outputs.unanswered == 1
    assert file.tables["any-fact", "exact-set"] == Contingency(2, 2, 1, 1, 1, 1)
    assert file.tables["all-facts", "exact-set"] == Contingency(2, 2, 1, 1, 1, 1)
    assert file.tables["exact-facts", "exact-set"] == Contingency(1, 2, 2, 1, 1, 1)


def test_accuracy_has_its_denominator_and_its_bounds(tmp_path: Path, gold: Path) -> None:
    (file,) = scored(tmp_path, gold).files
    rate = file.answers["exact-set"]
    assert (rate.figure.value, rate.figure.n, rate.unscored) == (0.5, 8, 2)
    assert (rate.at_least, rate.at_most) == (0.5, 0.75)
    kind = file.parts["class"]
    assert (kind.right, kind.figure.n, kind.unscored) == (5, 6, 2)
    assert kind.figure.value == pytest.approx(5 / 6)


@pytest.mark.parametrize("rule", ["any-fact", "all-facts", "exact-facts"])
def test_trace_rules_are_those_of_the_task(tmp_path: Path, gold: Path, rule: Any) -> None:
    found = scored(tmp_path, gold, rule=rule)
    task = Cotempqa(test=str(gold), rule=rule)
    (file,) = found.files
    for attempt in file.attempts:
        trace, problem = file.outputs.traces[attempt.problem_id], file.outputs.problems[attempt.problem_id]
        if trace.reasoning and attempt.status != "truncated":
            assert attempt.traces[rule] == task.check_trace(problem, trace.reasoning, trace.response)[0].value


def test_the_order_of_rows_does_not_matter(tmp_path: Path, gold: Path) -> None:
    assert as_dict(scored(tmp_path, gold)) == as_dict(scored(tmp_path, gold, ROWS[::-1]))


def test_gold_is_that_of_the_rows_where_no_file_is_named(tmp_path: Path, gold: Path) -> None:
    outputs = write(tmp_path / "during_outputs.jsonl", ROWS)
    own, named = (rescore([outputs], COTEMPQA, files).files[0] for files in ((), [gold]))
    assert own.tables == named.tables and own.answers == named.answers


def test_a_gold_that_says_something_else_is_noticed(tmp_path: Path, gold: Path) -> None:
    (file,) = scored(tmp_path, gold, [*ROWS[:3], {**ROWS[3], "gold": ["Mint"]}]).files
    assert list(file.outputs.differing) == [4]
    assert file.answers["exact-set"].right == 3


def test_the_json_holds_every_figure_and_null_where_there_is_none(tmp_path: Path, gold: Path) -> None:
    found = json.loads(json.dumps(as_dict(scored(tmp_path, gold, ROWS[5:6])), allow_nan=False))
    (file,) = found["files"]
    table = next(t for t in file["tables"] if (t["trace_rule"], t["answer_rule"]) == ("all-facts", "exact-set"))
    assert table["counts"]["untraced_right"] == table["counts"]["n"] == 1
    assert table["figures"]["P(answer | trace right)"]["value"] is None
    assert table["figures"]["P(answer and trace)"]["value"] == 0.0
    assert file["parts"] == {}


def test_a_task_that_checks_no_trace_has_answers_only(tmp_path: Path) -> None:
    questions = [{"question": f"What is {n} and {n}?", "answer": f"#### {2 * n}"} for n in range(4)]
    rows = [{"question": row["question"], "response": "It is 2."} for row in questions]
    problems, outputs = write(tmp_path / "gold.jsonl", questions), write(tmp_path / "outputs.jsonl", rows)
    found = rescore([outputs], Piece("gsm8k", {}), [problems])
    (file,) = found.files
    assert found.trace_rule is None and not file.tables and not file.parts
    assert (file.answers["answer"].right, file.answers["answer"].figure.n) == (1, 4)
    assert "mosaic" not in build(found).partition("<main>")[2].lower()


# --- file against file ---


def test_files_are_compared_on_the_problems_they_share(tmp_path: Path, gold: Path) -> None:
    numbers = range(8)
    answers = {"a": "11111111", "b": "11000000", "c": "00000011"}
    files = [
        write(
            tmp_path / f"{name}.jsonl",
            [output(n, None, (), "['Oak']" if right[n] == "1" else "['Fern']") for n in numbers],
        )
        for name, right in answers.items()
    ]
    found = rescore(files, COTEMPQA, [gold]).comparisons
    assert [(pair.difference.arm, pair.difference.versus) for pair in found] == [("b", "a"), ("c", "a"), ("c", "b")]
    assert [(pair.gained, pair.lost) for pair in found] == [(0, 6), (0, 6), (2, 2)]
    p_values = [binomtest(min(pair.gained, pair.lost), pair.gained + pair.lost).pvalue for pair in found]
    assert [pair.difference.p_value for pair in found] == pytest.approx(p_values)
    assert [pair.difference.p_adjusted for pair in found] == pytest.approx(multipletests(p_values, method="holm")[1])
    assert found[0].difference.value == pytest.approx(-0.75)
    against = rescore(files, COTEMPQA, [gold], against=files[:1]).comparisons
    assert [(pair.difference.arm, pair.difference.versus) for pair in against] == [("b", "a"), ("c", "a")]


def test_files_of_other_problems_are_not_compared(tmp_path: Path, gold: Path) -> None:
    one, other = write(tmp_path / "one.jsonl", ROWS[:3]), write(tmp_path / "other.jsonl", ROWS[3:])
    assert rescore([one, other], COTEMPQA, [gold]).comparisons == []


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["out/run_llama_a.jsonl.gz"], ["run_llama_a"]),
        (["out/run_llama_a.jsonl.gz", "out/run_llama_b.jsonl.gz"], ["a", "b"]),
        (["x/out.jsonl", "y/out.jsonl"], ["x/out", "y/out"]),
        (["out.jsonl", "out.json"], ["out.jsonl", "out.json"]),
        (["out_.jsonl", "out_b.jsonl"], ["out_.jsonl", "out_b.jsonl"]),
    ],
)
def test_files_are_named_by_what_tells_them_apart(paths: list[str], expected: list[str]) -> None:
    assert names([Path(path) for path in paths]) == expected


# --- what is not known, and what stands there twice ---


def bare(path: Path, labelled: int = 0) -> Path:
    """The gold, of which only the first rows say their class."""
    rows = [question(number) for number in range(9)]
    return write(path, [row if place < labelled else {**row, "label": None} for place, row in enumerate(rows)])


def test_without_any_class_traces_are_judged_by_their_facts_and_that_is_said(
    tmp_path: Path, understudy: Understudy
) -> None:
    gold = bare(tmp_path / "gold.jsonl")
    found = scored(tmp_path, gold)
    (file,) = found.files
    assert file.by_facts and file.unclassed == 8
    assert file.tables["all-facts", "exact-set"] == Contingency(3, 2, 0, 1, 1, 1)  # the wrong class of one is unseen
    assert as_dict(found)["files"][0]["traces_by_facts_alone"] is True
    assert "by their facts alone" in build(found)
    done = understudy("rescore", tmp_path / "outputs.jsonl", "--task", "cotempqa", "--gold", gold)
    assert "the class of no problem is known" in done.stderr and "Class unknown" in done.stdout
    named = understudy("rescore", tmp_path / "outputs.jsonl", "--task", "{cotempqa: {label: during}}", "--gold", gold)
    assert named.stderr == "" and "Class unknown" not in named.stdout


def test_where_some_classes_are_known_the_other_traces_have_no_verdict(tmp_path: Path) -> None:
    (file,) = scored(tmp_path, bare(tmp_path / "gold.jsonl", labelled=2)).files
    assert not file.by_facts and file.unclassed == 6
    assert file.tables["all-facts", "exact-set"] == Contingency(1, 1, 0, 0, 3, 3)


def test_the_first_of_rows_that_answer_one_problem_can_be_kept(tmp_path: Path, gold: Path) -> None:
    again = [*ROWS, output(0, "mix", (), "['Fern']"), ROWS[1]]
    once, kept = (scored(tmp_path, gold, rows, keep_first=True).files[0] for rows in (ROWS, again))
    assert kept.tables == once.tables and kept.answers == once.answers
    assert (list(kept.outputs.repeated), kept.outputs.rows) == ([9, 10], 10)
    with pytest.raises(InputError, match=r"rows 2 and 9 both answer the problem .*, and are alike"):
        scored(tmp_path, gold, [*ROWS, ROWS[1]])
    with pytest.raises(InputError) as caught:
        scored(tmp_path, gold, again[:9])
    assert "alike" not in str(caught.value) and "--keep-first" in caught.value.hint


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    lines = io.StringIO()
    table = csv.DictWriter(lines, list(rows[0]))
    table.writeheader()
    table.writerows(rows)
    return lines.getvalue()


LAYOUTS = {
    "lines.json": lambda rows: "\n".join(map(json.dumps, rows)),
    "array.json": json.dumps,
    "indented.json": lambda rows: json.dumps(rows, indent=1),
    "no_ending": lambda rows: "\n".join(map(json.dumps, rows)),
    "table.csv": _csv,
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("packed", [False, True])
def test_outputs_and_gold_are_read_in_any_layout(tmp_path: Path, gold: Path, name: str, packed: bool) -> None:
    expected = scored(tmp_path, gold).files[0]
    made = []
    for kind, rows in (("outputs", ROWS), ("gold", [question(number) for number in range(9)])):
        text = LAYOUTS[name](rows).encode()
        made.append(tmp_path / f"{kind}_{name}{'.gz' * packed}")
        made[-1].write_bytes(gzip.compress(text) if packed else text)
    (file,) = rescore([made[0]], COTEMPQA, [made[1]]).files
    assert file.tables == expected.tables and file.answers == expected.answers


# --- bad input ---

BAD = [
    ("twice", [ROWS[0], ROWS[1], ROWS[0]], ("rows 1 and 3", "cotempqa-", "keep one row")),
    ("another schema", [{"prompt_name": "x", "completions": 3}], ("outputs.jsonl",)),
    (
        "no prediction",
        [{"prediction": None, **{k: v for k, v in ROWS[0].items() if k == "x"}}],
        ("no text 'prediction'",),
    ),
    (
        "another task",
        [{"prediction": "4", "problem": "2 and 2?"}],
        ("holds no output of the task 'cotempqa'", "problem"),
    ),
    ("another gold", [output(99, "during", (), "['Oak']")], ("0 of 1 rows joined", "--gold")),
    ("some gold", [*ROWS[:2], output(99, "during", (), "['Oak']")], ("2 of 3 rows joined", "row 3", "--allow-missing")),
]


@pytest.mark.parametrize(("rows", "words"), [(rows, words) for _, rows, words in BAD], ids=[name for name, *_ in BAD])
def test_outputs_that_do_not_match_are_refused(
    tmp_path: Path, gold: Path, rows: Sequence[Any], words: Sequence[str]
) -> None:
    with pytest.raises(InputError) as caught:
        scored(tmp_path, gold, rows)
    assert caught.value.hint
    for word in words:
        assert word in str(caught.value)


def test_rows_without_gold_can_be_left_out_and_are_named(tmp_path: Path, gold: Path) -> None:
    rows = [ROWS[0], output(99, "during", (), "['Oak']"), {"prediction": "x"}]
    (file,) = scored(tmp_path, gold, rows, allow_missing=True).files
    assert (file.outputs.rows, len(file.attempts)) == (3, 1)
    assert [number for number, _ in file.outputs.unjoined] == [2, 3]
    with pytest.raises(InputError, match="0 of 1 rows joined"):
        scored(tmp_path, gold, rows[1:2], allow_missing=True)


def test_empty_cut_and_missing_files_are_refused(tmp_path: Path, gold: Path) -> None:
    empty, cut = tmp_path / "empty.jsonl", tmp_path / "cut.jsonl.gz"
    empty.touch()
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode())
    cut.write_bytes(packed[: len(packed) // 2])
    for file, word in ((empty, "empty"), (cut, "cut off"), (tmp_path / "none.jsonl", "there is no file")):
        with pytest.raises(InputError, match=word) as caught:
            rescore([file], COTEMPQA, [gold])
        assert "--keep-readable" not in caught.value.hint and "--set" not in caught.value.hint
    with pytest.raises(InputError, match="no gold file"):
        rescore([write(tmp_path / "outputs.jsonl", ROWS)], COTEMPQA, [tmp_path / "none.jsonl"])


def test_unknown_rules_are_refused_with_the_closest(tmp_path: Path, gold: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'any-fact'"):
        scored(tmp_path, gold, rule="any-facts")
    with pytest.raises(InputError, match="did you mean 'released'"):
        scored(tmp_path, gold, answer_rule="relased")


# --- page and command ---


def test_the_page_is_one_file_and_escapes_what_others_wrote(tmp_path: Path, gold: Path) -> None:
    evil = write(tmp_path / "<script>alert(1)<_script>.jsonl", [*ROWS, output(99, "during", (), "<script>")])
    html = build(rescore([evil], COTEMPQA, [gold], allow_missing=True))
    assert "<script" not in html and "&lt;script&gt;" in html
    assert not re.search(r"(?:src|href)=\"(?!#)", html) and "http:" not in html and "https:" not in html
    assert html.count("<svg") == 3


def test_mosaics_say_in_words_what_they_show(tmp_path: Path, gold: Path) -> None:
    html = build(scored(tmp_path, gold))
    assert "trace right: 2 answers right, 2 not; trace wrong: 1 answers right, 1 not" in html


def test_the_command_prints_writes_and_refuses(tmp_path: Path, gold: Path, understudy: Understudy) -> None:
    outputs = write(tmp_path / "outputs.jsonl", ROWS)
    common = ("rescore", outputs, "--task", "cotempqa", "--gold", gold)
    done = understudy(*common, "--json", tmp_path / "f.json", "--html", tmp_path / "f.html")
    assert done.returncode == 0, done.stderr
    assert "50.0 [21.5, 78.5] ≤ 75.0" in done.stdout
    assert json.loads((tmp_path / "f.json").read_text())["files"][0]["n"] == 8
    assert (tmp_path / "f.html").read_text().startswith("<!doctype html>")
    write(outputs, [*ROWS, ROWS[0]])
    done = understudy(*common)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ") and "hint: keep one row a problem" in done.stderr


def test_what_others_wrote_is_neither_run_nor_can_it_steer_the_terminal(
    tmp_path: Path, gold: Path, understudy: Understudy
) -> None:
    ran = tmp_path / "ran"
    code = f"__import__('pathlib').Path({str(ran)!r}).touch()"
    rows = [output(0, "during", FACTS[2:], f"[{code}]"), output(1, code, [code], "<img src=x onerror=alert(1)>")]
    name = "\x1b[31mred\u202e<img src=x>.jsonl"
    page = tmp_path / "page.html"
    outputs = write(tmp_path / name, [*rows, {**rows[0], "question": "\x1b[2J?"}])
    done = understudy("rescore", outputs, "--task", "cotempqa", "--gold", gold, "--allow-missing", "--html", page)
    assert done.returncode == 0 and not ran.exists()
    for text in (done.stdout, done.stderr):
        assert "\x1b" not in text and "\u202e" not in text and "\\u001b" in text
    assert "<img" not in page.read_text(encoding="utf-8")


def test_of_many_rows_without_gold_the_first_are_named(tmp_path: Path, gold: Path, understudy: Understudy) -> None:
    outputs = write(tmp_path / "outputs.jsonl", [ROWS[0], *(output(n, None, (), "") for n in range(100, 150))])
    done = understudy("rescore", outputs, "--task", "cotempqa", "--gold", gold, "--allow-missing")
    assert done.stderr.count("is left out") == 30 and "20 more rows are left out" in done.stderr


# --- what was released ---


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the released outputs are not here")
@pytest.mark.parametrize("split", ["equal", "mix"])
def test_the_published_figures_are_met_by_the_released_rule(split: str) -> None:
    files = sorted(RELEASED.glob(f"trace_check_qa_cotempqa_{split}_llama-3.2-1b_sft_*.jsonl.gz"))
    published = json.loads(PUBLISHED.read_text())
    found = rescore(files, COTEMPQA, [DATA / "benchmarks" / f"cotempqa_{split}.jsonl.gz"])
    for scores in found.files:
        expected = published[scores.outputs.file.name]["published"]
        for key, rule in {"acc": "released", "f1": "released-f1", "avg": "released-average"}.items():
            value = scores.answers[rule].figure.value
            assert value is not None and abs(100 * value - expected[key]) < 0.1
        assert not scores.outputs.differing and not scores.outputs.unjoined


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the released outputs are not here")
def test_an_untuned_baseline_that_asks_the_same_question_twice_is_refused() -> None:
    with pytest.raises(InputError, match="87 rows answer 52"):
        rescore([RELEASED / "trace_check_qa_cotempqa_equal_llama-3.2-1b_zero_shot.jsonl.gz"], COTEMPQA)
