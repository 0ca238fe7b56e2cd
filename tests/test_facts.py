"""Tasks whose traces are checked by rule over facts: reading, writing and checking traces, answers, and their files."""

import csv
import gzip
import json
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy import registry
from understudy.errors import InputError, StudyError, UnknownName
from understudy.protocols import RescoredTask, RuledTask, ScriptedTask
from understudy.registry import Piece
from understudy.tasks import problem_id
from understudy.tasks._facts import check
from understudy.tasks._facts_answers import grade, normal, read
from understudy.tasks._facts_reading import stated_class, stated_facts
from understudy.tasks._facts_released import released
from understudy.tasks.babi import Babi
from understudy.tasks.cotempqa import RELATIONS, RELEASED, Cotempqa
from understudy.tasks.marco import Marco
from understudy.types import Problem, Score, Skip, Trace

DATA = Path(__file__).parents[2] / "shared" / "data"
OUTPUTS = DATA / "unlicensed"
needs_data = pytest.mark.skipif(not OUTPUTS.is_dir(), reason="the public data beside the repository are not here")

FACTS = [
    "Ana Reis works for Mill & Sons, Inc. from May 3, 2001 to 2004.",
    "Ana Reis works for Mill & Sons, Inc. from May 3, 2001 to 2005.",
    "Ana Reis holds the position of Minister for Water (Norway) in July, 1999.",
    "Zoë Lund attended St. Paul's School in 1987.",
    "Bo Li is a member of the Ocean–Sky Party in 2010.",
    "小明去了厨房。",
]
NEED = "I need to use the following facts to answer the question:"


def values(scores: list[Score]) -> list[float | None]:
    return [score.value for score in scores]


# --- what a trace states ---


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("The temporal relation between the event in question and the event in context is: equal.", ("equal", True)),
        ("the category of the question asked is 'During'", ("during", True)),
        ("**Relation:** overlap\nmore", ("overlap", True)),
        ("This is an overlap question.", ("overlap", True)),
        ("关系：mix。", ("mix", True)),
        ("The relation is: equal. No, the relation is: mix.", ("mix", True)),
        ("The relation is: equal or during.", ("equal or during", False)),
        ("The relation is: before.", ("before", False)),
        ("The relation is: equally long.", ("equally long", False)),
        ("The relation is not: equal.", None),
        ("The relation isn't: equal.", None),
        ("The relation is not equal.", None),
        ("kind = (overlap)", ("overlap", True)),
        ("The temporal relation -> during", ("during", True)),
        ("<relation>mix</relation>", ("mix", True)),
        ("Let me see.\n**Overlap**\n", ("overlap", True)),
        ("Relation:\n\nequal.", ("equal", True)),
        ("It may be one of:\nequal\nduring\nmix", None),
        ("not\nan equal one", None),
        ("Which position did she hold during the same time span? They are equal.", None),
        (f"{NEED} ['The relation is: equal.']", None),
        ("", None),
    ],
)
def test_class_is_read_where_it_is_stated_and_nowhere_else(text: str, stated: tuple[str, bool] | None) -> None:
    assert stated_class(text, RELATIONS) == stated


@pytest.mark.parametrize("name", ["single-supporting-fact", "Single supporting fact", "SINGLE_SUPPORTING_FACT"])
def test_class_may_be_spelled_with_hyphens_or_spaces(name: str) -> None:
    assert stated_class(f"The kind of question is: {name}.", ["lists-sets", "single-supporting-fact"]) == (
        "single-supporting-fact",
        True,
    )


FORMS: dict[str, Callable[[list[str]], str]] = {
    "Python": repr,
    "JSON": json.dumps,
    "JSON, no spaces": lambda facts: json.dumps(facts, ensure_ascii=False, separators=(",", ":")),
    "no quotes": lambda facts: f"[{' '.join(facts)}]",
    "unescaped": lambda facts: "[" + ", ".join(f"'{fact}'" for fact in facts) + "]",
    "typographic": lambda facts: "[" + ", ".join(f"“{fact.replace(chr(39), '’')}”" for fact in facts) + "]",
    "cut off": lambda facts: repr(facts)[:-1],
    "bullets": lambda facts: "\n" + "\n".join(f"- {fact}" for fact in facts),
    "numbers": lambda facts: "\n\n" + "\n".join(f"{place}. {fact}" for place, fact in enumerate(facts, 1)),
    "numbers with gaps": lambda facts: "\n\n".join(f"({place}) *{fact}*" for place, fact in enumerate(facts, 1)),
    "labels": lambda facts: "\n".join(f"Fact {place}: {fact}" for place, fact in enumerate(facts, 1)),
    "no full stop": lambda facts: "\n".join(fact.rstrip(".。") for fact in facts),
    "upper case": lambda facts: "\n".join(facts).upper(),
    "sentences": " ".join,
    "spaced": lambda facts: " ; ".join(fact.rstrip(".") + " ." for fact in facts).replace(" ", "  "),
    "semicolons": lambda facts: "; ".join(fact.rstrip(".") for fact in facts),
    "NFD": lambda facts: unicodedata.normalize("NFD", repr(facts)),
    "hyphens": lambda facts: repr(facts).replace("–", "-"),
    "no commas": lambda facts: "\n".join(fact.replace(",", "") for fact in facts),
}


