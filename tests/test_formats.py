"""Layouts of rows that others wrote, and the markers of reasoning in one text."""

import gzip
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import DATA
from understudy import formats, markers, registry
from understudy.errors import InputError
from understudy.protocols import Format
from understudy.registry import Piece
from understudy.types import Skip, Trace, Usage

needs_data = pytest.mark.skipif(not (DATA / "traces" / "mip").is_dir(), reason="needs ../shared/data (traces/mip)")
INLINE = ("inline-think", "prompt-completion", "alpaca", "sharegpt")
OPEN, CLOSE = markers.OPEN, markers.CLOSE


def form(name: str, **parameters: str) -> Format:
    built: Format = registry.build("formats", Piece(name, parameters))
    return built


def read(row: dict[str, Any], thinks: bool = False) -> list[Trace]:
    """The traces of a row of somebody's file."""
    found = formats.recognise([row]).read(row, thinks)
    assert not isinstance(found, Skip), found
    return found


def name_of(entry: Format) -> str:
    return type(entry).__module__.rpartition(".")[2].replace("_", "-")


# --- markers ---

PARTS = st.text().map(str.strip).filter(lambda text: not any(c in text for c in "<|[{") and text.isprintable())


@given(st.none() | PARTS, PARTS)
def test_what_is_joined_is_split_again(reasoning: str | None, response: str) -> None:
    assert markers.split(markers.join(reasoning, response)) == (reasoning, response, None)


@given(st.lists(st.sampled_from([OPEN, CLOSE, "a", "b ", "<", "think>"])).map("".join))
def test_no_word_of_any_text_is_lost(text: str) -> None:
    reasoning, response, _ = markers.split(text)
    letters = sorted(c for c in f"{reasoning or ''}{response}" if c in "ab")
    assert letters == sorted(c for c in text if c in "ab")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think> a b </think> c", ("a b", "c", None)),
        ("a\n</think>\n\nc", ("a", "c", None)),
        ("a</think>c", ("a", "c", None)),
        ("<think>\nstill going", ("still going", "", "length")),
        ("only a response", (None, "only a response", None)),
        ("<think>\n\n</think>\n\nc", ("", "c", None)),
        ("Sure. <think> a </think> c", ("a", "Sure. c", None)),
        ("a </think> b </think> c", ("a", "b </think> c", None)),
        ("a </think> b <think> c", ("a", "b <think> c", None)),
        ("", (None, "", None)),
        ("if a < b then [c]", (None, "if a < b then [c]", None)),
        # other tags
        ("<thinking>a</thinking>c", ("a", "c", None)),
        ("<reasoning>\na\n</reasoning>\n<answer>\nc\n</answer>", ("a", "c", None)),
        ("<Thought>\na\n</Thought>\n<Output>\nc\n</Output>", ("a", "c", None)),
        ("<Thought>\na\n</Thought>\n<Output>\nc", ("a", "c", None)),
        ("<|begin_of_thought|>a<|end_of_thought|><|begin_of_solution|>c<|end_of_solution|>", ("a", "c", None)),
        ("[THINK]a[/THINK]c", ("a", "c", None)),
        # a role that was left in
        ("assistant\n<think>\na\n</think>\n<answer>c</answer>", ("a", "c", None)),
        ("assistant\n\n<think>a</think> c", ("a", "c", None)),
        ("assistant\n<think>\na", ("a", "", "length")),
        ("<think>a</think> It is <answer>c</answer>, I say", ("a", "It is <answer>c</answer>, I say", None)),
        # bare lines
        ("think\na\nanswer\nc", ("a", "c", None)),
        ("think\nthe answer is a\nanswer", ("the answer is a", "", None)),
        ("think\nthe answer\nis not known", ("the answer\nis not known", "", "length")),
        ("think\na\nanswer\nb</think>c", ("think\na\nanswer\nb", "c", None)),
        ("think about it\nanswer\nc", (None, "think about it\nanswer\nc", None)),
        # channels
        (
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>c<|return|>",
            ("a", "c", "stop"),
        ),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>c", ("a", "c", None)),
        (
            "<|start|>assistant<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary "
            "to=functions.f <|constrain|>json<|message|>{}<|call|><|start|>assistant<|channel|>analysis<|message|>b"
            "<|end|><|start|>assistant<|channel|>final<|message|>c<|return|>",
            ("a\n\n{}\n\nb", "c", "stop"),
        ),
        ("<|channel|>analysis<|message|>a and on", ("a and on", "", "length")),
        ("<|channel|>final<|message|>c<|return|>", (None, "c", "stop")),
    ],
)
def test_forms_that_models_write(text: str, parts: tuple[str | None, str, str | None]) -> None:
    assert markers.split(text) == parts


