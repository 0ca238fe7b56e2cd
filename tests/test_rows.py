"""Files of rows of any container: read whole, in bounded memory, and refused in one sentence where they cannot be."""

import gzip
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import InputError
from understudy.rows import Rows, json_rows, read_rows
from understudy.rows.compressed import ahead

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(TEXT, VALUE, min_size=1, max_size=4), min_size=1, max_size=6)
ROWS = [{"question": f"{n}?", "response": f'say "{n}"\nthen \\ stop, ü 漢'} for n in range(7)]


def lines(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def array(rows: list[Any]) -> bytes:
    return json.dumps(rows).encode()


def pretty(rows: list[Any]) -> bytes:
    return json.dumps(rows, indent=2, ensure_ascii=False).encode()


def one_after_another(rows: list[Any]) -> bytes:
    return "\n".join(json.dumps(row, indent=1) for row in rows).encode()


def in_one_line(rows: list[Any]) -> bytes:
    return "".join(map(json.dumps, rows)).encode()


LAYOUTS = [lines, array, pretty, one_after_another, in_one_line]


def members(content: bytes) -> bytes:
    """Gzip of several members, with zeros at the end as some tools leave them."""
    third = len(content) // 3
    return b"".join(map(gzip.compress, (content[:third], b"", content[third:]))) + b"\0" * 20


PACKED: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, members]


def read(content: bytes, folder: Path, name: str = "m.jsonl") -> list[Any]:
    (folder / name).write_bytes(content)
    return list(Rows(folder / name))


# --- containers ---


@pytest.mark.parametrize("pack", PACKED)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["m.jsonl", "m.json", "m.csv", "m"])
def test_json_is_told_by_its_content(tmp_path: Path, layout: Any, pack: Any, name: str) -> None:
    assert [row for _, row in read(pack(layout(ROWS)), tmp_path, name)] == ROWS


@given(rows=OBJECTS, layout=st.sampled_from(LAYOUTS), size=st.integers(1, 40))
def test_any_objects_come_back_however_the_bytes_are_cut(rows: list[Any], layout: Any, size: int) -> None:
    content = layout(rows)
    chunks = [content[n : n + size] for n in range(0, len(content), size)]
    assert list(json_rows.read(content, iter([content]))) == list(enumerate(rows, 1))
    if layout is lines:
        assert list(json_rows.read(content, iter(chunks))) == list(enumerate(rows, 1))
    elif layout in (array, pretty):
        assert list(json_rows._values(iter(chunks), array=True)) == list(enumerate(rows, 1))
    else:
        assert list(json_rows._values(iter(chunks), array=False)) == list(enumerate(rows, 1))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("pack", PACKED)
def test_csv_keeps_what_is_quoted(tmp_path: Path, delimiter: str, pack: Any) -> None:
    texts = ["plain", f'say "x"{delimiter}\r\n\nü', "", "\x00\x07"]
    cells = [f'"{text.replace(chr(34), 2 * chr(34))}"' for text in texts]
    content = "\ufeffquestion" + delimiter + "response\r\n" + "".join(f"q{delimiter}{cell}\r\n" for cell in cells)
    found = read(pack(content.encode()), tmp_path, "m.csv.gz")
    assert found == [(n, {"question": "q", "response": text}) for n, text in enumerate(texts, 1)]


def test_a_row_of_csv_that_cannot_be_read_has_a_reason(tmp_path: Path) -> None:
    found = read(b"a,b\n1,2\n3\n\xff,4\n\n5,6,7\n8,9\n", tmp_path, "m.csv")
    assert [row if isinstance(row, dict) else row[:24] for _, row in found] == [
        {"a": "1", "b": "2"},
        "it has another number of",
        "it is no valid Unicode",
        "it has another number of",
        {"a": "8", "b": "9"},
    ]


def test_parquet_is_read_row_by_row_with_plain_values(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "text": ["a", None, "c"],
            "raw": [b"x", b"\xc3\xbc", b""],
            "day": pl.Series(["2024-01-02"] * 3).str.to_date(),
            "list": [["a"], [], None],
            "struct": [{"role": "user", "content": "q"}] * 3,
        }
    )
    frame.write_parquet(tmp_path / "m.jsonl", row_group_size=2)
    found = list(Rows(tmp_path / "m.jsonl"))
    assert [number for number, _ in found] == [1, 2, 3]
    user = {"role": "user", "content": "q"}
    assert found[0][1] == {"text": "a", "raw": "x", "day": "2024-01-02", "list": ["a"], "struct": user}
    assert found[1][1] == {"text": None, "raw": "ü", "day": "2024-01-02", "list": [], "struct": user}