@settings(max_examples=30, deadline=None)
@given(wanted=st.lists(st.sampled_from(range(len(FACTS))), min_size=1, unique=True), concluded=st.booleans())
@pytest.mark.parametrize("form", FORMS)
def test_facts_are_read_in_any_form(form: str, wanted: list[int], concluded: bool) -> None:
    text = f"The relation is: equal.\n{NEED} {FORMS[form]([FACTS[place] for place in wanted])}"
    text += "\nSo the answer is Ana." if concluded and form != "cut off" else ""
    assert stated_facts(text, FACTS) == (frozenset(wanted), ())


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from([0, 2, 3, 4]), form=st.sampled_from(sorted(FORMS)), year=st.integers(1000, 2999))
def test_a_fact_with_another_date_is_another_fact(place: int, form: str, year: int) -> None:
    fact = FACTS[place]
    old = fact.rstrip(".")[-4:]
    changed = fact.replace(old, str(year))
    listed = stated_facts(f"{NEED} {FORMS[form]([changed])}", FACTS)
    assert listed is not None
    assert (place in listed.found) == (changed == fact)
    assert bool(listed.foreign) == (changed not in FACTS)


@pytest.mark.parametrize(
    "other",
    [
        "Zoe Lund attended St. Paul's School in 1987.",
        "Zoë Lund attended St. Paul's School in 1987, 1988.",
        "Zoë Lund attended St. Paul's School.",
        "Old Zoë Lund attended St. Paul's School in 1987.",
        "Zoë Lund attended St. Paul's School in 1987 and left.",
        "Zoë Lund never attended St. Paul's School in 1987.",
        "Zoë Lund attended St. Peter's School in 1987.",
    ],
)
def test_a_fact_with_other_words_is_another_fact(other: str) -> None:
    listed = stated_facts(f"{NEED} {[other]}", FACTS)
    assert listed is not None and not listed.found and listed.foreign


@pytest.mark.parametrize("form", FORMS)
def test_facts_of_several_lines_with_marks_in_them_are_read_in_any_form(form: str) -> None:
    facts = [
        'She said:\n\t"I came; I saw."',
        "A backslash \\nu, and it's 'quoted'.",
        "Zed & Co.; Wye, Inc. (est. 1990)",
    ]
    assert stated_facts(f"{NEED} {FORMS[form](facts)}", facts) == (frozenset(range(3)), ())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{NEED} ['{FACTS[3]}']\nFacts that I do not need: ['{FACTS[4]}']", {3}),
        (f"Irrelevant facts:\n- {FACTS[4]}\nRelevant facts:\n- {FACTS[3]}", {3}),
        (f"Relevant facts:\n- {FACTS[3]}\nIgnored facts:\n- {FACTS[4]}\n", {3}),
        (f"I don't need to use the following facts: {FACTS[4]}", None),
    ],
)
def test_facts_that_a_trace_sets_aside_are_not_those_it_uses(text: str, found: set[int] | None) -> None:
    assert stated_facts(text, FACTS) == (None if found is None else (frozenset(found), ()))
    assert stated_class(f"{text}\n\nThe relation is: mix.", RELATIONS) == ("mix", True)


def test_a_shorter_fact_is_not_read_inside_of_a_longer_one() -> None:
    facts = ["Bo ran.", "Bo ran to Orle in May.", "Bo ran to Orle in May, 2001."]
    for place, fact in enumerate(facts):
        assert stated_facts(f"{NEED} ['{fact}']", facts) == (frozenset({place}), ())
    listed = stated_facts(f"{NEED} ['Bo ran to Orle in May, 2002.']", facts)
    assert listed is not None and not listed.found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"Hmm. {FACTS[3]} That settles it: she was at St. Paul's.", {3}),
        (f"Context:\n1) {FACTS[0]}\n2) {FACTS[2]}\nI compare them.", {0, 2}),
        ("I think that it is Ana.", None),
        (f"{NEED} ", None),
        (f"{NEED} []", set()),
        (f"{NEED} [  ]\nSo it is Bo.", set()),
        (f"{NEED} ['{FACTS[0]}']\n{NEED} ['{FACTS[3]}']", {3}),
        (f"{NEED} ['{FACTS[3]}'] [answer] '{FACTS[0]}'", {3}),
    ],
)
def test_facts_are_null_where_none_are_listed(text: str, found: set[int] | None) -> None:
    listed = stated_facts(text, FACTS)
    assert listed == (None if found is None else (frozenset(found), ()))