@pytest.mark.parametrize(
    ("text", "reasoning", "finish"),
    [
        ('```json\n{"reasoning": "2 and 2\\nis 4", "answer": "4"}\n```', "2 and 2\nis 4", None),
        ('Here it is:\n{ "reasoning": "two\nlines", "answer": 4 }', "two\nlines", None),
        (
            '{"reasoning": "\\(\\sqrt{2}\\) is \\"it\\", so\\nwe add", "answer": "4"',
            '\\(\\sqrt{2}\\) is "it", so\nwe add',
            None,
        ),
        ('{"reasoning": "the \\nabla of \\nu, \\u00e4", \n "answer": \\(4\\)}', "the \\nabla of \\nu, ä", None),
        ('{"reasoning": "it goes on and', "it goes on and", "length"),
        ('{"reasoning": "half \\ud800 of it", "answer": 4}', "half \ufffd of it", None),
        ('{"reasoning": "x", "reasoning": [1]}', None, None),
        ('{"steps": "x", "answer": 4}', None, None),
    ],
)
def test_json_answers_are_kept_whole_and_their_reasoning_is_read(
    text: str, reasoning: str | None, finish: str | None
) -> None:
    assert markers.split(text) == (reasoning, text, finish)


def test_a_model_that_thinks_and_does_not_close_was_cut_off() -> None:
    assert markers.split(" on and on ", thinks=True) == ("on and on", "", "length")
    assert markers.split("a</think>c", thinks=True) == ("a", "c", None)
    assert markers.split(" ", thinks=True) == (None, "", None)


def test_tags_are_words_of_their_own() -> None:
    assert markers.join("a b", "c") == "<think> a b </think> c"
    assert markers.join(None, " c ") == "c"


@pytest.mark.parametrize(
    "piece", [OPEN, CLOSE, "<", "\n", " ", "\nanswer ", "<|channel|>", '{"reasoning": "', "\\n", "a."]
)
@pytest.mark.parametrize("start", ["", "think\n", '{"reasoning": "', "<|channel|>final<|message|>"])
def test_splitting_takes_time_in_proportion_to_the_text(start: str, piece: str) -> None:
    """A rule that went back over the text would take minutes here."""
    text = start + piece * (1_000_000 // len(piece))
    assert len(markers.split(text).response) <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "Error after 6 attempts: Error code: 500 - {'error': {'message': 'x'}}",
        "API Error: this query is blocked by APIs. b'{}'",
        "Error code: 429 - rate limit",
        "openai.RateLimitError: Error code: 429",
        "APIConnectionError('Connection error.')",
        "HTTP 503 Service Unavailable",
        "500 Server Error: Internal Server Error for url: x",
        "Traceback (most recent call last):\n  File",
        "Request timed out.",
        '{"error": {"message": "overloaded"}}',
    ],
)
def test_errors_of_endpoints_are_known(text: str) -> None:
    assert markers.api_error(f" {text}\n") == text
    (trace,) = read({"prompt": "?", "response": text})
    assert (trace.response, trace.reasoning, trace.finish_reason, trace.error) == ("", None, "error", text)


@pytest.mark.parametrize(
    "text",
    [
        "Error analysis: the mean is 4.",
        "The API Error: 500 means that the server failed.",
        "TypeError: is what Python raises here.",
        "404 is the answer.",
        "Connection errors are common in networks.",
        "",
        "Error after 6 attempts" + " and a long answer" * 300,
    ],
)
def test_answers_about_errors_are_no_errors(text: str) -> None:
    assert markers.api_error(text) is None


# --- layouts of others ---

TURNS = [{"role": "user", "content": "2 + 2?"}]
THOUGHT, SAID = "2 and 2 is 4.", "It is 4."
TEXT = f"<think>\n{THOUGHT}\n</think>\n\n{SAID}"