# --- rows that are data, not errors ---


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"a": NaN}', None),
        (b'{"a": 123456789012345678901234567890}', 123456789012345678901234567890),
        (b'{"a": {"b": [18446744073709551616]}}', {"b": [18446744073709551616]}),
        (b'{"a": "tab\there\x00\x1b[1m"}', "tab\there\x00\x1b[1m"),
        (b'\xef\xbb\xbf{"a": 1}', 1),
        (b'{"a": 1e30}', 1e30),
        (b'{"a": 1}\r', 1),
    ],
)
def test_what_a_strict_parser_refuses_is_read(tmp_path: Path, line: bytes, value: Any) -> None:
    ((_, first), (_, row), (_, last)) = read(b'{"z": 0}\n' + line + b'\n{"z": 1}', tmp_path)
    assert (first, last) == ({"z": 0}, {"z": 1})
    assert row["a"] == value or (value is None and row["a"] != row["a"])


BAD = [
    (b"{oops", "it is no JSON ("),
    (b'{"a": "\\ud800"}', "it is no valid Unicode"),
    (b'{"a": "\xff"}', "it is no valid Unicode"),
    (b"\0\0\0", "it is no JSON ("),
    (b"[1]", "it is no JSON object"),
    (b'"text"', "it is no JSON object"),
    (b"null", "it is no JSON object"),
    (b"[" * 5000, "it is no JSON ("),
    (b'{"a":' + b"9" * 5000 + b"}", "it is no JSON ("),
]


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_line_that_is_no_row_has_a_reason_and_the_rest_is_read(tmp_path: Path, line: bytes, reason: str) -> None:
    found = read(b'{"z": 0}\n\n' + line + b'\n{"z": 1}\n', tmp_path)
    assert [found[0], found[2]] == [(1, {"z": 0}), (4, {"z": 1})]
    assert found[1][0] == 3 and found[1][1].startswith(reason)


def test_an_element_of_an_array_that_is_no_row_has_a_reason(tmp_path: Path) -> None:
    found = read(b'[{"z": 0},\n 7, {"z": "\xff"}, {"z": "\\ud800"}, [], {"z": 1}]', tmp_path)
    assert [found[0], found[-1]] == [(1, {"z": 0}), (6, {"z": 1})]
    assert all(isinstance(row, str) for _, row in found[1:-1])


def test_a_line_that_is_too_long_is_skipped_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_rows, "LONGEST", 1000)
    content = b'{"z": 0}\n{"a": "' + b"x" * 9_000_000 + b'"}\n{"z": 1}\n'
    found = read(content, tmp_path)
    assert [found[0], found[2]] == [(1, {"z": 0}), (3, {"z": 1})]
    assert found[1] == (2, json_rows.TOO_LONG)


def test_a_line_of_two_hundred_megabytes_is_a_row(tmp_path: Path) -> None:
    text = "x" * 200_000_000
    (tmp_path / "m.jsonl").write_text('{"a": "' + text + '"}\n{"z": 1}')
    (_, row), (_, last) = Rows(tmp_path / "m.jsonl")
    assert len(row["a"]) == len(text) and last == {"z": 1}


