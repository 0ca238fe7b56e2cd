"""Graders: answers read in free text, and compared; hostile text hangs nothing and runs nothing."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answer_pairs import EQUAL, FRESH, ROWS, UNEQUAL
from conftest import DATA
from understudy.graders import _words, _workers, choice, json_field, math
from understudy.graders.exact import Exact
from understudy.graders.f1 import F1, overlap
from understudy.graders.json_field import JsonField
from understudy.graders.math import Math
from understudy.graders.number import Number
from understudy.graders.set import Set, items
from understudy.types import Problem

PAIRS = DATA / "answer_equivalence" / "nemo_skills_math_equal.jsonl.gz"
QWEN = DATA / "traces" / "qwen2.5_math_cot_100x8.jsonl.gz"
SOLUTIONS = DATA / "traces" / "gpt3_gsm8k_example_model_solutions.jsonl.gz"
BANGLA = DATA / "unlicensed" / "deepseek_r1_bangla_mmlu_10001_11001.jsonl.gz"
ZEROEVAL = DATA / "traces" / "zeroeval"


def problem(answer: str | None, prompt: str = "?") -> Problem:
    return Problem("p", "t", prompt, answer, "test")


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def both_ways(pairs: tuple[tuple[str, str], ...]) -> list[tuple[tuple[str, str], float | None]]:
    given = [*pairs, *((b, a) for a, b in pairs)]
    scores = Math().grade_all([(problem(a), rf"So it is \boxed{{{b}}}.") for a, b in given])
    return [(pair, score.value) for pair, score in zip(given, scores, strict=True)]


def test_the_same_mathematics_is_equal_however_it_is_written() -> None:
    assert [pair for pair, value in both_ways(EQUAL + FRESH[True]) if value != 1] == []


def test_what_only_looks_alike_is_unequal() -> None:
    assert [pair for pair, value in both_ways(UNEQUAL + FRESH[False]) if value != 0] == []


@pytest.mark.parametrize(("kind", "grader"), [("response", Math()), ("choice", choice.Choice())])
def test_whole_responses_are_graded_as_a_reader_would(kind: str, grader: Any) -> None:
    read = [(row, grader.grade(problem(row["reference"], ""), row["answer"])) for row in ROWS if row["kind"] == kind]
    assert [row for row, score in read if score.value != float(row["right"])] == []


@pytest.mark.parametrize(
    ("gold", "response"),
    [
        ("east", "She faces north for 3 seconds and then turns, so that in the end it is a new side that she sees."),
        ("1", "**Answer:** They cannot have any of it for lunch."),
        (r"\text{Navin}", "**Answer:** Navin from Mauritius earns the most of them all."),
    ],
)
def test_a_sentence_that_may_say_the_answer_is_null(gold: str, response: str) -> None:
    assert Math().grade(problem(gold, ""), response).value is None


def test_a_repeated_pair_is_compared_once() -> None:
    hanging = (problem("x+1"), r"\boxed{9^{9^{9^{9}}}}")
    started = time.monotonic()
    scores = Math(seconds=1, workers=1).grade_all([hanging] * 50)
    assert {score.value for score in scores} == {None} and time.monotonic() - started < 40


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{2}, no: \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"$\boxed{2}$ and $\boxed{3}$", "2 , 3"),
        (r"\boxed{2} is one try. It fails, as was shown above, and so \boxed{3}", "3"),
        (r"\boxed 5 apples", "5"),
        (r"\boxed{x+1", "x+1"),
        (r"\fbox{7}", "7"),
        ("It costs 5.\n#### 1,234\n", "1,234"),
        ("5 and 6\nA: 18", "18"),
        (r"The final answer is $\frac{3}{4}$. I hope it is correct.", r"\frac{3}{4}"),
        (r"**Answer:** $x = 2$ or $x = 3$.", "x = 2 , x = 3"),
        ("The answer is:\n\n$$\n(1, 2)\n$$", "(1, 2)"),
        ("**Answer:** Erin has **14 lollipops** left.", "14"),
        (r"Thus \[ x = 3 + 4 = 7. \]", "7"),
        ("She pays $80,000 + $144,000 = $224,000.", "224000"),
        (r"It falls from $9$ to $3$." + "\n\nSo 6 degrees are lost.", "6"),
        ("x^2+1", "x^2+1"),
        ('{"reasoning": "6 + 4 = 10",\n "answer": "10"\n}\n```', "10"),
        ('{"answer": "\\\\frac{1}{2}"}', r"\frac{1}{2}"),
        ("#### Try: Eve = 2\nNo.\n\nAnswer: Ben", "Ben"),
        ("It covers 50 % of it.\n\nAnswer: The Pacific Ocean", "The Pacific Ocean"),
        ("The diagonal of the square is 6√2 centimeters.", "6√2"),
        ("It is ½ × 84 = 42.", "42"),
        ("**Answer:** 1000 people had not voted by 16:00.", "1000"),
        ("**Answer:** Mr. Josue now has $17000 in capital.", "17000"),
        ("A correct answer = 5 points, so he has 5 * 4 = 20 points.", "20"),
        ("\n\n", None),
        ("I cannot say what this is, because too little is known about it.", None),
    ],
)
def test_math_reads_the_answer(text: str, answer: str | None) -> None:
    found = math.find(text)
    assert (found.answer if found else None) == answer


@pytest.mark.parametrize(
    "hanging", ["9^{9^{9^{9}}}", "(10^{10})!", "((((x+1)^{99}+1)^{99}+1)^{99})", "{" * 600 + "}" * 600]
)
def test_an_expression_that_hangs_is_null_and_stops_nothing(hanging: str) -> None:
    pairs = [(problem("x+1"), "1+x"), (problem("x+1"), rf"\boxed{{{hanging}}}"), (problem("y+1"), "1+y")]
    first, hung, last = Math(seconds=0.5, workers=1).grade_all(pairs)
    assert (first.value, hung.value, last.value) == (1, None, 1)
    assert "took longer than 0.5 s" in hung.explanation


@pytest.mark.parametrize("which", ["the process", "its child"])
def test_a_worker_that_dies_costs_one_pair_only(which: str) -> None:
    workers = _workers.Pool(1)
    pairs = [("x+1", f"{n}+x") for n in range(40)]
    try:
        assert workers.compare(pairs, 5).count(True) == 1
        worker = workers._free[0]
        os.kill(worker.child if which == "its child" else worker._process.pid, 9)
        time.sleep(0.5)
        again = workers.compare(pairs, 5)
        assert workers.compare(pairs, 5).index(True) == 1
    finally:
        workers.close()
    assert [verdict for verdict in again if isinstance(verdict, str)] == [_workers.DIED]
    assert again[1:] == [True, *[False] * 38]


def test_many_pairs_that_hang_get_less_time_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "SLOW", 4)
    hanging = [("x+1", f"9^{{9^{{9^{n}}}}}") for n in range(9, 29)]
    fine = [("x+1", f"1+x+{n}-{n}") for n in range(9, 13)]
    pairs = [pair for both in zip(fine, hanging, strict=False) for pair in both] + hanging[4:]
    workers, started = _workers.Pool(1), time.monotonic()
    try:
        said = workers.compare(pairs, 1)
    finally:
        workers.close()
    assert said[:8] == [True, "took longer than 1 s"] * 4
    assert said[8:] == ["took longer than 0.1 s"] * 16
    assert time.monotonic() - started < 4 * 1 + 16 * 0.1 + 10, "no start of a process for each"


HANG = """
import os, sys
from understudy.graders._workers import Pool
pool = Pool(1)
pool.compare([("x+1", "1+x")], 5)
print(pool._free[0]._process.pid, pool._free[0].child, flush=True)
pool.compare([("x+1", sys.argv[1])], 30)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("expression", ["9^{9^{9^{9}}}", "((((x+1)^{99}+1)^{99}+1)^{99})"])
def test_workers_end_at_once_with_whoever_started_them(expression: str, number: int) -> None:
    def runs(pid: str) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    parent = subprocess.Popen([sys.executable, "-c", HANG, expression], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    workers = parent.stdout.readline().split()
    time.sleep(0.3)
    assert len(workers) == 2 and all(map(runs, workers))
    parent.send_signal(number)
    parent.wait(5)
    end = time.monotonic() + 1.0
    while any(map(runs, workers)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(runs, workers))


@pytest.mark.parametrize("text", ["1" * 100_000, "{" * 100_000, r"\frac" * 20_000, "x+" * 50_000, "$" * 99_999])
def test_a_long_answer_is_null_and_quick(text: str) -> None:
    started = time.process_time()
    score = Math().grade(problem("x+1"), rf"\boxed{{{text}}}")
    assert score.value is None and "too long" in score.explanation
    assert time.process_time() - started < 2


@pytest.mark.parametrize("scrap", ["\\boxed{", "$", "answer is ", "####", "A:", "\\(", "1,", "**", "(A) option B "])
def test_reading_takes_linear_time(scrap: str) -> None:
    text = scrap * (400_000 // len(scrap))
    started = time.process_time()
    math.find(text)
    choice.find(text)
    _words.find(text)
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    "code",
    [
        "__import__('os').mkdir('{}')",
        "exec(\"import os; os.mkdir('{}')\")",
        r"\text{{__import__('os').mkdir('{}')}}",
        r"\operatorname{{__import__('os').mkdir('{}')}}(2)",
        "[__import__('os').mkdir('{}'), 2]",
        "1e5.__class__.__base__.__subclasses__() or open('{}', 'w')",
        "<script>location='{}'</script>",
    ],
)
def test_an_answer_that_is_code_is_never_run(code: str, tmp_path: Path) -> None:
    target = tmp_path / "made"
    text = code.format(target)
    for gold, answer in ((text, "x+1"), ("x+1", text), (text, text + "+1")):
        assert Math().compare(problem(gold), answer).value in (0, None)
    assert not target.exists()


def test_sympy_evaluates_no_text_in_a_worker(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "from understudy.graders import _algebra; import sympy; _algebra.shut_eval()\n"
        f"try: sympy.sympify(\"__import__('os').mkdir({str(tmp_path / 'made')!r})\")\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print(_algebra.equal('2.5', '5/2'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["ValueError", "True"] and not (tmp_path / "made").exists()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(-999, 999), st.integers(1, 99), st.sampled_from([r"\frac{{{}}}{{{}}}", "{}/{}", r"\dfrac{{{}}}{{{}}}"])
)
def test_a_fraction_equals_itself_and_no_neighbour(over: int, under: int, form: str) -> None:
    answer = form.format(over, under)
    assert Math().compare(problem(f"{over}/{under}"), answer).value == 1
    assert Math().compare(problem(f"{over + 1}/{under}"), answer).value == 0


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("C", "C"),
        ("(c)", "C"),
        ("C. twelve", "C"),
        ("the answer is (C)", "C"),
        ("The correct answer is: **B: 7**, since option C is too large.", "B"),
        ("Option B", "B"),
        (r"So \boxed{\text{(D)}}", "D"),
        (r"\boxed{D}", "D"),
        ("**C**", "C"),
        ("C is correct.", "C"),
        ("The correct choice is therefore D.", "D"),
        ("I think (A) and (B) are out.\n\nAnswer: C", "C"),
        ("সঠিক উত্তর:\n\n**C. ভেসেল**", "C"),
        ("**উত্তর:** ক) A", "A"),
        ("正确答案：**B**", "B"),
        ("<answer>B</answer>", "B"),
        ("The answer is a.", "A"),
        ("The answer is A triangle", None),
        ("I think a cat", None),
        ("Both A and B are plausible", None),
        ("A or B?", None),
        ("", None),
    ],
)
def test_choice_reads_the_letter(text: str, letter: str | None) -> None:
    found = choice.find(text)
    assert (found.answer if found else None) == letter