@pytest.mark.parametrize(
    ("name", "row"),
    [
        *(
            ("messages", {"messages": [*TURNS, {"role": "assistant", "content": SAID, field: THOUGHT}]})
            for field in ("reasoning_content", "reasoning", "thinking")
        ),
        (
            "messages",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "2 + 2?"}]},
                    {
                        "role": "assistant",
                        "content": [{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": SAID}],
                    },
                ]
            },
        ),
        ("inline-think", {"messages": [*TURNS, {"role": "assistant", "content": TEXT}]}),
        ("inline-think", {"conversation": [*TURNS, {"role": "assistant", "content": f"{THOUGHT}</think>{SAID}"}]}),
        ("sharegpt", {"conversations": [{"from": "human", "value": "2 + 2?"}, {"from": "gpt", "value": TEXT}]}),
        ("prompt-completion", {"prompt": "2 + 2?", "completion": TEXT}),
        ("prompt-completion", {"prompt": "2 + 2?", "completion": SAID, "reasoning": THOUGHT}),
        ("prompt-completion", {"prompt": TURNS, "completion": [{"role": "assistant", "content": TEXT}]}),
        ("alpaca", {"instruction": "2 + 2?", "input": "", "output": TEXT}),
        ("alpaca", {"instruction": "2 + 2?", "output": TEXT}),
        ("fields", {"question": "2 + 2?", "model_answer": TEXT}),
        ("fields", {"question": "2 + 2?", "reasoning": THOUGHT, "answer": SAID}),
        ("fields", {"Question": "2 + 2?", "Response": SAID, "Complex CoT": "", "Chain-of-Thought": THOUGHT}),
        ("fields", {"question": "2 + 2?", "gpt-4o (question)": TEXT, "gpt-4o (question) all_token_count": 5}),
        ("fields", {"problem": "2 + 2?", "output": [SAID], "thinking": [THOUGHT]}),
        ("fields", {"prompt": "2 + 2?", "reason": f"<think>{THOUGHT}</think>", "gen_ans": SAID}),
        ("fields", {"prompt": "2 + 2?", "reasoning": THOUGHT, "response": TEXT}),
        ("fields", {"prompt": "2 + 2?", "full_cot": f"2 + 2?\n{TEXT}"}),
        ("fields", {"prompt": "2 + 2?\n<think>\n", "full_cot": f"2 + 2?\n{TEXT}"}),
        ("fields", {"base_solution": {"prompt": "2 + 2?", "full_cot": f"2 + 2?{TEXT}"}, "chunks": [{"chunk": "2"}]}),
        ("fields", {"input": {"text": "2 + 2?"}, "prediction": f"assistant\n{TEXT}"}),
    ],
)
def test_a_layout_of_others_is_recognised_and_read(name: str, row: dict[str, Any]) -> None:
    assert name_of(formats.recognise([row])) == name
    (trace,) = read(row)
    assert (trace.metadata["prompt"], trace.reasoning, trace.response) == ("2 + 2?", THOUGHT, SAID)
    assert (trace.trace_id, trace.problem_id, trace.sample, trace.error) == ("", "", 0, None)


def test_alpaca_s_input_belongs_to_the_prompt() -> None:
    (trace,) = read({"instruction": "Add.", "input": "2 and 2", "output": "4"})
    assert trace.metadata == {"prompt": "Add.\n\n2 and 2"}