@pytest.mark.parametrize(
    ("label", "listed", "expected"),
    [
        ("equal", [0, 3], [1, 1, 1, 1, 1]),
        ("equal", [3, 0, 2], [1, 1, 1, 1, 0]),
        ("equal", [3], [0, 1, 1, 0, 0]),
        ("equal", [2], [0, 1, 0, 0, 0]),
        ("mix", [0, 3], [0, 0, 1, 1, 1]),
        (None, [0, 3], [None, None, 1, 1, 1]),
        (None, [2], [0, None, 0, 0, 0]),
        ("equal", None, [None, 1, None, None, None]),
        ("mix", None, [0, 0, None, None, None]),
        (None, None, [None] * 5),
    ],
)
def test_trace_needs_class_and_facts_and_is_null_where_it_does_not_say(
    label: str | None, listed: list[int] | None, expected: list[float | None]
) -> None:
    text = f"The relation is: {label}.\n" if label else ""
    text += f"{NEED} {[FACTS[place] for place in listed]}" if listed is not None else ""
    scores = check(text, "equal", RELATIONS, FACTS, [FACTS[0], FACTS[3]], "all-facts")
    assert [score.grader for score in scores] == ["trace", "class", "any-fact", "all-facts", "exact-facts"]
    assert values(scores) == expected


@pytest.mark.parametrize(("rule", "trace"), [("any-fact", 1), ("all-facts", 1), ("exact-facts", 0)])
def test_rule_says_which_facts_a_right_trace_lists(rule: Any, trace: float) -> None:
    text = f"The relation is: equal.\n{NEED} ['{FACTS[3]}', 'Pigs fly in 1987.']"
    assert check(text, "equal", RELATIONS, FACTS, [FACTS[3]], rule)[0].value == trace


def test_unknown_class_is_not_scored() -> None:
    text = f"The relation is: equal.\n{NEED} ['{FACTS[3]}']"
    assert values(check(text, None, RELATIONS, FACTS, [FACTS[3]], "all-facts")) == [None, None, 1, 1, 1]


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=300) | st.text("[]'\",.: \nfacts use is relation equal\\x", max_size=200))
def test_any_text_is_checked(text: str) -> None:
    scores = check(f"{text}\n{NEED}{text}", "equal", RELATIONS, FACTS, FACTS[:2], "exact-facts")
    assert all(score.value in (None, 0, 1) for score in scores)
    assert all((score.answer or "").encode() is not None for score in scores)