def test_squad_normal_form_and_f1() -> None:
    assert _words.normal("The Eiffel-Tower, a  LANDMARK!") == "eiffeltower landmark"
    assert overlap("the cat sat", "A cat sat down") == pytest.approx(0.8)  # 2 shared of 2 and 3 words
    assert overlap("Denver Broncos", "Broncos, Denver Broncos") == pytest.approx(0.8)  # counts matter
    assert (overlap("", ""), overlap("the", ""), overlap("", "cat"), overlap("cat", "dog")) == (1, 1, 0, 0)


def test_exact_and_f1_take_the_best_of_several_references() -> None:
    several = problem('["Saint Peter", "St. Peter"]')
    assert Exact().grade(several, "The answer is st peter.").value == 1
    assert Exact().grade(several, "Peter").value == 0
    assert F1().grade(several, "Peter").value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ("Oslo and Rome", (1, 1, 1)),
        ("- rome\n- Oslo\n", (1, 1, 1)),
        ('["Rome", "Oslo"]', (1, 1, 1)),
        ("Rome", (1, 0, 0)),
        ("Rome, Oslo, Bern", (1, 1, 0)),
        ("Bern", (0, 0, 0)),
    ],
)
def test_set_wants_any_all_or_exactly(answer: str, values: tuple[float, ...]) -> None:
    gold = problem('["Oslo", "Rome"]')
    assert tuple(Set(need).grade(gold, answer).value for need in ("any", "all", "exactly")) == values  # type: ignore[arg-type]
    assert items("Oslo; Rome") == items("Rome, Oslo")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('```json\n{"reasoning": "so", "answer": "7"}\n```', "7"),
        (r'{"answer": "\frac{1}{2}"}', r"\frac{1}{2}"),
        (r'{"answer": "\\frac{1}{2}"}', r"\frac{1}{2}"),
        (r'{"answer": "x \neq \theta"}', r"x \neq \theta"),
        (r'{"answer": "say \"no\"\n or"}', 'say "no"\n or'),
        ('{"answer": 7.5, "x": 1}', "7.5"),
        ('{"answer": true}', "true"),
        ('{"answer": [1, 2]}', "[1, 2]"),
        ('{"answer": null}', None),
        ('{"answer": "5", "reasoning": "no", "answer": "6"}', "6"),
        ('{"reasoning": "the answer is 7", "ans', None),
        ('{"answer": "7 and then it was cut', None),
        ('{"answer": [1, 2', None),
        ("7", None),
    ],
)
def test_json_field_reads_what_is_hardly_json(text: str, value: str | None) -> None:
    assert json_field.read(text, "answer") == value


