"""Coherence of steps: worked by hand, against the plain version, and against shuffles."""

import gzip
import json
import math
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from benchmarks.plain import cohesion as plain
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.randomness import stream
from understudy.style.buffer import Buffer
from understudy.style.coherence import Coherence, coherence, other_questions
from understudy.style.episodes import Steps
from understudy.style.segment import segment
from understudy.style.words import words

TRACES = Path(__file__).parents[2] / "shared" / "data" / "traces" / "mip" / "gsm8k_wellposed_QwQ.jsonl.gz"
needs_traces = pytest.mark.skipif(not TRACES.exists(), reason=f"{TRACES.name} is not here")

SCRAPS = ["apples", "Apples", "pears", "the", "don't", "12", "é", "x", "½", ".", " ", "\n", "so", "日本"]
STEPS = st.lists(
    st.lists(st.sampled_from(SCRAPS), min_size=1, max_size=5).map(lambda scraps: " ".join([*scraps, ""])), max_size=20
)


@cache
def real_traces() -> list[tuple[str, str]]:
    with gzip.open(TRACES, "rt") as lines:
        rows = [json.loads(line) for _, line in zip(range(60), lines, strict=False)]
    return [(row["model_answer"], row["question"]) for row in rows]


def measured(traces: list[list[str]], questions: list[str], others: list[str]) -> Coherence:
    texts = Buffer.of(["".join(steps) for steps in traces])
    sizes = [[len(step.encode("utf-8", "replace")) for step in steps] for steps in traces]
    starts = [start + np.cumsum([0, *size[:-1]]) for start, size in zip(texts.starts, sizes, strict=True) if size]
    found = words(texts)
    edges = np.concatenate([np.zeros(0, np.int64), *starts]).astype(np.int64)
    return coherence(found, Steps.of(texts, found, edges), questions, others)


def one(steps: list[str], question: str = "", other: str = "") -> dict[str, float]:
    return {name: float(values[0]) for name, values in vars(measured([steps], [question], [other])).items()}


def same(values: dict[str, float], wanted: dict[str, float | None]) -> None:
    for name, value in values.items():
        expected = wanted[name]
        assert math.isnan(value) if expected is None else value == pytest.approx(expected, abs=1e-12), name


def cut(text: str) -> list[str]:
    data, starts = text.encode(), (segment(Buffer.of([text])) - Buffer.of([text]).starts[0]).tolist()
    return [data[a:b].decode() for a, b in zip(starts, [*starts, len(data)][1:], strict=True)]


def test_worked_by_hand() -> None:
    found = one(
        ["Red apples. ", "The apples, red and green? ", "Yes. ", "Green pears."], "How many apples?", "Which pears?"
    )
    neighbours = 2 / math.sqrt(2 * 3)
    assert found["adjacent"] == pytest.approx(neighbours), "neighbours of an empty step are left out"
    assert found["null"] == pytest.approx((neighbours + 0 + 1 / math.sqrt(3 * 2)) / 3)
    assert found["question"] == pytest.approx((1 / math.sqrt(2 * 2) + 1 / math.sqrt(3 * 2)) / 3), "many, apples"
    assert found["question_null"] == pytest.approx(1 / math.sqrt(2) / 3)
    assert math.isnan(found["decay"]), "there are no steps at distance 8"


def test_decay_is_the_slope_on_the_logarithm_of_distance() -> None:
    steps = [f"a{i} a{i + 1} a{i + 2} a{i + 4} b " for i in range(12)]
    sets = [plain.content(step) for step in steps]
    means = [plain.at_distance(sets, distance) for distance in (1, 2, 4, 8)]
    assert one(steps)["decay"] == pytest.approx(-np.polyfit([0, 1, 2, 3], np.array(means, float), 1)[0])


@given(st.lists(st.tuples(STEPS, STEPS.map(" ".join), st.text(st.characters(codec="utf-8"), max_size=20)), max_size=4))
def test_same_as_plain(traces: list[tuple[list[str], str, str]]) -> None:
    found = measured(
        [steps for steps, _, _ in traces], [asked for _, asked, _ in traces], [other for *_, other in traces]
    )
    for number, (steps, asked, other) in enumerate(traces):
        same(
            {name: float(values[number]) for name, values in vars(found).items()}, plain.coherence(steps, asked, other)
        )


@settings(max_examples=30)
@given(STEPS)
def test_the_null_is_the_mean_over_all_pairs(steps: list[str]) -> None:
    pairs = combinations([plain.content(step) for step in steps if plain.content(step)], 2)
    wanted = plain.mean(plain.similarity(a, b) for a, b in pairs)
    same({"null": one(steps)["null"]}, {"null": wanted})


@needs_traces
def test_the_null_is_what_shuffled_steps_have() -> None:
    steps = cut(real_traces()[0][0])
    shuffles = [stream(seed, "shuffle").sample(steps, len(steps)) for seed in range(400)]
    found = measured(shuffles, [""] * 400, [""] * 400)
    noise = found.adjacent.std() / math.sqrt(400)
    assert found.adjacent.mean() == pytest.approx(found.null[0], abs=4 * noise)
    assert found.decay.mean() == pytest.approx(0, abs=4 * found.decay.std() / math.sqrt(400))
    assert np.ptp(found.null) < 1e-12


@needs_traces
def test_real_traces_are_more_coherent_than_shuffled_ones() -> None:
    others = other_questions(question for _, question in real_traces())
    texts, asked = [cut(text) for text, _ in real_traces()], [question for _, question in real_traces()]
    found = measured(texts, asked, [others[question] for question in asked])
    assert (found.adjacent > found.null).mean() > 0.9
    assert (found.question > found.question_null).mean() > 0.95
    assert np.nanmedian(found.decay) > 0
    for number in range(12):
        wanted = plain.coherence(texts[number], asked[number], others[asked[number]])
        same({name: float(values[number]) for name, values in vars(found).items()}, wanted)
    alone = measured([texts[7]], [asked[7]], [others[asked[7]]])
    assert all(values[7] == vars(alone)[name][0] for name, values in vars(found).items()), "bit by bit"


def test_the_other_question_does_not_depend_on_order_and_is_another() -> None:
    questions = [f"How many {i}?" for i in range(20)]
    found = other_questions(questions)
    assert found == other_questions([*reversed(questions), "", *questions])
    assert sorted(found[question] for question in questions) == sorted(questions)
    assert all(found[question] != question for question in questions)
    assert other_questions(["one?", "one?"]) == {"": "", "one?": ""}


def test_nothing_to_compare_is_null() -> None:
    assert all(math.isnan(value) for value in one([]).values())
    assert all(math.isnan(value) for value in one(["So it is. ", "And so on."], "apples?").values())
    assert one(["Apples."], "Apples?") == pytest.approx(
        {"adjacent": math.nan, "null": math.nan, "decay": math.nan, "question": 1, "question_null": math.nan},
        nan_ok=True,
    )
    assert len(measured([], [], []).adjacent) == 0