HOSTILE = {
    "facts": lambda n: f"{NEED} {[f'Person {i} ran in May, {i}.' for i in range(n // 30)]}",
    "quotes": lambda n: NEED + "'" * n,
    "brackets": lambda n: NEED + '["' * (n // 2),
    "newlines": lambda n: "\n" * n,
    "spaces": lambda n: f"relation{' ' * n}is:{' ' * n}",
    "cues": lambda n: "relation is " * (n // 12),
    "needs": lambda n: "use facts " * (n // 10),
    "commas": lambda n: ',"x' * (n // 3),
    "Chinese": lambda n: "事实：他去了厨房。" * (n // 9),
    "bullets": lambda n: "facts:\n" + "- a\n" * (n // 4),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_checking_takes_time_in_proportion_to_the_text(kind: str) -> None:
    facts = [f"Person {i} ran in May, {i}." for i in range(2_000)]

    def took(n: int) -> float:
        text = HOSTILE[kind](n)
        start = time.process_time()
        check(text, "equal", RELATIONS, facts, facts[:2], "all-facts")
        grade("exact-set", ["a"], text)
        released(text, "?", facts[:20], "S1_R1_O2", ["a"])
        return time.process_time() - start

    took(1_000)
    assert took(40_000) < 10 * took(10_000) + 0.3  # four times the text; the square would be sixteen times the time


# --- answers ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Cat's  hat!", "cats hat"),
        ("A. B. Yehoshua", "b yehoshua"),
        ("Ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("a", "a"),
        ("«Ж»", "ж"),
        ("हिन्दी", "हिन्दी"),
        ("U.S.", "us"),
    ],
)
def test_answers_are_compared_as_squad_does(text: str, expected: str) -> None:
    assert normal(text) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("['Leeds United', 'York City']", 1),
        ('["York City", "Leeds United"]', 1),
        ("[\"York City\", 'Leeds United']", 1),
        ("</answer>['York City', 'Leeds United']</answer>", 1),
        ("<answer>['York City', 'Leeds United'] ", 1),
        ("York City, Leeds United", 1),
        ("<York City, Leeds United>", 1),
        ("York City and Leeds United.", 1),
        ("- Leeds United\n- York City", 1),
        ("The answer is: Leeds United and the York City.", 1),
        (r"So \boxed{Leeds United, York City}", 1),
        ("['Leeds United']", 0),
        ("['Leeds United', 'York City', 'Hull City']", 0),
        ("[]", 0),
        ("[['Leeds United']]", 0),
        ("['Leeds', 'York City']", 0),
        ("", 0),
        ("I am not sure. " * 40, None),
        ('["\\ud83d"]', 0),
    ],
)
def test_exact_set_compares_the_answers_that_a_response_gives(response: str, expected: float | None) -> None:
    score = grade("exact-set", ["Leeds United", "York City"], response)
    assert score.value == expected
    (score.answer or "").encode()


def test_a_comma_inside_of_an_answer_does_not_part_it() -> None:
    assert grade(
        "exact-set", ["University of California, Santa Barbara"], "University of California, Santa Barbara"
    ).value
    assert grade("exact-set", ["Catholic People's Party"], "['Catholic People\\'s Party']").value == 1
    assert read("['a', 'b, c']") == [("a", "b, c")]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("['x', 'y']", {"exact-set": 1, "any": 1, "contains": 1, "f1": 1}),
        ("['x']", {"exact-set": 0, "any": 1, "contains": 0, "f1": 2 / 3}),
        ("['x', 'z']", {"exact-set": 0, "any": 1, "contains": 0, "f1": 0.5}),
        ("['z']", {"exact-set": 0, "any": 0, "contains": 0, "f1": 0}),
        ("['x', 'y', 'z', 'w']", {"exact-set": 0, "any": 1, "contains": 1, "f1": 2 / 3}),
    ],
)
def test_answer_rules_differ_as_they_say(response: str, expected: dict[str, float]) -> None:
    assert {rule: grade(rule, ["x", "y"], response).value for rule in expected} == pytest.approx(expected)


def test_one_of_several_ways_to_put_an_answer_is_enough() -> None:
    right = ["61 metres", "It is 61 metres tall."]
    assert grade("exact-set", right, "61 metres", alternatives=True).value == 1
    assert grade("exact-set", right, "61 metres").value == 0
    assert grade("contains", right, "It stands 61 metres tall, I think.", alternatives=True).value == 1
    assert grade("f1", right, "61 feet", alternatives=True).value == pytest.approx(0.5)
    with pytest.raises(UnknownName, match="no answer rule 'exact'"):
        grade("exact", right, "x")


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200) | st.text("[]'\", answer is:\\boxed{}<>\n", max_size=120))
@pytest.mark.parametrize("rule", ["exact-set", "any", "contains", "f1"])
def test_any_response_is_graded(rule: str, text: str) -> None:
    score = grade(rule, ["is"], text)
    assert score.value is None or 0 <= score.value <= 1


# --- tasks ---

TASKS = ["cotempqa", "babi", "marco"]


@pytest.mark.parametrize("rule", ["any-fact", "all-facts", "exact-facts"])
@pytest.mark.parametrize("name", TASKS)
def test_written_traces_are_right_or_wrong_at_every_step(name: str, rule: str) -> None:
    task = registry.build("tasks", Piece(name, {"rule": rule}))
    assert isinstance(task, ScriptedTask) and isinstance(task, RuledTask)
    assert next(iter(task.answer_rules)) == "exact-set"
    for problem in [*task.problems("train", None, 0), *task.problems("test", None, 0)]:
        right, wrong = (task.write_trace(problem, correct, Random(1)) for correct in (True, False))
        assert right is not None and wrong is not None
        assert values(task.check_trace(problem, right, "")) == [1] * 5
        assert values(task.check_trace(problem, wrong, "")) == [0] * 5
        assert wrong == task.write_trace(problem, False, Random(1))


@pytest.mark.parametrize("name", TASKS)
def test_variants_write_the_reasoning_and_keep_the_response(name: str) -> None:
    task = registry.build("tasks", Piece(name, {}))
    problem = task.problems("test", 1, 0)[0]
    trace = Trace("t", problem.problem_id, "m", problem.answer, "whatever")
    for variant, value in (("facts-correct", 1), ("facts-incorrect", 0)):
        changed = registry.build("variants", Piece(variant, {}), task=task).vary(trace, problem, Random(0))
        assert changed.response == trace.response
        assert task.check_trace(problem, changed.reasoning, changed.response)[0].value == value
        unknown = Problem("p", name, "?", "[]", "test", {**problem.metadata, "class": None})
        assert isinstance(
            registry.build("variants", Piece(variant, {}), task=task).vary(trace, unknown, Random(0)), Skip
        )