def test_json_field_compares_as_another_grader() -> None:
    response = r'{"answer": "\frac{1}{2}"}'
    assert JsonField().grade(problem("0.5"), response).value == 1
    assert JsonField(by="exact").grade(problem("0.5"), response).value == 0
    assert JsonField(field="x").grade(problem("0.5"), response).value is None
    assert JsonField(by={"set": {"need": "any"}}).grade(problem("a, b"), '{"answer": "b"}').value == 1


@pytest.mark.skipif(not SOLUTIONS.exists(), reason="needs ../shared/data (GPT-3 solutions)")
def test_math_agrees_with_the_published_verdicts_on_gpt3_solutions() -> None:
    pairs, labels = [], []
    for row in rows(SOLUTIONS)[:300]:
        for solution in (part for part in row.values() if isinstance(part, dict)):
            pairs.append((problem(row["ground_truth"], row["question"]), solution["solution"]))
            labels.append(solution["is_correct"])
    assert [score.value == 1 for score in Math().grade_all(pairs)] == labels


@pytest.mark.skipif(not QWEN.exists(), reason="needs ../shared/data (Qwen2.5-Math outputs)")
def test_math_agrees_with_the_published_scores_of_qwen() -> None:
    pairs, labels = [], []
    for row in rows(QWEN):
        pairs += [(problem(row["answer"], row["question"]), text) for text in row["code"]]
        labels += row["score"]
    scores = Math().grade_all(pairs)
    odd = {
        pair[0].answer for pair, score, label in zip(pairs, scores, labels, strict=True) if (score.value == 1) != label
    }
    assert odd == {
        r"\text{4:30 p.m.}",
        "10{,}000",
    }  # where the published label is wrong, see docs/reference/agreement.md
    assert sum((score.value == 1) == label for score, label in zip(scores, labels, strict=True)) == 791