def test_turns_before_the_prompt_are_kept_and_written() -> None:
    turns = [{"role": r, "content": c} for r, c in (("system", "Be brief."), ("user", "a"), ("assistant", "b"))]
    last = [{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]
    (trace,) = read({"messages": [*turns, *last]})
    assert trace.metadata == {"prompt": "c", "history": turns}
    written = form("inline-think").write(trace)["messages"]
    assert written == [*turns, *last]
    assert [turn["from"] for turn in form("sharegpt").write(trace)["conversations"]] == [
        *("system", "human", "gpt"),
        *("human", "gpt"),
    ]


def test_what_a_row_says_besides_is_kept() -> None:
    row = {"question": "?", "response": "4", "answer": "#### 4", "llm": "m", "done_reason": "length", "eval_count": 7}
    (trace,) = read({**row, "level": 3, "subject": "sums", "prompt_eval_count": 2, "tags": ["a", "b"], "note": None})
    assert trace.metadata == {"prompt": "?", "answer": "#### 4", "level": 3, "subject": "sums"}
    assert (trace.model, trace.finish_reason, trace.usage) == ("m", "length", Usage(2, 7))


@pytest.mark.parametrize(
    ("gold", "text"), [("4", "4"), (4, "4"), (["4"], "4"), (["4", "four"], '["4","four"]'), (True, "true")]
)
def test_reference_answers_are_text(gold: object, text: str) -> None:
    assert read({"question": "?", "response": "4", "gold": gold})[0].metadata["answer"] == text


@pytest.mark.parametrize(
    ("name", "keys"),
    [("messages", "role and content"), ("inline-think", "role and content"), ("sharegpt", "from and value")],
)
def test_a_row_that_is_no_chat_is_skipped_by_formats_of_chats(name: str, keys: str) -> None:
    found = form(name).read({"question": "?", "messages": [{"said": "4"}]}, False)
    assert isinstance(found, Skip) and keys in found.reason


def test_samples_of_one_row_are_told_apart() -> None:
    row = {"prompt": "?", "llm": "m", "output": ["a", "", None, f"{OPEN}d"], "thinking": ["x", "y", None, None]}
    found = read({**row, "score": [1, 0, 0, 0], "tokens_completion": [5, 6, 7, 8]})
    assert [(t.sample, t.reasoning, t.response, t.finish_reason) for t in found] == [
        (0, "x", "a", None),
        (1, "y", "", "length"),
        (2, None, "", "error"),
        (3, "d", "", "length"),
    ]
    assert [(t.metadata["score"], t.usage.completion_tokens) for t in found] == [(1, 5), (0, 6), (0, 7), (0, 8)]
    assert found[2].error == "no output was stored"


def test_models_of_one_row_are_told_apart() -> None:
    pairs = {"Question": "?", "A Reasoning": "x", "A Answer": "1", "B Reasoning": "y", "B Answer": "2"}
    assert [(t.model, t.reasoning, t.response) for t in read(pairs)] == [("A", "x", "1"), ("B", "y", "2")]
    asked = {"q": "?", "p": "!", "m (q)": "1", "m (p)": "2", "n (q)": "3"}
    assert [(t.model, t.metadata["prompt"], t.response) for t in read(asked)] == [
        ("m", "?", "1"),
        ("m", "!", "2"),
        ("n", "?", "3"),
    ]
    below = {"question": "?", "m": {"solution": "1", "is_correct": True}, "n": [{"solution": "2"}, {"solution": "3"}]}
    assert [(t.model, t.sample, t.response) for t in read(below)] == [("m", 0, "1"), ("n", 0, "2"), ("n", 1, "3")]
    deeper = {"riddle": {"m": [{"original_question": "?", "original_response": "1"}, {"original_response": "2"}]}}
    assert [(t.model, t.sample, t.metadata["key"]) for t in read(deeper)] == [("m", 0, "riddle"), ("m", 1, "riddle")]


def test_sentences_are_joined_with_single_spaces() -> None:
    (trace,) = read({"id": 1, "data": [{"text": "One."}, {"text": "Two.", "label": "Read"}]})
    assert (trace.reasoning, trace.response, trace.finish_reason) == ("One. Two.", "", None)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "?", "response": None},
        {"prompt": "?", "response": []},
        {"prompt": "?", "response": {"a": 1}},
        {"prompt": "?", "output": ["a", "b"], "thinking": ["x"]},
        {"question": "?", "answer": "4"},
        {"messages": [{"role": "user", "content": "?"}]},
    ],
)
def test_a_row_without_an_attempt_is_skipped_with_a_reason(row: dict[str, Any]) -> None:
    found = formats.recognise([row]).read(row, False)
    assert isinstance(found, Skip) and found.reason


def test_an_error_beside_an_empty_response_is_an_error() -> None:
    (trace,) = read({"prompt": "?", "response": None, "error": "timeout"})
    assert (trace.error, trace.finish_reason) == ("timeout", "error")
    (trace,) = read({"prompt": "?", "response": "4", "error": "none worth a word"})
    assert trace.error is None and trace.metadata["error"] == "none worth a word"


def test_named_fields_go_before_usual_ones() -> None:
    row = {"prompt": "?", "response": "a", "mine": "b", "why": "c", "key": "d", "who": "e", "end": "length"}
    made = form("fields", response="mine", reasoning="why", answer="key", model="who", finish_reason="end")
    (trace,) = made.read(row, False)
    assert (trace.response, trace.reasoning, trace.model, trace.finish_reason) == ("b", "c", "e", "length")
    assert trace.metadata == {"prompt": "?", "answer": "d"}
    assert not made.reads({"prompt": "?", "response": "a"})
    assert isinstance(made.read({"prompt": "?", "response": "a"}, False), Skip)