def test_variants_want_a_task_that_writes_traces() -> None:
    with pytest.raises(StudyError, match="no scripted task"):
        registry.build("variants", Piece("facts-correct", {}), task=registry.build("tasks", Piece("gsm8k", {})))


# --- CoTempQA files ---


def row(number: int = 0, **changed: Any) -> dict[str, Any]:
    facts = [f"Bo works for Place {number} in 2001.", "Bo works for Mill in 2001.", "Bo works for Kiln in 1990."]
    question = f"While Bo was working for Place {number}, where did Bo work?"
    return {
        "index": number,
        "triple_element": "S1_R1_O2",
        "question": question,
        "facts": facts,
        "answer": ["Mill"],
    } | changed


def lines(path: Path, *rows: dict[str, Any]) -> str:
    text = "".join(json.dumps(item) + "\n" for item in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path.name


def outputs(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress((OUTPUTS / name).read_bytes()).decode().splitlines()]


def table(path: Path, *rows: dict[str, Any]) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path.name


def test_cotempqa_reads_json_lines_and_csv_alike(tmp_path: Path) -> None:
    plain, zipped = lines(tmp_path / "equal.json", row(1), row(2)), lines(tmp_path / "a_mix.jsonl.gz", row(3))
    csv_file = table(tmp_path / "test.csv", row(4, label="during"), row(5, label="overlap"))
    task = registry.build("tasks", Piece("cotempqa", {"train": [plain, zipped], "test": csv_file}), root=tmp_path)
    train, test = task.problems("train", None, 0), task.problems("test", None, 0)
    assert [(p.metadata["class"], p.metadata["class_from"]) for p in train] == [("equal", "file name")] * 2 + [
        ("mix", "file name")
    ]
    assert [(p.metadata["class"], p.metadata["class_from"]) for p in test] == [
        ("during", "label"),
        ("overlap", "label"),
    ]
    assert test[0].metadata["gold_facts"] == ["Bo works for Mill in 2001."]
    assert test[0].answer == '["Mill"]' and test[0].metadata["row"] == "test.csv:1"
    assert test[0].prompt.startswith("Bo works for Place 4 in 2001.\n")


def test_cotempqa_class_is_null_where_nothing_says_it(tmp_path: Path) -> None:
    name = lines(tmp_path / "rows.jsonl", row())
    assert Cotempqa(test=name, root=tmp_path).problems("test", None, 0)[0].metadata["class"] is None
    found = Cotempqa(test=name, root=tmp_path, label="mix").problems("test", None, 0)[0].metadata
    assert (found["class"], found["class_from"]) == ("mix", "parameter")


def test_copies_are_merged_and_counted_and_must_agree(tmp_path: Path) -> None:
    copies = lines(tmp_path / "equal.jsonl", row(1), row(1), row(2))
    problems = Cotempqa(test=copies, root=tmp_path).problems("test", None, 0)
    assert [p.metadata["copies"] for p in problems] == [2, 1]
    odd = lines(tmp_path / "odd.jsonl", row(1), row(1, answer=["Kiln"]))
    with pytest.raises(InputError, match=r"odd.jsonl:1 and odd.jsonl:2 ask the same with other answers"):
        Cotempqa(test=odd, root=tmp_path).problems("test", None, 0)


def test_a_copy_without_a_class_takes_that_of_the_other_and_classes_must_agree(tmp_path: Path) -> None:
    unsaid, said = lines(tmp_path / "unsaid.jsonl", row(1)), lines(tmp_path / "said.jsonl", row(1, label="during"))
    for files in ((unsaid, said), (said, unsaid)):
        (found,) = Cotempqa(test=files, root=tmp_path).problems("test", None, 0)
        assert (found.metadata["class"], found.metadata["class_from"]) == ("during", "label")
    other = lines(tmp_path / "equal.jsonl", row(1))
    with pytest.raises(InputError, match=r"said.jsonl:1 and equal.jsonl:1 ask the same in other classes"):
        Cotempqa(test=(said, other), root=tmp_path).problems("test", None, 0)


def test_a_file_that_is_cut_off_is_refused_without_a_hint_at_options_that_there_are_not(tmp_path: Path) -> None:
    lines(tmp_path / "equal.jsonl.gz", *map(row, range(200)))
    whole = (tmp_path / "equal.jsonl.gz").read_bytes()
    (tmp_path / "equal.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut off") as caught:
        Cotempqa(test="equal.jsonl.gz", root=tmp_path).problems("test", None, 0)
    assert "--keep-readable" not in caught.value.hint


def test_a_question_of_the_test_split_is_left_out_of_training(tmp_path: Path) -> None:
    both = lines(tmp_path / "equal.jsonl", row(1), row(2)), lines(tmp_path / "mix.jsonl", row(2), row(3))
    task = Cotempqa(train=both[0], test=both[1], root=tmp_path)
    assert [p.metadata["index"] for p in task.problems("train", None, 0)] == [1]
    assert [p.metadata["index"] for p in task.problems("test", None, 0)] == [2, 3]


@pytest.mark.parametrize(
    "broken",
    [
        {"question": " "},
        {"facts": []},
        {"facts": "['a"},
        {"facts": "__import__('os').system('touch broken')"},
        {"facts": "[" * 5000},
        {"answer": None},
        {"answer": [1]},
    ],
)
def test_cotempqa_refuses_a_row_that_is_no_question(tmp_path: Path, broken: dict[str, Any]) -> None:
    name = lines(tmp_path / "equal.jsonl", row(1), row(2, **broken))
    with pytest.raises(InputError, match="row 2 is no question"):
        Cotempqa(test=name, root=tmp_path).problems("test", None, 0)
    assert not Path("broken").exists()


def test_split_without_a_file_and_missing_files_are_refused(tmp_path: Path) -> None:
    name = lines(tmp_path / "equal.jsonl", row(1))
    with pytest.raises(InputError, match="cotempqa has no train file"):
        Cotempqa(test=name, root=tmp_path).problems("train", None, 0)
    with pytest.raises(InputError, match="there is no file"):
        Cotempqa(test="nowhere.jsonl", root=tmp_path)


# --- outputs of others ---


def output(prediction: str, number: int = 1, **changed: Any) -> dict[str, Any]:
    told = row(number, **changed)
    return {
        **{k: v for k, v in told.items() if k not in ("index", "answer")},
        "gold": told["answer"],
        "prediction": prediction,
    }


def test_outputs_are_joined_by_id_and_carry_their_gold() -> None:
    task = Cotempqa()
    assert isinstance(task, RescoredTask)
    problem = task.problem_of(output("x"), "mix_llama.jsonl")
    assert problem is not None and problem.problem_id == task.identify(output("y")) != task.identify(output("x", 2))
    assert (problem.answer, problem.metadata["class"], problem.metadata["class_from"]) == (
        '["Mill"]',
        "mix",
        "file name",
    )
    assert task.identify({"prompt": problem.prompt}) == problem.problem_id == problem_id("cotempqa", problem.prompt)
    assert task.identify(output("x", facts="['a']")) != problem.problem_id
    bare = task.problem_of(output("x"))
    assert bare is not None and bare.metadata["class"] is None
    assert task.identify({"question": 1}) is None and task.identify({}) is None
    assert task.problem_of({"question": "q", "facts": ["f"]}) is None


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ("assistant\n\n<think>T</think> <answer>['A']</answer>", ("T", "['A']", None)),
        ("assistant\n<think>\n\n</think>\n\n['A']", (None, "['A']", None)),
        ("assistant\n<think>\n\n['A', 'B']\n", (None, "['A', 'B']", "stop")),
        ("assistant\n<think>\n\n(['A'])", (None, "(['A'])", "stop")),
        ("assistant\n<think>\nI need to use ['A'", ("I need to use ['A'", "", "length")),
        ("\n\nT\n</think>\n\n <answer>['A']</answer>", ("T", "['A']", None)),
        ("assistant\n\n['A']", (None, "['A']", None)),
        ("", (None, "", None)),
    ],
)
def test_predictions_are_parted_into_reasoning_and_response(prediction: str, expected: tuple[Any, ...]) -> None:
    assert Cotempqa().read(prediction) == expected


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("<think>t</think> <answer>['Mill']</answer>", (1, 1, 1, 1)),
        ("<answer>['Mill', 'Kiln', 'Harbour']</answer>", (1, 1, 1, 1)),  # what is no candidate costs nothing
        ("<answer>['Millers and Sons']</answer>", (1, 1, 1, 1)),  # a name inside of another one counts
        ("I need ['Bo works for Mill in 2001.'] so it is Kiln", (1, 1, 1, 1)),  # the trace counts, if nothing is tagged
        ("<answer>['Kiln']</answer>", (0, 0, 0, 0)),
        ("assistant\n\nmill!", (1, 1, 1, 1)),
        ("", (0, 0, 0, 0)),
    ],
)
def test_released_rule_has_the_quirks_of_the_released_scorer(text: str, counts: tuple[float, ...]) -> None:
    told = row()
    assert released(text, told["question"], told["facts"], "S1_R1_O2", ["Mill"]) == counts