@pytest.mark.skipif(not PAIRS.exists(), reason="needs ../shared/data (answer equivalence)")
def test_math_agrees_with_published_pairs() -> None:
    pairs = rows(PAIRS)
    scores = Math().grade_all([(problem(str(row["a"])), str(row["b"])) for row in pairs])
    assert [(score.value == 1) == row["expected_equal"] for score, row in zip(scores, pairs, strict=True)] == [
        True
    ] * 30


@pytest.mark.skipif(not BANGLA.exists(), reason="needs ../shared/data (answers in Bangla)")
def test_choice_reads_a_letter_in_every_bangla_answer() -> None:
    found = [choice.find(row["gen_ans"]) for row in rows(BANGLA)]
    right = sum(one is not None and one.answer == row["answer"] for one, row in zip(found, rows(BANGLA), strict=True))
    assert None not in found and right == 849  # 85.9 %; its authors say about 86 %


@pytest.mark.skipif(not ZEROEVAL.exists(), reason="needs ../shared/data (answers in JSON)")
def test_json_field_finds_nearly_all_answers_in_json_that_is_not_valid() -> None:
    outputs = [row["output"][0] for row in rows(ZEROEVAL / "math-l5_Qwen2.5-7B-Instruct.jsonl.gz")]
    cut_off = [text for text in outputs if not text.rstrip().endswith(("}", "```"))]
    read = [json_field.read(text, "answer") for text in outputs]
    assert sum(value is None for value in read) <= len(cut_off) and read.count(None) < 25


def test_number_says_where_it_found_the_number() -> None:
    assert Number().grade(problem("18"), r"\boxed{18}").explanation == "in the last box: 18 is 18"
    assert "after ####" in Number().grade(problem("18"), "#### 19").explanation