def test_an_unknown_schema_is_answered_with_its_fields_and_the_way_out() -> None:
    with pytest.raises(InputError) as caught:
        formats.recognise([{"foo": 1, "bar baz": "text"}, {"qux": None}])
    assert all(name in caught.value.message for name in ("'foo'", "'bar baz'", "'qux'"))
    assert "--map response=FIELD" in caught.value.hint


def test_a_few_odd_rows_do_not_change_the_format() -> None:
    rows = [{"messages": [*TURNS, {"role": "assistant", "content": "4"}]}, {"prompt": "?", "completion": "4"}]
    assert name_of(formats.recognise([rows[0], rows[0], rows[1]])) == "messages"
    assert name_of(formats.recognise([rows[0], rows[1], rows[1], {}])) == "prompt-completion"


# --- rows of ours ---


def traces() -> list[Trace]:
    """Reasoners and others, an error, a prompt that is not known, and texts that hold tags themselves."""
    return [
        Trace("a/1", "p-1", "m", SAID, THOUGHT, metadata={"prompt": "2 + 2?", "answer": "4", "row": 1}),
        Trace("a/2", "p-2", "m", f" {TEXT}\n", None, sample=1, metadata={"prompt": "3?"}),
        Trace("a/3", "p-3", "n", "", "", "cut", "a/1", 0, "length", Usage(1, 2), metadata={"prompt": ""}),
        Trace("a/4", "p-4", "n", "", None, finish_reason="error", error="timeout", metadata={"history": ["odd"]}),
        Trace("a/5", "p-5", "n", f"{CLOSE}{OPEN}", f"x{CLOSE}\n\ny"),
    ]


@pytest.mark.parametrize("name", registry.modules("formats"))
def test_rows_of_ours_are_recognised_also_without_any_reasoning(name: str) -> None:
    for some in (traces(), [trace for trace in traces() if trace.reasoning is None]):
        rows = [form(name).write(trace) for trace in some]
        assert name_of(formats.recognise(rows)) == name
        assert [form(name).read(row, True) for row in rows] == [[trace] for trace in some]


@pytest.mark.parametrize("name", registry.modules("formats"))
def test_without_our_column_the_texts_are_still_there(name: str) -> None:
    row = {key: value for key, value in form(name).write(traces()[0]).items() if key != "understudy"}
    (trace,) = read(row)
    assert (trace.metadata["prompt"], trace.reasoning, trace.response) == ("2 + 2?", THOUGHT, SAID)


@pytest.mark.parametrize("name", INLINE)
def test_a_text_that_somebody_changed_is_read_by_its_tags(name: str) -> None:
    text = json.dumps(form(name).write(traces()[0])).replace("2 and 2 is 4.", "Two and two is four.")
    (trace,) = form(name).read(json.loads(text), False)
    assert (trace.trace_id, trace.reasoning, trace.response) == ("a/1", "Two and two is four.", SAID)


@pytest.mark.parametrize(
    "column", ["", "{", "[]", '{"format": "messages"}', 7, '{"format":"messages","metadata":{},"prompt":1}']
)
def test_somebody_else_s_column_of_our_name_does_no_harm(column: object) -> None:
    (trace,) = read({**form("messages").write(traces()[0]), "understudy": column})
    assert (trace.trace_id, trace.reasoning, trace.response) == ("", THOUGHT, SAID)


@pytest.mark.parametrize("name", registry.modules("formats"))
def test_tools_read_the_rows_with_one_type_a_column(name: str) -> None:
    """As JSON lines in Polars and in Arrow, which ``datasets`` is made of; no column is null in the first rows only."""
    pyarrow_json = pytest.importorskip("pyarrow.json")
    rows = [form(name).write(trace) for trace in traces()]
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    assert pl.read_ndjson(io.BytesIO(lines)).height == len(rows)
    table = pyarrow_json.read_json(io.BytesIO(lines))
    assert table.num_rows == len(rows) and table.schema.field("understudy").type == "string"
    if name != "fields":
        kinds = {str(pyarrow_json.read_json(io.BytesIO(json.dumps(row).encode())).schema) for row in rows}
        assert len(kinds) == 1