def test_released_rule_counts_several_answers() -> None:
    facts = ["Mill is owned by Bo in 2001.", "Kiln is owned by Bo from 2000 to 2003.", "Barn is owned by Al in 2001."]
    text = "<answer>['Mill', 'Al']</answer>"
    found = released(text, "Which were owned by Bo?", facts, "S2_R1_O1", ["Mill", "Kiln"])
    assert found == (0, 0.5, 0.5, 0.5)  # of this kind of triple the candidates are the owners
    assert released(text, "Which were owned by Bo?", facts, "S1_R1_O2", ["Mill", "Kiln"]) == pytest.approx(
        (0, 2 / 3, 1, 0.5)
    )


@needs_data
def test_released_rule_meets_all_published_figures() -> None:
    published = json.loads((OUTPUTS / "trace_check_qa_published_scores.json").read_text(encoding="utf-8"))
    task = Cotempqa()
    assert len(published) == 24
    for name, said in published.items():
        rows = outputs(name)
        problems = [task.problem_of(row, name) for row in rows]
        shares = []
        for rule in RELEASED:
            scores = [task.grade_by(rule, p, r["prediction"]).value for p, r in zip(problems, rows, strict=True)]
            shares.append(round(100 * sum(scores) / len(scores), 1))
        assert shares == pytest.approx(list(said["published"].values()), abs=0.1), name


