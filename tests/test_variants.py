"""The rule-based controls and the bent endings: what they keep and make, on texts of any kind and on real traces."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import DATA, Understudy
from understudy import exchange, registry, tables
from understudy.errors import InputError, StudyError
from understudy.registry import Piece
from understudy.style.pivots import TYPES, spans
from understudy.types import Problem, Skip, Trace
from understudy.variants import _bending, _text
from understudy.variants.length_match import LengthMatch
from understudy.variants.pivots_only import PROSE
from understudy.variants.strip_pivots import strip
from understudy.vary import CLAIMS, check, vary
from understudy.verify import verify

MIP = DATA / "traces" / "mip"
PROBLEM = Problem("p", "gsm8k", "Eliza works 45 hours at $10. What does she earn?", "460", "train")
REASONING = (
    "Okay, I need what Eliza earns. The first 40 hours pay $10, so 40 * 10 = 400.\n\n"
    "Wait, the other 5 hours pay more. 5 * 12 = 60. Let me check that. 400 + 60 = 460, yes.\n\n"
    "Alternatively, maybe I could add them hour by hour. Same result. So the answer is $460.00."
)
RESPONSE = "She gets 400 for 40 hours.\n\nShe gets 60 for the others.\n\nSo she earns $460."
TRACE = Trace("t", "p", "m", RESPONSE, REASONING)
PLAIN = replace(TRACE, reasoning=None)
CONTROLS = ("strip-pivots", "shuffle-steps", "delete-steps", "truncate", "pivots-only")
GSM8K = registry.build("tasks", Piece("gsm8k", {}))


def made(name: str, trace: Trace = TRACE, seed: object = 0, **parameters: Any) -> Trace | Skip:
    variant = registry.build("variants", Piece(name, parameters), task=GSM8K, root=Path())
    changed: Trace | Skip = variant.vary(trace, PROBLEM, Random(str(seed)))
    return changed


def text(changed: Trace | Skip) -> str:
    assert isinstance(changed, Trace), changed
    return _text.shown(changed)


SENTENCES = st.sampled_from(
    [
        *("2 + 2 = 4.", "So it is 12, I think.", "The rug costs $9.50, right?", "\\[ a. b = 3 \\]", "- 5 pens", "so"),
        *(
            "Wait, no.",
            "Hmm.",
            "Let me check that: 7 > 5.",
            "But wait, maybe 8.",
            "Is that right?",
            "Oh, I see",
            "wait",
        ),
        *(
            "Alternatively, (maybe) 3.",
            "Now I see how",
            "um das zu prüfen。",
            "**Final Answer**",
            "let me",
            "check",
            "\ud800",
        ),
    ]
)
TEXTS = st.lists(st.tuples(SENTENCES, st.sampled_from([" ", "\n\n", "\n", " . ", ""])), min_size=1, max_size=12).map(
    lambda parts: "".join(map("".join, parts))
)


@settings(max_examples=60, deadline=None)
@given(reasoning=st.none() | TEXTS | st.text(max_size=60), response=TEXTS, seed=st.integers(0, 99))
@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_does_what_it_declares_with_any_text(
    name: str, reasoning: str | None, response: str, seed: int
) -> None:
    before = Trace("t", "p", "m", response, reasoning)
    after = made(name, before, seed)
    assert after == made(name, before, seed)
    if isinstance(after, Skip):
        assert after.reason
        return
    variant = registry.build("variants", Piece(name, {}))
    claims = {*(f"keeps {c}" for c in variant.keeps), *(f"makes {c}" for c in variant.makes)} & CLAIMS.keys()
    assert [claim for claim in claims if not CLAIMS[claim](before, after, {}, {})] == []


@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
def test_stripped_text_has_no_pivot_and_keeps_all_other_words_in_order(text: str) -> None:
    left = strip(text)
    assert spans(left) == [] and strip(left) == left
    words = iter(_text.words(text))
    assert all(word in words for word in _text.words(left))
    assert re.findall("[0-9]+", left) == re.findall("[0-9]+", text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Wait, that is 5.", "That is 5."),
        ("It is 4. Hmm. So 5.", "It is 4. So 5."),
        ("It is 4.\n\nWait, let me check that.\n\nSo 5.", "It is 4.\n\nSo 5."),
        ("But wait, the rug is 3.", "But the rug is 3."),
        ("7 * 2 = 14. Yep, that checks out. \n\nSo 14.", "7 * 2 = 14. \n\nSo 14."),
        ("Let me check: 7 > 5.", "7 > 5."),
        ("I think 5 is, maybe, 6.", "I think 5 is, 6."),
        ("want 1 miss . wait no . alternatively 4 +3 7 .", "want 1 miss . 4 +3 7 ."),
        ("The waiter waited.", "The waiter waited."),
        ("hmm, so 5", "so 5"),
        ("It is 2. So yeah, all checks out. \n\nTherefore 2.", "It is 2. \n\nTherefore 2."),
    ],
)
def test_what_is_left_of_a_sentence_without_its_pivot(before: str, after: str) -> None:
    assert strip(before) == after


def test_a_trace_without_pivots_stays_and_one_of_nothing_else_is_left_out() -> None:
    plain = replace(TRACE, reasoning="40 * 10 = 400.")
    assert made("strip-pivots", plain) == plain
    assert made("strip-pivots", replace(TRACE, reasoning="Wait. Hmm... Let me check that.")) == Skip(
        "is nothing but pivots"
    )


def test_shuffled_steps_are_the_same_steps_and_the_last_stays() -> None:
    steps = [step.strip() for step in _text.cut(REASONING)]
    for seed in range(20):
        shuffled = text(made("shuffle-steps", seed=seed))
        assert shuffled.endswith(steps[-1]) and shuffled != REASONING
        assert Counter(shuffled.split()) == Counter(REASONING.split())
        assert all(step in shuffled for step in steps)
    ends = {_text.cut(text(made("shuffle-steps", seed=seed, keep_last=False)))[-1] for seed in range(20)}
    assert len(ends) > 3


def test_two_equal_steps_have_no_other_order() -> None:
    assert isinstance(made("shuffle-steps", replace(TRACE, reasoning="Yes. Yes. So 5.")), Skip)


@pytest.mark.parametrize(("share", "left"), [(0.1, 8), (0.5, 5), (0.9, 2), (0.99, 1)])
def test_a_share_of_the_steps_is_deleted_and_the_last_stays(share: float, left: int) -> None:
    assert len(_text.cut(REASONING)) == 9
    steps = _text.cut(text(made("delete-steps", share=share)))
    assert len(steps) == left and steps[-1] == _text.cut(REASONING)[-1]


@pytest.mark.parametrize(
    ("parameters", "ends"),
    [
        ({"keep": 0.3}, "= 400."),
        ({"words": 17}, "= 400."),
        ({"keep": 0.01}, "earns."),
        ({"keep": 0.99}, "Same result."),
    ],
)
def test_a_trace_is_cut_at_the_border_of_a_step(parameters: dict[str, Any], ends: str) -> None:
    cut = made("truncate", **parameters)
    assert REASONING.startswith(text(cut)) and text(cut).endswith(ends)
    assert isinstance(cut, Trace) and cut.response == RESPONSE


def test_a_trace_that_is_short_enough_stays() -> None:
    assert made("truncate", words=1000) == TRACE


def test_a_response_that_is_all_there_is_keeps_its_last_step() -> None:
    assert text(made("truncate", PLAIN)) == "She gets 400 for 40 hours.\n\nSo she earns $460."
    assert text(made("delete-steps", PLAIN, share=0.9)) == "So she earns $460."
    assert text(made("shuffle-steps", PLAIN)).startswith("She gets 60")
    assert "So she earns $460." in text(made("pivots-only", PLAIN, density=1000)).splitlines()


@pytest.mark.parametrize("how", ["cut", "choose"])
def test_lengths_match_a_number_or_another_arm(how: str, tmp_path: Path) -> None:
    for wanted in (23, 30, 43):
        assert abs(_text.counted([text(made("length-match", to=wanted, how=how))]) - wanted) <= wanted * 0.1
    other = [Trace("o/0", "p", "m", "x", "one two " * 18), Trace("o/1", "p", "m", "x", "one two " * 5)]
    tables.write_records(Trace, other, tmp_path / "other.parquet")
    changed = made("length-match", to=str(tmp_path / "other.parquet"), how=how)
    assert changed == made("length-match", to=23, how=how) and isinstance(changed, Trace)


def test_lengths_match_an_arm_whose_traces_are_known_only_when_it_runs(tmp_path: Path) -> None:
    tables.write_records(Trace, [Trace("o/0", "p", "m", "x", "one two " * 12)], tmp_path / "ST.parquet")
    planned = LengthMatch(arm="ST")
    changed = replace(planned, traces=tmp_path / "ST.parquet").vary(TRACE, PROBLEM, Random(0))
    assert abs(_text.counted([text(changed)]) - 25) <= 3
    with pytest.raises(StudyError, match="no traces of an arm 'ST' here") as caught:
        planned.vary(TRACE, PROBLEM, Random(0))
    assert "to: TABLE" in caught.value.hint
    with pytest.raises(StudyError, match="one of them"):
        LengthMatch(to=5, arm="ST")


def test_lengths_that_cannot_match_are_told(tmp_path: Path) -> None:
    assert made("length-match", to=500) == Skip("is shorter than it is to be")
    assert made("length-match", to=2) == Skip("has no steps that come near the length")
    tables.write_records(Trace, [], tmp_path / "none.parquet")
    assert made("length-match", to=str(tmp_path / "none.parquet")) == Skip("has no counterpart to be as long as")
    with pytest.raises(InputError, match="no table"):
        made("length-match", to="nowhere.parquet")


def test_every_phrase_that_is_put_in_is_one_pivot_of_its_type() -> None:
    for kind, known in PROSE.items():
        for phrase in known:
            assert [found for *_, found in spans(f"{phrase} The rug costs 5.")] == [kind], phrase


def test_pivots_go_in_at_a_density_and_of_all_types() -> None:
    steps = replace(TRACE, reasoning=" ".join(f"The rug number {n} costs {n} dollars today." for n in range(100)))
    for density, wanted in ((10, 8), (50, 40), (1000, 100)):
        found = Counter(kind for *_, kind in spans(text(made("pivots-only", steps, density=density))))
        assert found.total() == wanted and set(found) == set(TYPES)
        assert max(found.values()) - min(found.values()) <= 1


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *(("truncate", {"keep": keep}) for keep in (0, 1, -1)),
        *(("delete-steps", {"share": share}) for share in (0.0, 1.0)),
        *(("pivots-only", {"density": density}) for density in (0, -3)),
        *(("truncate", {"words": 0}), ("length-match", {"to": 0}), ("length-match", {}), ("st-hc-w", {"ways": []})),
        ("st-hc-w", {"ways": ["guess"]}),
    ],
)
def test_impossible_settings_are_refused(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(StudyError):
        made(name, **parameters)


# --- endings ---


def test_a_number_is_bent_where_it_concludes_and_nowhere_before() -> None:
    for seed in range(20):
        bent = made("st-hc-w", seed=seed)
        assert isinstance(bent, Trace) and bent.reasoning
        assert GSM8K.grade(PROBLEM, bent.response).value == 0
        wrong = re.search(r"answer is \$([0-9]+)\.00\.$", bent.reasoning)
        assert wrong and bent.reasoning.rpartition("So the")[0] == REASONING.rpartition("So the")[0]
        assert bent.response == RESPONSE.replace("460", wrong[1])


@pytest.mark.parametrize(
    ("way", "found"),
    [("unit", {"461", "459"}), ("digits", {"640", "406"}), ("intermediate", {"400"}), ("sign", set())],
)
def test_each_way_to_bend_a_number(way: _bending.Way, found: set[str]) -> None:
    assert set(_bending.candidates("460", PROBLEM.prompt, REASONING, (way,), Random(0))) == found


@pytest.mark.parametrize(
    ("answer", "way", "found"),
    [
        ("-5", "sign", {"5"}),
        ("0", "unit", {"1"}),
        ("2.5", "unit", {"2.6", "2.4"}),
        ("10", "digits", set()),
        ("77", "digits", set()),
        ("3/4", "unit", set()),
        ("x^2", "unit", set()),
    ],
)
def test_other_numbers(answer: str, way: _bending.Way, found: set[str]) -> None:
    assert set(_bending.candidates(answer, "?", "It is -3.", (way,), Random(0))) == found


@pytest.mark.parametrize(
    ("before", "answer", "wrong", "after"),
    [
        (
            r"\boxed{1{,}200}, that is $1,200.00 or 1200.",
            "1200",
            "2100",
            r"\boxed{2{,}100}, that is $2,100.00 or 2100.",
        ),
        ("12 is 12.0, not 120, 1.12, 12/5 or x12", "12", "13", "13 is 13.0, not 120, 1.12, 12/5 or x12"),
        ("from 5 - 12 to -12", "-12", "12", "from 5 - 12 to 12"),
        ("The answer is (B). A bee.", "B", "C", "The answer is (C). A bee."),
        (r"A cat. So \boxed{A}", "A", "D", r"A cat. So \boxed{D}"),
        (r"\frac{1}{2}x, and xy", r"\frac{1}{2}x", "2x", "2x, and xy"),
    ],
)
def test_an_answer_is_replaced_however_it_is_written(before: str, answer: str, wrong: str, after: str) -> None:
    assert _bending.replaced(before, answer, wrong) == after


def test_a_letter_becomes_that_of_another_choice() -> None:
    question = "Which is blue?\n(A) sky\n(B) grass\n(C) blood"
    assert set(_bending.candidates("A", question, "", _bending.WAYS, Random(0))) == {"B", "C"}
    assert set(_bending.candidates("B", "Which?", "", _bending.WAYS, Random(0))) == {"A", "C", "D"}


@pytest.mark.parametrize(
    ("response", "reason"),
    [("She earns $461.", "is not right"), ("I do not know.", "cannot be read"), ("So 460.", None)],
)
def test_only_right_answers_are_bent(response: str, reason: str | None) -> None:
    bent = made("st-hc-w", replace(TRACE, response=response))
    assert isinstance(bent, Trace) if reason is None else isinstance(bent, Skip) and reason in bent.reason


# --- real traces ---

real = pytest.mark.skipif(not MIP.is_dir(), reason="the released traces are not here")


@real
@pytest.mark.parametrize(("file", "n"), [("deepseekR1", 40), ("QwQ", 25), ("gpt4o", 40)])
@pytest.mark.parametrize("name", [*CONTROLS, "st-hc-w"])
def test_what_is_declared_holds_of_real_traces(file: str, n: int, name: str) -> None:
    task = registry.build("tasks", Piece("gsm8k", {"test": str(MIP / "questions_gsm8k.jsonl.gz")}))
    problems = {problem.problem_id: problem for problem in task.problems("test", None, 0)}
    frame = next(iter(exchange.traces([MIP / f"gsm8k_wellposed_{file}.jsonl.gz"], task="gsm8k"))).head(n)
    before = [trace for trace in tables.to_records(Trace, frame) if trace.problem_id in problems]
    variant = registry.build("variants", Piece(name, {}), task=task)
    after = vary(before, problems, variant, name, "b", 0)
    scores = verify(after, problems, task)
    found = check("b", name, variant, {trace.trace_id: trace for trace in before}, after, scores)
    assert found["value"].to_list() == [1.0] * len(found), found
    right = sum(score.value == 1 for score in verify(before, problems, task))
    assert min(found["n"].to_list()) >= (right - 1 if name == "st-hc-w" else n)


# --- the command ---


def test_the_command_changes_a_file_and_says_what_held(understudy: Understudy, tmp_path: Path) -> None:
    task = "{gsm8k: {}}"
    problem = GSM8K.problems("train", 1, 0)[0]
    right = Trace("a", "x", "m", f"So {problem.answer}.", REASONING, metadata={"prompt": problem.prompt})
    rows = [right, replace(right, trace_id="b", error="no reply", finish_reason="error")]
    rows = [replace(row, problem_id=problem.problem_id) for row in rows]
    tables.write_records(Trace, rows, tmp_path / "in.parquet")
    arguments = ("vary", tmp_path / "in.parquet", "--variant", "{truncate: {keep: 0.5}}", "--task", task)
    done = understudy(*arguments, "--out", tmp_path / "out.parquet")
    assert done.returncode == 0, done.stderr
    assert re.search(r"truncate +2 +1 +0 +1 +0", done.stdout) and re.search(r"makes shorter +100\.0 +1", done.stdout)
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert out["parent_id"].to_list() == ["a", None] and out["variant"].to_list() == ["truncate", None]
    found = understudy(*arguments, "--json")
    assert '"claim": "keeps ending"' in found.stdout and '"left out": 0' in found.stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--variant", "wrong-ending"), "needs the task"),
        (("--variant", "truncat"), "did you mean 'truncate'"),
        (("--variant", "{truncate: {kep: 1}}"), "did you mean 'keep'"),
        (("--variant", "truncate", "--out", "x.csv"), "names no Parquet file"),
    ],
)
def test_mistakes_of_the_command(arguments: tuple[str, ...], hint: str, understudy: Understudy, tmp_path: Path) -> None:
    tables.write_records(Trace, [TRACE], tmp_path / "in.parquet")
    done = understudy("vary", tmp_path / "in.parquet", *arguments)
    assert done.returncode == 2 and hint in done.stderr and "Traceback" not in done.stderr
