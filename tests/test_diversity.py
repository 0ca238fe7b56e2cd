"""Diversity and repetition: worked by hand, against the plain version, and what must hold of any text."""

import gzip
import json
import math
import random
import time
from pathlib import Path

import pytest
from benchmarks.plain import cohesion as plain
from hypothesis import given
from hypothesis import strategies as st

from understudy.style import diversity
from understudy.style.buffer import Buffer
from understudy.style.words import words

TRACES = Path(__file__).parents[2] / "shared" / "data" / "traces" / "mip" / "gsm8k_wellposed_QwQ.jsonl.gz"

LETTERS = st.lists(st.sampled_from("abcdefgh"), max_size=200).map(" ".join)
TEXTS = (
    LETTERS | st.text(max_size=50) | st.lists(st.integers(0, 300), max_size=300).map(lambda n: " ".join(map(str, n)))
)


def mtld(*texts: str) -> list[float]:
    return [float(value) for value in diversity.mtld(words(Buffer.of(texts)))]


def repetition(*texts: str) -> list[float]:
    return [float(value) for value in diversity.repetition(words(Buffer.of(texts)))]


def same(value: float, wanted: float | None) -> bool:
    return math.isnan(value) if wanted is None else value == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "length", "forward", "backward"),
    [
        # The two words are one type: a ratio of .5 ends a factor, from either side.
        ("a a", 2, 1, 1),
        # 1, 1, 1, .75: no factor ends, and .25 of the .28 that a factor takes are used up.
        ("a b c a", 4, 0.25 / 0.28, 0.25 / 0.28),
        # The paper's kind of example. Forward 1, 1, 1, 1, .8, .667 ends one; backward "people the by people": .75,
        # then "the" makes .6, which ends one at the fifth word, and "of" alone is nothing.
        ("Of the people, by the people", 6, 1, 1),
        # Forward: .667 at the third word; then "b c b" the same; "d" is left with a ratio of 1.
        # Backward: "d b c b" is .75, "a" makes .8, "b": 4 of 6, and "a" is left.
        ("a b a b c b d", 7, 2, 1),
        # 18 types in 25 words are .72 exactly, which is reached.
        (" ".join("abcdefghijklmnopqr" + "abcdefg"), 25, 1, None),
    ],
)
def test_mtld_by_hand(text: str, length: int, forward: float, backward: float | None) -> None:
    if backward is None:
        assert plain.factors(text.split()) == 1
        backward = plain.factors(text.split()[::-1])
    assert mtld(text) == pytest.approx([(length / forward + length / backward) / 2])


def test_a_ratio_just_above_the_threshold_ends_no_factor() -> None:
    text = " ".join([*map(str, range(180)), *map(str, range(69))])
    assert plain.factors(text.split()) == pytest.approx((1 - 180 / 249) / 0.28)
    assert mtld(text, text + " 69")[1] < mtld(text)[0]


@given(st.lists(TEXTS, max_size=30))
def test_same_as_plain(texts: list[str]) -> None:
    clean = [text.encode("utf-8", "replace").decode() for text in texts]
    assert all(map(same, mtld(*texts), map(plain.mtld, clean)))
    assert all(map(same, repetition(*texts), map(plain.repetition, clean)))


@pytest.mark.skipif(not TRACES.exists(), reason=f"{TRACES.name} is not here")
def test_same_as_plain_on_real_traces() -> None:
    with gzip.open(TRACES, "rt") as lines:
        texts = [json.loads(line)["model_answer"] for _, line in zip(range(150), lines, strict=False)]
    together = mtld(*texts)
    assert all(map(same, together, map(plain.mtld, texts)))
    assert together[:3] == mtld(*texts[:3]), "whatever texts stand beside"
    assert all(map(same, repetition(*texts), map(plain.repetition, texts)))


@given(LETTERS)
def test_backwards_and_in_capitals_it_is_as_diverse(text: str) -> None:
    assert mtld(text.upper()) == pytest.approx(mtld(" ".join(reversed(text.split()))), nan_ok=True)


def test_more_varied_words_are_more_diverse() -> None:
    rng = random.Random(0)
    small, large = (mtld(" ".join(str(rng.randrange(n)) for _ in range(2000)))[0] for n in (50, 500))
    assert large > 2 * small


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("a b c d e f g h", 0),
        ("a b c d e f g h A, B; C d e f g h", 8 / 16),
        ("a b c d e f g x a b c d e f g y", 0),  # seven words again are not enough
        ("wait " * 20, 19 / 20),  # a loop counts but for its first round
        ("to be or not " * 5, 16 / 20),
        ("one two three four five six seven eight nine one two three four five six seven eight ten", 8 / 18),
        ("few", 0),
    ],
)
def test_repetition_by_hand(text: str, share: float) -> None:
    assert repetition(text) == [pytest.approx(share)]


def test_what_other_texts_say_is_not_repeated() -> None:
    line = "one two three four five six seven eight "
    assert repetition(line, line, line + line, "one two three four", "five six seven eight") == [0, 0, 0.5, 0, 0]


def test_no_words_is_null() -> None:
    assert all(map(math.isnan, [*mtld("", "...", "all words differ here"), *repetition("", "½ …")]))
    assert mtld() == repetition() == []


@pytest.mark.parametrize("text", ["a " * 300_000, " ".join(map(str, range(150_000))), "a b c d e f g h i j " * 30_000])
def test_long_degenerate_texts_take_no_longer(text: str) -> None:
    texts = [text[: len(text) // 10]] * 10
    started = time.process_time()
    mtld(text, "a b a", *texts)
    repetition(text, "a b a", *texts)
    assert time.process_time() - started < 3