@needs_data
def test_released_outputs_join_the_gold_files_in_full() -> None:
    files = tuple(f"benchmarks/cotempqa_{split}.jsonl.gz" for split in ("equal", "mix", "overlap"))
    task = Cotempqa(test=files, root=DATA)
    gold = {problem.problem_id: problem for problem in task.problems("test", None, 0)}
    assert Counter(problem.metadata["class"] for problem in gold.values()) == {"equal": 436, "mix": 563, "overlap": 653}
    cells: Counter[tuple[float | None, float | None]] = Counter()
    for split in ("equal", "mix"):
        name = f"trace_check_qa_cotempqa_{split}_llama-3.2-1b_sft_reasoning_facts.jsonl.gz"
        for row in outputs(name):
            problem, own = gold[task.identify(row) or ""], task.problem_of(row, name)
            assert own is not None and own.answer == problem.answer
            assert all(own.metadata[key] == problem.metadata[key] for key in ("class", "gold_facts", "triple_element"))
            reasoning, response, _ = task.read(row["prediction"])
            verdict = task.check_trace(problem, reasoning or "", response)[0].value
            cells[verdict, task.grade(problem, response).value] += 1
    assert cells == {(1, 1): 46, (1, 0): 2, (0, 1): 10, (0, 0): 140, (None, 1): 2}


# --- bAbI files ---

STORY = """1 Mary got the milk.
2 John went home.
3 What has Mary? \tmilk\t1
4 Mary got the apple.
5 What has Mary? \tmilk,apple\t1 4
1 John ran.
2 Who ran? |John|1
"""


def test_babi_reads_stories_with_tabs_or_bars(tmp_path: Path) -> None:
    (tmp_path / "qa8_lists-sets_test.txt").write_text(STORY, encoding="utf-8")
    problems = Babi(test="qa8_lists-sets_test.txt", root=tmp_path).problems("test", None, 0)
    told = [(p.metadata["facts"], p.metadata["gold_facts"], p.answer) for p in problems]
    assert told == [
        (["Mary got the milk.", "John went home."], ["Mary got the milk."], '["milk"]'),
        (
            ["Mary got the milk.", "John went home.", "Mary got the apple."],
            ["Mary got the milk.", "Mary got the apple."],
            '["milk", "apple"]',
        ),
        (["John ran."], ["John ran."], '["John"]'),
    ]
    assert {p.metadata["class"] for p in problems} == {"lists-sets"}
    task = Babi()
    assert values(task.check_trace(problems[2], task.write_trace(problems[2], False, Random(0)), "")) == [0] * 5


