"""The card of a student: what hubs read of it, what it says of traces, training and scores, and others' text in it."""

import re
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from understudy.train.card import card
from understudy.types import Estimate, Recipe

STUDY = {
    "study": "style",
    "question": "Does it reason?",
    "seeds": [0, 1],
    "student": {"hf": {"path": "me/tiny-1B", "recipe": "style-over-substance"}},
    "arms": {
        "base": {},
        "ST": {"from": {"openai": {"model": "deepseek-r1", "temperature": 0.6}}, "select": "right"},
        "ST-HC-W": {"from": "ST", "vary": ["st-hc", {"st-hc-w": {"model": {"openai": {"model": "small"}}}}]},
    },
}
SOURCE = {"path": "me/tiny-1B", "revision": None, "commit": "0123abc", "license": "apache-2.0"}
SUMMARY = {"examples": 1200, "epochs": 5.0, "final_loss": 0.51, "dropped": 3, "left_out": {"truncated": 3}}
ESTIMATES = [
    Estimate("accuracy", "ST-HC-W", None, "greedy", 0.5, 0.45, 0.55, 500, 2, "bootstrap over problems"),
    Estimate("accuracy", "ST-HC-W", "base", "greedy", 0.1, None, None, 500, 2, "paired"),
    Estimate("accuracy", "other", None, "greedy", 0.999, 0.9, 1.0, 500, 2, "bootstrap over problems"),
]


def made(**changes: Any) -> str:
    given = {"arm": "ST-HC-W", "seed": 1, "study": STUDY, "recipe": asdict(Recipe(method="lora"))}
    return card(**{**given, "summary": SUMMARY, "estimates": ESTIMATES, "source": SOURCE, **changes})


def header(text: str) -> dict[str, Any]:
    assert text.startswith("---\n")
    return dict(YAML(typ="safe", pure=True).load(text[4:].partition("\n---\n")[0]))


def rows(text: str) -> dict[str, list[str]]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells}


def test_hubs_read_base_licence_library_and_tags() -> None:
    assert header(made()) == {
        "license": "apache-2.0",
        "base_model": "me/tiny-1B",
        "base_model_relation": "finetune",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["reasoning", "distillation", "understudy", "lora"],
    }


@pytest.mark.parametrize(
    "source",
    [None, {"path": "/data/my model", "license": None}, {"path": "models/here", "commit": None, "license": "my own"}],
)
def test_what_hubs_would_refuse_is_left_out_of_the_header(source: dict[str, Any] | None) -> None:
    assert not {"license", "base_model"} & header(made(source=source)).keys()


def test_the_lineage_goes_from_the_model_that_wrote_the_traces_to_the_arm() -> None:
    section = made().partition("## The traces")[2].partition("##")[0]
    found = [line.strip("| ").split(" | ")[:2] for line in section.splitlines() if line.startswith("| ST")]
    plain = [[re.sub(r"&#(\d+);", lambda m: chr(int(m[1])), cell).strip() for cell in row] for row in found]
    assert plain == [
        ["ST", "from: openai"],
        ["ST", "select: right"],
        ["ST-HC-W", "from: ST"],
        ["ST-HC-W", "vary: st-hc"],
        ["ST-HC-W", "vary: st-hc-w"],
    ]


def test_training_and_scores_are_told_with_intervals_and_n() -> None:
    found = rows(made())
    assert found["traces left out"] == ["3"] and found["left out&#58; truncated"] == ["3"]
    assert found["loss at the end"] == ["0.510"] and found["examples"] == ["1,200"]
    assert found["method"] == ["lora"] and found["lora_r"] == ["16"]
    assert found["accuracy"][1] == "0.500 &#91;0.450, 0.550&#93;" and found["accuracy"][2] == "500"
    assert found["accuracy &#8722; base"][1] == "0.100" and "0.999" not in made()


def test_an_arm_that_is_not_trained_says_so() -> None:
    text = made(arm="base", recipe={}, summary={})
    assert "None: this is the student as it was" in text and "## How it was trained" not in text
    assert "Not known." in text


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(min_size=1, max_size=60)
    | st.sampled_from(["# x", "<script>", "| a | b |", "---\nx: 1", "[a](http://b)"])
)
def test_text_of_others_is_never_markup(text: str) -> None:
    study = {**STUDY, "question": text, "study": text, "arms": {"ST": {"from": {text: {text: text}}}}}
    whole = made(study=study, arm="ST", source={**SOURCE, "path": text}, estimates=[])
    assert len(header(whole)) >= 3
    body = whole.partition("\n---\n")[2]
    assert sum(line.startswith("#") for line in body.splitlines()) == 4
    assert "<script" not in body and "](http" not in body