# --- files that cannot be read ---


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("m.jsonl", b"", "it is empty"),
        ("m.jsonl", b"\n \n", "it is empty"),
        ("m.json", b"[]", "it is empty"),
        ("m.csv", b"a,b\n", "it is empty"),
        ("m.jsonl.gz", gzip.compress(b"", mtime=0), "it is empty"),
        ("m.csv", b"a,b,a\n1,2,3\n", "'a' twice"),
        ("m.jsonl", "{}".encode("utf-16"), "UTF-16"),
        ("m.jsonl", b"PK\x03\x04rest", "zip archive"),
        ("m.jsonl.zst", b"\x28\xb5\x2f\xfdrest", "zstd"),
        ("m.parquet", b"PAR1" + b"\0" * 50, "ends early"),
        ("m.parquet", b"PAR1" + b"\0" * 50 + b"PAR1", "Parquet"),
        ("m.gz", gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "packed twice"),
        ("m.json", b'[{"a": 1}, {"a": 2}] tail', "goes on after the end"),
        ("m.json", b'[{"a": 1}, {"a": 2', "ends early"),
        ("m.json", b'[{"a": 1}, {"a" 2}, {"a": 3}]', "no valid JSON from a place on"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(content, tmp_path, name)
    assert words in caught.value.message and name in caught.value.message and caught.value.hint
    assert "\n" not in caught.value.message


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory"):
        Rows(tmp_path)
    with pytest.raises(InputError, match="there is no file"):
        Rows(tmp_path / "none")


def cut_gzip(rows: list[Any]) -> bytes:
    return gzip.compress(lines(rows))[:-2000]


def broken_gzip(rows: list[Any]) -> bytes:
    content = bytearray(gzip.compress(lines(rows)))
    content[-8:-4] = b"\0\0\0\0"
    return bytes(content)


def cut_array(rows: list[Any]) -> bytes:
    return array(rows)[:-2000]


def cut_array_gzip(rows: list[Any]) -> bytes:
    return gzip.compress(array(rows))[:-2000]


def gzip_without_its_sum(rows: list[Any]) -> bytes:
    return gzip.compress(lines(rows)[:-1])[:-8]


def tail_gzip(rows: list[Any]) -> bytes:
    return gzip.compress(lines(rows)) + b"no gzip"


@pytest.mark.parametrize("damaged", [cut_gzip, broken_gzip, cut_array, tail_gzip, gzip_without_its_sum, cut_array_gzip])
def test_a_damaged_file_is_refused_or_read_as_far_as_it_goes(tmp_path: Path, damaged: Any) -> None:
    rng = random.Random(0)
    rows = [{"n": n, "text": "".join(rng.choices("abcdefgh ", k=80))} for n in range(500)]
    (tmp_path / "m.jsonl").write_bytes(damaged(rows))
    with pytest.raises(InputError) as caught:
        list(Rows(tmp_path / "m.jsonl"))
    assert "--keep-readable" in caught.value.hint
    kept = Rows(tmp_path / "m.jsonl", keep_readable=True)
    found = [row for _, row in kept]
    good = [row for row in found if isinstance(row, dict)]
    assert good == rows[: len(good)] and len(good) > 400
    assert len(found) - len(good) <= 1, "only the row in which the file ends is not readable"
    assert kept.damage
    if damaged in (broken_gzip, gzip_without_its_sum):
        assert good == rows


def test_the_last_row_of_a_cut_csv_is_not_taken_for_whole(tmp_path: Path) -> None:
    content = gzip.compress(b"a,b\n1,2\n3,whole")
    (tmp_path / "m.csv.gz").write_bytes(content[:-8])
    assert list(Rows(tmp_path / "m.csv.gz", keep_readable=True)) == [(1, {"a": "1", "b": "2"}), (2, json_rows.CUT)]


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"{", b"[", b"[{}", b'{"a":1}\n', b"\x1f\x8b\x08", b"PAR1", b"a,b\n"]),
)
def test_no_bytes_make_a_traceback(tmp_path_factory: pytest.TempPathFactory, tail: bytes, head: bytes) -> None:
    folder = tmp_path_factory.mktemp("any", numbered=True)
    for name in ("m.jsonl", "m.csv"):
        for keep in (False, True):
            (folder / name).write_bytes(head + tail)
            try:
                for number, row in Rows(folder / name, keep):
                    assert number > 0 and (isinstance(row, dict) or row)
            except InputError as error:
                assert name in error.message


# --- streaming ---


@pytest.mark.parametrize("layout", ["lines", "array", "csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, layout: str) -> None:
    row, count = json.dumps({"response": "x" * 20_000}), 8000
    first, line, last = {
        "lines": ("", row + "\n", ""),
        "array": ("[", row + ",\n", row + "]"),
        "csv": ("response,n\n", f'"{"x" * 20_000}",1\n', ""),
    }[layout]
    with gzip.open(tmp_path / "m.csv", "wt", 1) as file:
        file.write(first)
        file.writelines([line] * (count - bool(last)))
        file.write(last)
    tracemalloc.start()
    assert sum(1 for _ in Rows(tmp_path / "m.csv")) == count
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert top < 80e6, "the file holds 160 MB"


def test_reading_ahead_keeps_the_order_and_the_error() -> None:
    def items() -> Any:
        yield from range(100)
        raise ValueError("after all of them")

    found = []
    with pytest.raises(ValueError, match="after all of them"):
        for item in ahead(items()):
            found.append(item)
    assert found == list(range(100))
    endless = ahead(iter(int, 1))
    assert next(endless) == 0
    endless.close()


def test_all_rows_at_once_are_split_from_those_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes(b'{"a": 1}\n{oops\n')
    rows, unreadable = read_rows(tmp_path / "m.jsonl")
    assert rows == [(1, {"a": 1})] and [number for number, _ in unreadable] == [2]
    (tmp_path / "m.jsonl").write_bytes(b"{oops\n")
    with pytest.raises(InputError, match="row 1: it is no JSON"):
        read_rows(tmp_path / "m.jsonl")
