"""Variants that a model writes anew: st-hc and sbs, and st-hc-w with a model; with a stranger's scripted writer."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from conftest import Understudy
from endpoint import Endpoint, serve
from understudy import registry
from understudy.errors import StudyError
from understudy.registry import Piece
from understudy.types import Skip, Trace
from understudy.vary import CLAIMED, check, vary
from understudy.verify import verify

WRITER = '''
"""A stranger's model that says what is written down for it, sample by sample, and keeps a log of what it was asked."""

import json
from dataclasses import dataclass
from pathlib import Path

from understudy.registry import entry
from understudy.types import Trace


@entry
@dataclass(frozen=True)
class Writer:
    """Says the texts of a file, the last one for ever."""

    script: str
    root: Path = Path()

    def generate(self, problems, sampling):
        texts = json.loads((self.root / self.script).read_text())
        with (self.root / "log.jsonl").open("a") as log:
            log.write(json.dumps([[problem.prompt, sampling.samples] for problem in problems]) + "\\n")
        for problem in problems:
            for sample in range(sampling.samples):
                text = texts[min(sample, len(texts) - 1)]
                name, error, end = problem.problem_id, text.get("error"), text.get("end", "stop")
                yield Trace("t", name, "writer", text.get("says", ""), sample=sample, finish_reason=end, error=error)