# --- published files ---

# File: entry that reads it, traces, without reasoning (errors aside), truncated, errors.
EXPECTED = {
    "labels/thought_anchors_math_chunks.jsonl.gz": ("fields", 40, 0, 0, 0),
    "traces/gpt3_gsm8k_example_model_solutions.jsonl.gz": ("fields", 4 * 1319, 4 * 1319, 0, 0),
    "traces/gpt_oss_120b_harmony.jsonl.gz": ("fields", 90, 0, 12, 0),
    "traces/marco_o1_cot_demo.jsonl.gz": ("fields", 125, 0, 0, 0),
    "traces/qwen2.5_math_cot_100x8.jsonl.gz": ("fields", 800, 800, 0, 0),
    "traces/mip/gsm8k_missing_premise_gpt4o.jsonl.gz": ("fields", 1164, 1164, 0, 0),
    "traces/mip/gsm8k_wellposed_DSQ.jsonl.gz": ("fields", 582, 0, 0, 0),
    "traces/mip/gsm8k_wellposed_QwQ.jsonl.gz": ("fields", 582, 0, 0, 0),
    "traces/mip/gsm8k_wellposed_deepseekR1.jsonl.gz": ("fields", 582, 0, 0, 1),
    "traces/mip/gsm8k_wellposed_gpt4o.jsonl.gz": ("fields", 582, 582, 0, 0),
    "traces/mip/gsm8k_wellposed_o1.jsonl.gz": ("fields", 582, 582, 0, 0),
    "traces/mip/gsm8k_wellposed_s1.1.jsonl.gz": ("fields", 582, 0, 0, 0),
    "traces/mip/math_missing_premise_DSQ.jsonl.gz": ("fields", 52, 0, 5, 0),
    "traces/mip/math_wellposed_Limo.jsonl.gz": ("fields", 52, 52, 0, 0),
    "traces/mip/questions_gsm8k.jsonl.gz": ("fields", 0, 0, 0, 0),
    "traces/misguided_attention/judged_QwQ-32b.json.gz": ("fields", 159, 159, 0, 0),
    "traces/misguided_attention/outputs_QwQ-32b.jsonl.gz": ("fields", 159, 0, 17, 0),
    "traces/misguided_attention/outputs_q3_235b-think.jsonl.gz": ("fields", 156, 0, 9, 0),
    "traces/misguided_attention/outputs_dsr1.jsonl.gz": ("fields", 156, 156, 0, 0),
    "traces/misguided_attention/outputs_ds3_0324.jsonl.gz": ("fields", 156, 156, 0, 0),
    "traces/misguided_attention/outputs_nm49b.jsonl.gz": ("fields", 156, 0, 15, 0),
    "traces/misguided_attention/outputs_sonnet37.jsonl.gz": ("fields", 156, 154, 0, 2),
    "traces/think_on_off/qwen3-8b__think-on.jsonl.gz": ("fields", 200, 0, 11, 0),
    "traces/think_on_off/qwen3-8b__think-off.jsonl.gz": ("fields", 200, 200, 2, 0),
    "traces/zeroeval/gsm_gpt-4o-2024-08-06.jsonl.gz": ("fields", 1319, 0, 0, 0),
    "traces/zeroeval/math-l5_Qwen2.5-7B-Instruct.jsonl.gz": ("fields", 721, 1, 19, 0),
    "traces/zeroeval/math-l5_o1-mini-2024-09-12.jsonl.gz": ("fields", 721, 37, 1, 0),
    "traces/zeroeval/math-l5_o1-preview-2024-09-12.jsonl.gz": ("fields", 721, 0, 0, 24),
    "unlicensed/deepseek_r1_bangla_mmlu_12001_13001.jsonl.gz": ("fields", 648, 0, 0, 0),
    "unlicensed/from_thinking2output_70_questions.jsonl.gz": ("fields", 280, 0, 0, 0),
    "unlicensed/schoenfeld_r1_sat_sentences_odd.jsonl.gz": ("fields", 19, 0, 0, 0),
    "unlicensed/trace_check_qa_cotempqa_equal_qwen3-8b_sft_perturbed.jsonl.gz": ("fields", 87, 0, 0, 0),
    "unlicensed/trace_check_qa_cotempqa_equal_llama-3.1-8b_sft_vanilla.jsonl.gz": ("fields", 87, 87, 0, 0),
}
EMPTY = (
    *("math-l5_o1-mini-2024-09-12.jsonl.gz", "judged_QwQ-32b.json.gz"),
    *("judged_q3_235b-think.json.gz", "judged_o4minihilong.json.gz"),
)
"""Files with empty outputs and no visible reasoning beside them."""
NO_TRACES = ("reasonif_prompts", "published_scores")


