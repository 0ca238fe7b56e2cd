"""Study files: what is resolved can be read again, and overrides do what they say."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT, SMALL
from understudy.config import bundled, dump, find, load
from understudy.errors import StudyError
from understudy.plan import plan
from understudy.registry import Piece
from understudy.rundir import RunDirectory, keys, write_text


@pytest.mark.parametrize("name", ["quickstart", "style-over-substance-offline", "small"])
def test_a_resolved_study_is_the_same_study(name: str, tmp_path: Path) -> None:
    study = load(SMALL if name == "small" else find(name))
    (tmp_path / "study.yaml").write_text(dump(study))
    again = load(tmp_path / "study.yaml")
    assert dump(again) == dump(study)
    assert set(plan(again, ROOT)) == set(plan(study, ROOT))


def test_every_bundled_study_reads(tmp_path: Path) -> None:
    assert set(bundled()) == {path.stem for path in (ROOT / "studies").glob("*.yaml")}
    for path in bundled().values():
        assert load(path).question


def test_the_offline_study_is_the_quickstart_with_three_seeds() -> None:
    quick, offline = load(find("quickstart")), load(find("style-over-substance-offline"))
    assert offline.seeds == (0, 1, 2) and quick.seeds == (0,)
    assert offline.arms == quick.arms and offline.compare == quick.compare


def test_overrides_reach_any_depth() -> None:
    study = load(SMALL, ["seeds=[3, 4]", "arms.ST.train.learning_rate=1e-3", "problems.test=7", "question=why?"])
    assert study.seeds == (3, 4) and study.problems.test == 7 and study.question == "why?"
    assert study.recipe("ST").learning_rate == 1e-3 and study.recipe("ST-HC").learning_rate == 2e-3


def test_a_key_changes_with_what_a_stage_depends_on_and_with_nothing_else() -> None:
    base = keys(plan(load(SMALL), ROOT))
    other = keys(plan(load(SMALL, ["arms.ST.train.learning_rate=1e-3"]), ROOT))
    changed = {name for name in base if base[name] != other[name]}
    assert "train/ST-0" in changed and "scores/test/ST/0-greedy" in changed and "estimates" in changed
    assert "train/ST-HC-0" not in changed and "start/0" not in changed and "traces/train/ST" not in changed
    assert keys(plan(load(SMALL), ROOT / "elsewhere")) == base, "where the data lies is not part of a key"


def test_other_content_of_a_file_is_another_key(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "study: s\ntask: {gsm8k: {test: q.jsonl}}\nproblems: {test: null}\narms: {A: {from: {file: {path: t.jsonl}}}}\n"
    )
    (tmp_path / "q.jsonl").write_text('{"question": "q?", "answer": "#### 2"}\n')
    found = []
    for text in ("1", "2"):
        (tmp_path / "t.jsonl").write_text(f'{{"question": "q?", "response": "{text}"}}\n')
        found.append(keys(plan(load(tmp_path / "s.yaml"), tmp_path)))
    assert found[0]["problems"] == found[1]["problems"]
    assert found[0]["traces/test/A/0-collected"] != found[1]["traces/test/A/0-collected"]


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(), max_size=3), st.text(min_size=1, max_size=9))
def test_a_piece_reads_back_as_it_is_written(parameters: dict[str, int], name: str) -> None:
    piece = Piece(name, parameters)
    assert Piece.parse(piece.plain()) == piece


@pytest.mark.parametrize("value", [None, 3, [], {}, {"a": 1, "b": 2}, {"a": [1]}, {1: {}}])
def test_what_is_no_piece_is_refused(value: object) -> None:
    with pytest.raises(StudyError, match="is no entry"):
        Piece.parse(value)


def test_a_directory_left_by_a_run_killed_at_its_start_is_gone_on_with(tmp_path: Path) -> None:
    """Between the study's file and the manifest, also with half of a file left."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "study.yaml").write_text("study: s\n")
    (tmp_path / "run" / ".manifest.json.partial").write_text('{"stu')
    with RunDirectory(tmp_path / "run") as place:
        place.claim("s", "study: s\n", (0,), update=False)
    assert (tmp_path / "run" / "manifest.json").exists()


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    write_text(tmp_path / "a.txt", "before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(tmp_path / "a.txt", "after")
    assert (tmp_path / "a.txt").read_text() == "before"


def test_another_checkpoint_in_the_same_directory_is_another_key(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("study: s\ntask: reach\narms: {A: {from: {transformers: {path: teacher}}}}\n")
    (tmp_path / "teacher").mkdir()
    (tmp_path / "teacher" / "config.json").write_text("{}")
    found = []
    for weights in (b"1", b"2"):
        (tmp_path / "teacher" / "model.safetensors").write_bytes(weights)
        found.append(keys(plan(load(tmp_path / "s.yaml"), tmp_path))["traces/test/A/0-collected"])
    assert found[0] != found[1]


def test_every_file_of_a_list_is_in_the_key(tmp_path: Path) -> None:
    files, found = ["one.jsonl", "two.jsonl"], []
    study = "{study: s, task: {questions: {test: [one.jsonl, two.jsonl]}}, arms: {A: {from: {file: {path: t.jsonl}}}}}"
    (tmp_path / "s.yaml").write_text(study)
    for more in ("", "one.jsonl", "two.jsonl"):
        for number, name in enumerate(files):
            row = f'{{"question": "What is {number} plus {number}?", "answer": "{2 * number}"}}\n'
            (tmp_path / name).write_text(row + (row.replace("What", "So what") if name == more else ""))
        (tmp_path / "t.jsonl").write_text('{"question": "What is 0 plus 0?", "response": "0"}\n')
        found.append(keys(plan(load(tmp_path / "s.yaml"), tmp_path))["problems"])
    assert len(set(found)) == 3


LOOKING = """
study: looking
task: reach
problems: {test: 8}
arms:
  short: {from: long, vary: {length-match: {arm: bare}}}
  long: {from: search}
  bare: {from: plain}
"""


def test_a_variant_may_look_at_another_arm_which_is_then_made_first(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(LOOKING)
    study = load(tmp_path / "s.yaml")
    assert study.lineage == ("long", "bare", "short")
    assert plan(study, tmp_path)["traces/test/short/0-collected"].inputs["other"] == "traces/test/bare/0-collected"


@pytest.mark.parametrize(
    ("other", "said"), [("plane", "looks at 'plane', which is no arm"), ("short", "'short' is made from itself")]
)
def test_an_arm_that_cannot_be_looked_at_is_refused(other: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(LOOKING.replace("arm: bare", f"arm: {other}"))
    with pytest.raises(StudyError, match=said):
        load(tmp_path / "s.yaml")


def test_an_entry_named_alone_gets_parameters_by_override(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("study: s\ntask: reach\nstudent: tiny-llama\narms: {A: {from: search}}\n")
    study = load(tmp_path / "s.yaml", ["student.tiny-llama.layers=2"])
    assert study.student is not None and study.student.parameters == {"layers": 2}


@pytest.mark.parametrize("engine", ["search", "{transformers: {path: x}}", "{file: {path: x}}"])
def test_an_engine_that_is_none_is_refused(engine: str, tmp_path: Path) -> None:
    text = f"study: s\ntask: reach\nengine: {engine}\nstudent: tiny-llama\narms: {{A: {{from: search}}}}\n"
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(StudyError, match="engine cannot"):
        load(tmp_path / "s.yaml")