'''
GSM8K = registry.build("tasks", Piece("gsm8k", {}))
PROBLEMS = {problem.problem_id: problem for problem in GSM8K.problems("train", None, 0)[:2]}
FIRST, SECOND = PROBLEMS.values()
PARENTS = [Trace(f"a/{name}/0", name, "r1", f"So {problem.answer}.", "Hm.") for name, problem in PROBLEMS.items()]
STYLED = """The question asks how many rolls are left. Six trays with 14 rolls each are given, and 59 are sold.

I multiply the trays first. 6 times 14 is 74. Then I take away what was sold. 74 - 59 = 15. Wait, 6 times 14 cannot \
end in 74. 6 times 10 is 60. 6 times 4 is 24. 60 + 24 = 84. Alternatively, I could add 14 six times: 14, 28, 42, 56, \
70, 84. Then 84 - 59 = 25.

Let me check: 25 + 59 = 84, and 84 / 6 = 14. So the figures fit, and I verify that nothing was left out.

Now I see how it goes: the trays give 84, and what was sold leaves 25. So the answer is 25.

### Answer

There are 25 rolls left."""
CHECKED = STYLED[STYLED.index("Let me check") : STYLED.index("Now I see")]
PLAIN = "There are 6 * 14 = 84 rolls, and 84 - 59 = 25.\n\n### Answer\nThere are 25 rolls left."
WRONG = STYLED.replace("25 rolls left", "26 rolls left")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that puts the writer on the shelf."""
    (tmp_path / "writer.py").write_text(WRITER)
    about = tmp_path / "writer-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: writer\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[understudy.models]\nwriter = writer\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.modules.cache_clear()
    yield tmp_path
    registry.modules.cache_clear()


def build(name: str, folder: Path, *says: str | dict[str, str], **parameters: Any) -> Any:
    texts = [{"says": one} if isinstance(one, str) else one for one in says]
    (folder / "script.json").write_text(json.dumps(texts))
    piece = Piece(name, {"model": {"writer": {"script": "script.json"}}, **parameters})
    return registry.build("variants", piece, task=GSM8K, root=folder)


def asked(folder: Path) -> list[list[list[Any]]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def first(variant: Any) -> Trace | Skip:
    changed: Trace | Skip = variant.vary(PARENTS[0], FIRST, Random(0))
    return changed


def test_a_trace_in_the_style_is_taken_with_its_lineage(folder: Path) -> None:
    variant = build("st-hc", folder, STYLED)
    after = vary(PARENTS[:1], PROBLEMS, variant, "st-hc", "b", 0)
    reasoning, _, response = STYLED.partition("\n\n### Answer\n\n")
    assert (after[0].reasoning, after[0].response, after[0].model) == (reasoning, response, "writer")
    assert (after[0].trace_id, after[0].parent_id) == (f"b/{FIRST.problem_id}/0", PARENTS[0].trace_id)
    assert after[0].metadata == {"written_by": "st-hc, version 1", "refused": []}
    claims = {*(f"keeps {c}" for c in variant.keeps), *(f"makes {c}" for c in variant.makes)}
    scores = verify(after, PROBLEMS, GSM8K)
    found = check("b", "st-hc", variant, {PARENTS[0].trace_id: PARENTS[0]}, after, scores)
    assert set(found["claim"]) == claims <= CLAIMED and found["value"].to_list() == [1.0] * 3


def test_the_model_sees_the_question_and_no_header(folder: Path) -> None:
    first(build("st-hc", folder, STYLED))
    first(build("sbs", folder, STYLED))
    for ((prompt, _),) in asked(folder):
        assert FIRST.prompt in prompt and "version" not in prompt and "$" not in prompt.replace(FIRST.prompt, "")
        assert "### Answer" in prompt and not prompt.startswith("#")
    assert "Wait" in asked(folder)[0][0][0] and "Wait" not in asked(folder)[1][0][0]


def test_what_is_refused_is_written_again_as_the_next_sample(folder: Path) -> None:
    changed = first(build("st-hc", folder, PLAIN, WRONG, STYLED))
    assert isinstance(changed, Trace)
    few, wrong = changed.metadata["refused"]
    assert few.startswith("it is too short, it has fewer than 3 types of pivots") and wrong == "its answer is wrong"
    assert [samples for ((_, samples),) in asked(folder)] == [1, 2, 3]


def test_only_what_was_refused_is_asked_again(folder: Path) -> None:
    after = build("st-hc", folder, STYLED, attempts=2).vary_all(PARENTS, [FIRST, SECOND], [Random(0)] * 2)
    assert isinstance(after[0], Trace) and after[1] == Skip("refused 2 times: its answer is wrong; its answer is wrong")
    assert [len(prompts) for prompts in asked(folder)] == [2, 1]


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ({"error": "no reply"}, "the model failed: no reply"),
        ({"says": STYLED, "end": "length"}, "it was cut off"),
        (STYLED.replace("### Answer", "So"), "it has no line '### Answer'"),
        ("### Answer\n25", "its reasoning or its answer is empty"),
        (STYLED.partition("There are 25")[0], "its reasoning or its answer is empty"),
        (STYLED.replace("There are 25 rolls left.", "Some rolls are left."), "its answer cannot be read"),
        (WRONG, "its answer is wrong"),
        (STYLED.replace(CHECKED, ""), "it has no verification"),
        (STYLED.replace("Wait, 6", "6").replace("Now I see how it goes: t", "T"), "fewer than 3 types of pivots"),
    ],
)
def test_every_reason_to_refuse_is_told(says: Any, reason: str, folder: Path) -> None:
    changed = first(build("st-hc", folder, says, attempts=1, pivot_types=3))
    assert isinstance(changed, Skip) and changed.reason.startswith("refused 1 times: ") and reason in changed.reason


def test_the_band_of_words(folder: Path) -> None:
    assert isinstance(first(build("sbs", folder, PLAIN)), Trace)
    for words, reason in (([50, 60], "it is too short"), ([1, 5], "it is too long")):
        assert first(build("sbs", folder, PLAIN, words=words, attempts=1)) == Skip(f"refused 1 times: {reason}")


@pytest.mark.parametrize("parameters", [{"attempts": 0}, {"words": [9, 5]}, {"words": [-1, 5]}, {"max_tokens": 0}])
def test_impossible_settings_are_refused(parameters: dict[str, Any], folder: Path) -> None:
    with pytest.raises(StudyError):
        build("st-hc", folder, STYLED, **parameters)


@pytest.mark.parametrize(
    ("says", "wrong"), [("31", "31"), ("So:\n\n31", "31"), ("25", None), ("25.0", None), ("", "wrote nothing")]
)
def test_a_model_can_think_of_the_wrong_answer(says: str, wrong: str | None, folder: Path) -> None:
    variant = build("st-hc-w", folder, says)
    changed = variant.vary(
        Trace("t", FIRST.problem_id, "m", "It is 25.", "84 - 59 = 25. So it is 25."), FIRST, Random(0)
    )
    if isinstance(changed, Trace):
        assert (changed.reasoning, changed.response) == (f"84 - 59 = 25. So it is {wrong}.", f"It is {wrong}.")
    else:
        assert (wrong or "no wrong answer") in changed.reason
    ((prompt, _),) = asked(folder)[0]
    assert FIRST.prompt in prompt and prompt.endswith("25") and "84 - 59" not in prompt and "version" not in prompt


def test_a_wrong_trace_is_not_bent_and_not_asked_about(folder: Path) -> None:
    variant = build("st-hc-w", folder, "31")
    assert variant.vary(Trace("t", FIRST.problem_id, "m", "It is 26."), FIRST, Random(0)).reason == (
        "its answer is not right"
    )
    assert not (folder / "log.jsonl").exists()


def test_over_an_endpoint_nothing_is_asked_twice(tmp_path: Path) -> None:
    def message(prompt: str) -> dict[str, str]:
        return {"role": "assistant", "content": STYLED if FIRST.prompt in prompt else WRONG}

    endpoint = Endpoint(message=message)
    with serve(endpoint) as url:
        piece = Piece("st-hc", {"model": {"openai": {"model": "m", "base_url": url}}, "attempts": 3})
        found = []
        for _ in range(2):
            variant = registry.build("variants", piece, task=GSM8K, root=tmp_path, journal=tmp_path / "j.jsonl")
            found.append(variant.vary_all(PARENTS, [FIRST, SECOND], [Random(0)] * 2))
    assert found[0] == found[1] and isinstance(found[0][0], Trace) and isinstance(found[0][1], Skip)
    assert len(endpoint.log) == 1 + 3, "one for what was taken at once, three attempts for what never was"


def test_the_prompt_can_be_read(understudy: Understudy) -> None:
    shown = understudy("show", "st-hc").stdout
    assert "st-hc, version 1" in shown and "Let me check" in shown and "$question" in shown