def rows_of(path: Path) -> list[dict[str, Any]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    try:
        found = json.loads(content)
        return found if isinstance(found, list) else [found]
    except ValueError:
        return [json.loads(line) for line in content.split(b"\n") if line.strip()]


def read_file(path: Path) -> tuple[Format, list[Trace], Counter[str]]:
    rows = rows_of(path)
    made = formats.recognise(rows[:256])
    thinks = formats.thinks(rows[:256])
    found: list[Trace] = []
    skipped: Counter[str] = Counter()
    for row in rows:
        traces = made.read(row, thinks)
        if isinstance(traces, Skip):
            skipped[traces.reason] += 1
        else:
            found += traces
    return made, found, skipped


@needs_data
def test_every_published_file_of_traces_is_read() -> None:
    files = [
        *(DATA / "traces").rglob("*.gz"),
        *(DATA / "labels").glob("thought_anchors*"),
        *(file for file in (DATA / "unlicensed").iterdir() if not any(name in file.name for name in NO_TRACES)),
    ]
    assert len(files) > 100
    for file in files:
        _, found, skipped = read_file(file)
        questions = file.name.startswith(("questions", "items"))
        assert bool(skipped) == questions and bool(found) != questions, file
        nothing = [t for t in found if not (t.response.strip() or t.reasoning is not None or t.error)]
        assert not nothing or file.name in EMPTY, file


@needs_data
@pytest.mark.parametrize("name", EXPECTED)
def test_a_published_file_gives_what_its_readme_says(name: str) -> None:
    made, found, _ = read_file(DATA / name)
    count = (
        len(found),
        sum(trace.reasoning is None and trace.error is None for trace in found),
        sum(trace.finish_reason == "length" for trace in found),
        sum(trace.error is not None for trace in found),
    )
    assert (name_of(made), *count) == EXPECTED[name]


@needs_data
@pytest.mark.parametrize("entry", registry.modules("formats"))
def test_published_traces_come_back_from_every_format(entry: str) -> None:
    for name in (
        "traces/mip/gsm8k_wellposed_deepseekR1.jsonl.gz",
        "traces/misguided_attention/outputs_QwQ-32b.jsonl.gz",
    ):
        _, found, _ = read_file(DATA / name)
        rows = [json.loads(json.dumps(form(entry).write(trace))) for trace in found]
        assert name_of(formats.recognise(rows[:256])) == entry
        assert [form(entry).read(row, True) for row in rows] == [[trace] for trace in found]


@needs_data
def test_models_and_prompts_are_found_in_published_files() -> None:
    def first(name: str) -> Trace:
        return read_file(DATA / name)[1][0]

    r1, gpt = (
        first("traces/mip/gsm8k_wellposed_deepseekR1.jsonl.gz"),
        first("traces/mip/math_missing_premise_gpt4o.jsonl.gz"),
    )
    assert (r1.model, gpt.model) == ("deepseek-reasoner", "gpt-4o")
    assert r1.metadata["prompt"] != r1.metadata["insufficient_question"] and "####" in r1.metadata["answer"]
    assert gpt.metadata["prompt"] != gpt.metadata["question"]
    anchors = first("labels/thought_anchors_math_chunks.jsonl.gz")
    assert anchors.metadata["answer"] == "6.17" and anchors.reasoning.startswith("Okay, so I have this problem")
    models = Counter(
        trace.model for trace in read_file(DATA / "unlicensed/from_thinking2output_70_questions.jsonl.gz")[1]
    )
    assert models == dict.fromkeys(("GPT-o1", "Deepseek-R1", "Kimi-1.5", "Grok-3"), 70)
    ollama = first("traces/think_on_off/qwen3-8b__think-on.jsonl.gz")
    assert "prompt" not in ollama.metadata and ollama.metadata["item_id"] == "arith-00-0"
