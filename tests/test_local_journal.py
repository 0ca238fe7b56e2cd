"""The journal of a local checkpoint: what was killed goes on, and what is another starts anew."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from understudy import tables
from understudy.errors import RunError
from understudy.types import Trace

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")

from tests import small  # noqa: E402

from test_generation import PROBLEMS, SHAPE, checkpoint, written  # noqa: E402

__all__ = ["checkpoint"]


# --- the journal ---


def killed(path: Path, journal: Path, after: int) -> None:
    """A process that samples, and that is killed once so many texts are there."""

    def kill(done: int, total: int, note: str = "") -> None:
        if done == after:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        try:
            written(path, batch_size=4, report=kill, journal=journal)
        finally:
            os._exit(3)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def table(traces: list[Trace], path: Path) -> bytes:
    tables.write_records(Trace, traces, path)
    return path.read_bytes()


def test_what_is_killed_goes_on_and_ends_as_if_it_had_not_been(checkpoint: Path, tmp_path: Path) -> None:
    journal, kept = tmp_path / "deep" / "journal.jsonl", 0
    for after in (1, 6, 7, 15):
        killed(checkpoint, journal, after)
        lines = journal.read_bytes().splitlines()
        assert len(lines) == 1 + after > kept, "a text counts only when it is in the journal"
        kept = len(lines)
    with journal.open("ab") as file:
        file.write(lines[-1][:40])
    seen: list[int] = []
    traces = written(checkpoint, journal=journal, watch=lambda tally: seen.append(tally.known))
    assert max(seen) == 15
    assert table(traces, tmp_path / "a") == table(written(checkpoint), tmp_path / "b")
    complete = journal.read_bytes()
    assert written(checkpoint, journal=journal, batch_size=1) == traces and journal.read_bytes() == complete
    assert len(written(checkpoint, journal=journal, samples=4)) == 28
    assert journal.read_bytes().startswith(complete) and len(journal.read_bytes().splitlines()) == 29


@pytest.mark.parametrize("change", [{"temperature": 0.8}, {"max_tokens": 29}, {"seed": 6}, {"top_p": 0.9}, {"wait": 1}])
def test_a_journal_of_another_sampling_starts_anew(checkpoint: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    journal = tmp_path / "journal.jsonl"
    written(checkpoint, problems=PROBLEMS[:2], journal=journal)
    first = journal.read_text().splitlines()
    again = written(checkpoint, problems=PROBLEMS[:2], journal=journal, **change)
    assert again == written(checkpoint, problems=PROBLEMS[:2], **change)
    assert len(first) == 7 == len(journal.read_text().splitlines()) and journal.read_text().splitlines()[0] != first[0]


def test_a_journal_of_other_weights_starts_anew(tmp_path: Path) -> None:
    path, journal = small.checkpoint(tmp_path / "m", "llama", **SHAPE), tmp_path / "journal.jsonl"
    first = written(path, journal=journal)
    from transformers import AutoModelForCausalLM

    made = AutoModelForCausalLM.from_pretrained(path)
    made.lm_head.weight.data.neg_()
    made.save_pretrained(path)
    assert written(path, journal=journal) == written(path) != first


def test_an_endpoint_s_journal_is_put_aside_and_a_line_that_is_none_of_ours_passed_over(
    checkpoint: Path, tmp_path: Path
) -> None:
    journal, paid = tmp_path / "journal.jsonl", '{"key":"9f","problem":"p0","sample":0,"answer":{"choices":[]}}\n'
    journal.write_text(paid)
    traces = written(checkpoint, journal=journal)
    assert (tmp_path / "journal.1.jsonl").read_text() == paid
    with journal.open("a") as file:
        file.write('no json\n{"key":"x"}\n{"key":"y","ids":["a"],"budget":[]}\n')
    assert written(checkpoint, journal=journal) == traces


def test_a_journal_that_is_in_use_or_cannot_be_written_is_said(checkpoint: Path, tmp_path: Path) -> None:
    import fcntl

    journal = tmp_path / "journal.jsonl"
    with journal.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="another understudy writes to"):
            written(checkpoint, journal=journal)
    with pytest.raises(RunError, match="cannot write to the journal"):
        written(checkpoint, journal=tmp_path)


def test_the_journal_says_what_it_was_made_with(checkpoint: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    traces = written(checkpoint, journal=journal)
    header, *lines = map(json.loads, journal.read_text().splitlines())
    assert header["local"]["sampling"]["temperature"] == 0.9 and "model.safetensors" in header["local"]["checkpoint"]
    assert {(line["problem"], line["sample"]) for line in lines} == {(t.problem_id, t.sample) for t in traces}
