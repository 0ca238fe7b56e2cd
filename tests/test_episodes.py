"""Episodes: the tagger, its labels, and how both agree with people."""

import csv
import gzip
import json
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.style import episodes
from understudy.style.agreement import agreement
from understudy.style.episodes import EPISODES, SHAPES, Tagger, label

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
PEOPLE = DATA / "unlicensed" / "schoenfeld_r1_sat_sentences_odd.jsonl.gz"
LABELS = ROOT / "training" / "episodes.csv"
MODEL = ROOT / "src" / "understudy" / "style" / "episodes.json"
needs_people = pytest.mark.skipif(not PEOPLE.exists(), reason=f"needs ../shared/data (unlicensed/{PEOPLE.name})")
needs_texts = pytest.mark.skipif(not (DATA / "traces").is_dir(), reason="needs ../shared/data (traces)")


# --- label ---


def test_steps_are_labelled_by_what_they_do() -> None:
    trace = ["Okay, so there are 12 eggs.", "3 * 12 = 36.", "Let me check that again."]
    assert label(trace) == ["read", "implement", "verify"]


def test_a_trace_without_steps_has_no_labels() -> None:
    assert label([]) == []


@pytest.mark.parametrize("step", ["", " ", "\n", "...", "12", "(3.)", "**"])
def test_a_step_of_signs_or_of_a_number_alone_is_monitoring(step: str) -> None:
    assert label([step]) == ["monitor"]
    assert label(["3 + 4 = 7.", step, "8 + 4 = 12."])[1] == "monitor"


def test_white_space_around_steps_does_not_matter() -> None:
    steps = ["Okay, so there are 12 eggs.", "3 * 12 = 36.", "Wait, is that right?", "Yes, that matches."]
    assert label([f"  {step}\n\n" for step in steps]) == label(steps)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text() | st.sampled_from(["Wait.", "x = 3", "Let me check"]), max_size=6))
def test_every_step_gets_one_label(steps: list[str]) -> None:
    found = label(steps)
    assert len(found) == len(steps)
    assert set(found) <= set(EPISODES)


# --- agreement ---


def test_kappa_worked_by_hand() -> None:
    """50 proposals, two readers: 20 twice yes, 15 twice no, 5 and 10 mixed. Agreement .7, by chance .5: kappa .4."""
    yes, no = 0, 1
    reference = [yes] * 25 + [no] * 25
    given_labels = [yes] * 20 + [no] * 5 + [yes] * 10 + [no] * 15
    found = agreement(reference, given_labels)
    assert (found.n, found.accuracy) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.confusion[:2, :2].tolist() == [[20, 5], [10, 15]]
    assert found.f1 == pytest.approx({"read": 40 / 55, "analyze": 30 / 45})
    assert found.macro_f1 == pytest.approx((40 / 55 + 30 / 45) / 2)


def test_kappa_at_its_borders() -> None:
    assert agreement([0, 1, 2], [0, 1, 2]).kappa == 1
    assert agreement([0, 1], [1, 0]).kappa == -1
    assert agreement([0, 0], [0, 0]).kappa is None


@needs_people
def test_the_tagger_agrees_with_people_on_sentences_it_was_not_trained_on() -> None:
    truth: list[str] = []
    found: list[str] = []
    with gzip.open(PEOPLE, "rt", encoding="utf-8") as lines:
        for line in lines:
            sentences = json.loads(line)["data"]
            truth += [sentence["gt-class-2"].lower() for sentence in sentences]
            found += label([sentence["text"] for sentence in sentences])
    result = agreement(*([EPISODES.index(name) for name in names] for names in (truth, found)))
    assert result.n == 1419
    assert result.kappa is not None and result.kappa >= 0.5, str(result)


# --- the labels and the model made of them ---


@cache
def labels() -> list[dict[str, str]]:
    with LABELS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_labels_are_many_by_reference_and_of_free_files() -> None:
    assert len(labels()) >= 3000
    assert set(labels()[0]) == {"file", "field", "row", "sample", "start", "end", "episode"}
    assert {row["episode"] for row in labels()} == set(EPISODES)
    folders = Counter(row["file"].rpartition("/")[0] for row in labels())
    assert set(folders) == {"traces/mip", "traces/misguided_attention"}


@needs_texts
def test_labels_point_into_their_texts_without_overlap() -> None:
    spans: dict[tuple[str, str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for row in labels():
        spans[row["file"], row["field"], row["row"], row["sample"]].append((int(row["start"]), int(row["end"])))
    for (file, field, row_number, sample), found in spans.items():
        text = rows(file)[int(row_number)][field]
        text = text[int(sample)] if sample else text
        borders = [border for span in sorted(found) for border in span]
        assert borders == sorted(borders) and borders[-1] <= len(text), (file, row_number)
        assert all(a < b and text[a:b].strip() for a, b in found), (file, row_number)


@cache
def rows(file: str) -> list[Any]:
    with gzip.open(DATA / file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_the_shipped_model_is_small_and_holds_words_alone() -> None:
    assert MODEL.stat().st_size < 500_000
    model = json.loads(MODEL.read_text(encoding="utf-8"))
    assert model["episodes"] == list(EPISODES)
    assert list(model["shapes"]) == [*SHAPES, "always"]
    assert len(model["context"]) == (2 * episodes.REACH + 1) * len(EPISODES) + len(SHAPES) + 1
    phrases = [*model["words"], *model["openings"]]
    assert all(len(weights) == len(EPISODES) for table in ("words", "openings") for weights in model[table].values())
    assert max(len(phrase.split()) for phrase in phrases) <= 4


@needs_texts
def test_the_shipped_model_is_made_of_the_labels() -> None:
    """Its vocabulary is that of the labelled steps, and it fits them as only a model trained on them would."""
    from training import episodes as training

    examples = training.read(LABELS)
    model = json.loads(MODEL.read_text(encoding="utf-8"))
    assert tuple(map(list, (model["words"], model["openings"]))) == training.vocabulary(examples)
    truth = np.concatenate([example.labels for example in examples])
    found = np.concatenate([Tagger.shipped().tag(e.texts, e.found, e.steps) for e in examples])
    result = agreement(truth[truth >= 0], found[truth >= 0])
    assert result.n == len(labels())
    assert result.kappa is not None and result.kappa > 0.75, str(result)
