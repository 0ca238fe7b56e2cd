"""What the report says of a run: verdicts, sentences, cells, and text that stays text."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report_run import ACCURACY, Maker, figure
from understudy import published
from understudy.report import _as_html, _as_markdown, _fence, cells, contents, sections, sentences
from understudy.types import Estimate


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"p_adjusted": 0.01, "lower": 0.1, "upper": 0.3}, "higher"),
        ({"p_adjusted": 0.049, "lower": None, "upper": None}, "higher"),
        ({"p_adjusted": 0.05, "lower": 0.1, "upper": 0.3}, "no difference shown"),
        ({"p_adjusted": 0.01, "lower": -0.01, "upper": 0.3}, "no difference shown"),
        ({"p_adjusted": None, "lower": 0.1, "upper": 0.3}, "not tested"),
    ],
)
def test_verdicts(more: dict[str, Any], said: str) -> None:
    assert sections.verdict(figure("accuracy difference", 0.2, versus="base", **more)) == said
    mirrored = {**more, "lower": more["upper"] and -more["upper"], "upper": more["lower"] and -more["lower"]}
    opposite = {"higher": "lower"}.get(said, said)
    assert sections.verdict(figure("accuracy difference", -0.2, versus="base", **mirrored)) == opposite


def difference(arm: str, versus: str, value: float, p: float, sampling: str = "greedy") -> Estimate:
    half = 0.02
    return figure(
        "accuracy difference",
        value,
        arm,
        versus,
        lower=value - half,
        upper=value + half,
        p_value=p,
        p_adjusted=p,
        sampling=sampling,
    )


def test_the_answer_is_written_from_the_verdicts(tmp_path: Path) -> None:
    estimates = [
        difference("ST", "base", 0.7, 0.001),
        difference("SBS", "base", 0.05, 0.3),
        difference("ST-HC-W", "base", -0.1, 0.01),
        difference("SBS", "ST", -0.65, 0.001),
        difference("SBS", "ST", -0.1, 0.2, "sampled"),
    ]
    found = contents.read(Maker(tmp_path, ACCURACY).make(estimates))
    assert sentences.answer(found) == [
        "Compared with base, accuracy was higher for ST (+70.0 points) and was lower for ST-HC-W (−10.0 "
        "points); no difference was shown for SBS (greedy, after Holm's correction over 5 comparisons).",
        "Between the other pairs, ST was higher than SBS (+65.0 points).",
        "Under sampled, 1 of 1 verdicts differ (SBS against ST: no difference shown).",
    ]


def test_what_cannot_be_concluded_follows_from_the_run(tmp_path: Path) -> None:
    maker = Maker(tmp_path, ACCURACY, n=10, seeds=(0, 1, 2))
    maker.study["arms"]["ST-NT"] = {"from": "plain", "train": {"budget": "tokens", "match": "ST"}}
    flip = [("ST", 0.6, "greedy"), ("SBS", 0.5, "greedy"), ("ST", 0.4, "sampled"), ("SBS", 0.5, "sampled")]
    estimates = [
        *(figure("accuracy", value, arm, sampling=sampling) for arm, value, sampling in flip),
        figure("share truncated", 0.011, "ST"),
        figure("share truncated", 0.01, "SBS"),
        figure("detectable difference", 0.05, "ST", "base"),
        figure("detectable difference", 0.081, "SBS", "base"),
    ]
    said = " ".join(sentences.limits(contents.read(maker.make(estimates))))
    for sentence in (
        "3 training seeds",
        "The order changes between greedy and sampled for ST and SBS",
        "ST, ST-HC, ST-HC-W and SBS had equal examples but not equal training tokens: "
        "from 100,000 (ST) to 400,000 (SBS)",
        "ST-NT had as many training tokens as ST.",
        "differ by 5.0 to 8.1 points",
        "reached the token limit: ST greedy 1.1 %.",
        "procedural",
    ):
        assert sentence in said
    assert "No student" not in said and "One training seed" not in said


def test_no_limit_is_claimed_without_its_reason(tmp_path: Path) -> None:
    maker = Maker(tmp_path, {"base": 0.2, "ST": 0.9}, n=10)
    said = sentences.limits(contents.read(maker.make([figure("accuracy", 0.5)])))
    assert [sentence.split(":")[0] for sentence in said] == [
        "One training seed",
        "The test problems are procedural, of one small family",
    ]


def test_no_estimates_at_all(tmp_path: Path) -> None:
    found = contents.read(Maker(tmp_path, ACCURACY, n=5).make([]))
    assert sentences.answer(found) == ["No two arms were compared; there is no accuracy."]


def test_traces_without_verdicts_are_explained(tmp_path: Path) -> None:
    maker = Maker(tmp_path, ACCURACY, n=5)
    maker.trace_verdicts = False
    found = contents.read(maker.make([]))
    assert sections.trace_counts(found).rows == sections.trace_shares(found).rows == []
    assert "no attempt wrote a trace that the task's rule could check" in sentences.no_verdicts(found)
    maker.study["task"] = "a-task-that-nobody-has"
    assert "task is not installed here" in sentences.no_verdicts(contents.read(maker.make([])))


def test_published_cells_that_are_unknown_are_not_there() -> None:
    table = published.published("style-over-substance").benchmarks[0].accuracy
    assert table["Llama 3.2 3B"] == {
        "base": 36.4,
        "ST": 68.4,
        "ST-HC": 64.2,
        "ST-HC-W": 48.2,
        "ST-NT": 40.6,
        "SBS": 45.8,
    }
    assert "ST-NT" not in table["Ministral 8B"] and "SBS" not in table["Qwen2.5 32B"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (cells.percent(0.5), "50.0"),
        (cells.percent(0.0), "0.0"),
        (cells.percent(None), "–"),
        (cells.percent(float("nan")), "–"),
        (cells.points(-0.0123), "−1.2"),
        (cells.points(0.5), "+50.0"),
        (cells.decimal(1234567, 0), "1,234,567"),
        (cells.decimal(float("inf")), "∞"),
        (cells.probability(0.0004), "<0.001"),
        (cells.probability(1.0), "1.000"),
        (cells.spread([3, None, 3]), "3"),
        (cells.spread([1, 2000]), "1 to 2,000"),
        (cells.spread([None]), "–"),
        (cells.listing(["a", "b", "c"]), "a, b and c"),
        (cells.listing("abcd", 2), "a, b and 2 more"),
        (cells.seconds(7200), "2.0 h"),
    ],
)
def test_cells(said: str, expected: str) -> None:
    assert said == expected


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_any_text_stays_text(text: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", _as_html(text))
    markdown = str(_as_markdown(text))
    assert "\n" not in markdown and "<" not in markdown and not re.search(r"(?<!\\)[|`*]", markdown)
    fence, *body, last = str(_fence(text)).split("\n")
    assert last == fence.removesuffix("text") and not any(last in line for line in body)