def test_babi_takes_the_rows_of_its_split_and_kinds(tmp_path: Path) -> None:
    files = ["qa1_single-supporting-fact_train", "qa1_single-supporting-fact_test", "qa19_path-finding_test"]
    texts = ["1 A ran.\n2 Who ran?\tA\t1", "1 B ran.\n2 Who ran?\tB\t1", "1 N is up.\n2 How?\tn,w\t1"]
    made = [{"path": f"en/{name}.txt", "text": text} for name, text in zip(files, texts, strict=True)]
    name = lines(tmp_path / "babi.jsonl.gz", *made)
    task = Babi(train=name, test=name, root=tmp_path)
    assert [p.answer for p in task.problems("train", None, 0)] == ['["A"]']
    assert [p.answer for p in task.problems("test", None, 0)] == ['["B"]']
    some = registry.build("tasks", Piece("babi", {"test": name, "kinds": [19, "counting"]}), root=tmp_path)
    assert [p.answer for p in some.problems("test", None, 0)] == ['["n,w"]']


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("qa1_single-supporting-fact_test.txt", "Mary ran.\n", "line 1 has no number"),
        ("qa1_single-supporting-fact_test.txt", "1 A ran.\n2 Who?\tA\t7\n", "line 2 asks without"),
        ("stories.txt", "1 A ran.\n", "is no bAbI file"),
    ],
)
def test_babi_refuses_other_files(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        Babi(test=name, root=tmp_path).problems("test", None, 0)


def test_babi_refuses_kinds_that_there_are_not() -> None:
    with pytest.raises(StudyError, match="no kind 'countin'") as error:
        Babi(kinds=("countin", 1))
    assert "counting" in error.value.hint
    with pytest.raises(StudyError, match="two kinds"):
        Babi(kinds=(7,))


@needs_data
def test_babi_file_has_the_questions_that_it_should() -> None:
    task = Babi(train="babi_en_1k.jsonl.gz", test="babi_en_1k.jsonl.gz", root=DATA / "benchmarks", kinds=(1, 4, 18))
    test, train = task.problems("test", None, 0), task.problems("train", None, 0)
    for problems in (test, train):
        assert all(p.metadata["gold_facts"] for p in problems)
    assert Counter(p.metadata["class"] for p in test) == {
        "single-supporting-fact": 999,
        "two-arg-relations": 933,
        "size-reasoning": 602,
    }
    assert sum(p.metadata["copies"] for p in test) == 3000
    assert sum(p.metadata["copies_with_other_facts"] for p in test) == 14
    assert not {p.problem_id for p in test} & {p.problem_id for p in train}


# --- MARCO-type files ---

LONG = "the tower of orle is one of the tallest towers of the north coast and"
PASSAGES = [f"{LONG} 61 metres tall.", f"{LONG} old.", "Bread is baked daily."]


@pytest.mark.parametrize(
    "passages",
    [
        PASSAGES,
        [{"text": text, "is_selected": int(place == 0)} for place, text in enumerate(PASSAGES)],
        [{"passage_text": text, "is_selected": place == 0} for place, text in enumerate(PASSAGES)],
        {"passage_text": PASSAGES, "is_selected": [1, 0, 0]},
    ],
)
def test_marco_reads_passages_in_every_form(tmp_path: Path, passages: Any) -> None:
    asked = {"query": "how tall is it", "query_type": "numeric", "passages": passages, "answers": ["61 metres", "61 m"]}
    name = lines(tmp_path / "test.jsonl", asked)
    task = Marco(test=name, root=tmp_path)
    (problem,) = task.problems("test", None, 0)
    assert problem.metadata["class"] == "NUMERIC" and problem.metadata["gold_facts"] == PASSAGES[:1]
    assert task.grade(problem, "61 m").value == 1 and task.grade(problem, "['60 m']").value == 0
    for seed in range(5):  # the other passage about the tower shares too many words to be surely wrong
        assert PASSAGES[2] in (task.write_trace(problem, False, Random(seed)) or "")


def test_marco_question_without_an_answer_has_no_trace_to_check(tmp_path: Path) -> None:
    asked = {"query": "why", "query_type": "DESCRIPTION", "passages": PASSAGES, "answers": ["No Answer Present."]}
    task = Marco(test=lines(tmp_path / "test.jsonl", asked), root=tmp_path)
    (problem,) = task.problems("test", None, 0)
    assert task.write_trace(problem, True, Random(0)) is None
    scores = task.check_trace(problem, f"The kind of question is: DESCRIPTION.\n{NEED} []", "")
    assert values(scores) == [None, 1, None, None, None]


@pytest.mark.parametrize(
    "broken",
    [{"query_type": "TALL"}, {"passages": [{"url": "x"}]}, {"passages": "x"}, {"answers": []}, {"query": None}],
)
def test_marco_refuses_a_row_that_is_no_question(tmp_path: Path, broken: dict[str, Any]) -> None:
    asked = {"query": "why", "query_type": "DESCRIPTION", "passages": PASSAGES, "answers": ["x"]} | broken
    with pytest.raises(InputError, match="row 1 is no question"):
        Marco(test=lines(tmp_path / "test.jsonl", asked), root=tmp_path).problems("test", None, 0)
