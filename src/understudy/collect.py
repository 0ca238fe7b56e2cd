"""Problems × Model → Traces.

    understudy collect --task gsm8k --model qwen3-8b --base-url http://localhost:8000/v1 --out traces.parquet
    understudy run real-traces --set data=DIR     # a file of traces is a model, too

One row is one attempt, also a failed one. Problems that the model does not attempt have no row.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from understudy import tables
from understudy.errors import ContaminationError, InputError
from understudy.protocols import Model, Task
from understudy.types import Problem, Sampling, Trace

HELD = 40
"""Characters that a test prompt must have to be looked for within others: a shorter one is a common question."""
_EDGES = ".,;:?\"'"


def draw(task: Task, train: int | None, test: int | None, seed: int) -> list[Problem]:
    """Problems of both splits (0: none of it). Raises ``ContaminationError`` if a test problem is in both."""
    drawn = {
        "train": task.problems("train", train, seed) if train != 0 else [],
        "test": task.problems("test", test, seed) if test != 0 else [],
    }
    refuse_overlap(drawn["train"], drawn["test"])
    return [*drawn["train"], *drawn["test"]]


def refuse_overlap(train: Sequence[Problem], test: Sequence[Problem]) -> None:
    """Refuse to train on what is tested: on a prompt that says the same as a test prompt, or holds it as a whole.

    Prompts are compared without case, white space, the dollars around formulas, and the signs at the ends of words.
    Other signs count, as do numbers: problems of one make that differ in them are different problems. Those of fewer
    than ``HELD`` characters are not looked for within others. Raises ``ContaminationError``.
    """
    tested = {"".join(_words(problem.prompt)) for problem in test}
    beginnings: dict[str, list[str]] = {}
    for text in tested:
        if len(text) >= HELD:
            beginnings.setdefault(text[:HELD], []).append(text)
    shared = [problem for problem in train if _says(_words(problem.prompt), tested, beginnings)]
    if shared:
        raise ContaminationError(
            f"{len(shared):,} of {len(train):,} training problems occur in the test split, for instance "
            f"'{shared[0].prompt[:80]}'",
            "take them out of the training file: a student must not be tested on what it was trained on",
        )


def _words(prompt: str) -> list[str]:
    return [word for word in (word.strip(_EDGES) for word in prompt.casefold().replace("$", "").split()) if word]


def _says(words: Sequence[str], tested: AbstractSet[str], beginnings: Mapping[str, Sequence[str]]) -> bool:
    """Whether the words are a test prompt, or one begins at one of them."""
    text = "".join(words)
    if text in tested:
        return True
    places = accumulate(map(len, words), initial=0)
    return any(text.startswith(one, at) for at in places for one in beginnings.get(text[at : at + HELD], ()))


def collect(problems: Sequence[Problem], model: Model, sampling: Sampling, arm: str) -> list[Trace]:
    """The traces that the model writes for these problems, with ids that start with the arm's name.

    Raises ``InputError`` if there is none.
    """
    traces = [
        replace(trace, trace_id=f"{arm}/{trace.problem_id}/{trace.sample}", variant=None)
        for trace in model.generate(problems, sampling)
    ]
    if not traces:
        raise InputError(
            f"arm '{arm}' has no trace for any of the {len(problems):,} problems",
            "check that its prompts are those of the task, word for word",
        )
    return traces


def self_contained(traces: Iterable[Trace], problems: Sequence[Problem]) -> Iterator[Trace]:
    """The traces with the prompt and the reference answer of their problem in ``metadata``, as imported ones have."""
    known = {problem.problem_id: problem for problem in problems}
    for trace in traces:
        problem = known[trace.problem_id]
        answer = {} if problem.answer is None else {"answer": problem.answer}
        yield replace(trace, metadata={"prompt": problem.prompt, **answer, **trace.metadata})


def questions(file: Path) -> list[Problem]:
    """The problems of a file of questions, each once, in its order: of our own table, or rows of any layout we read.

    Read are the fields that usually hold a prompt, with the ``Body`` that it is asked of, and a reference answer.
    Raises ``InputError`` if a row has no prompt.
    """
    from understudy.formats._names import roles
    from understudy.rows import read_rows
    from understudy.tasks import problem_id
    from understudy.tasks._benchmark import written
    from understudy.tasks.svamp import after_body

    rows, unreadable = read_rows(file)
    if unreadable:
        raise InputError(f"{file}, row {unreadable[0][0]}: {unreadable[0][1]}")
    if file.suffix == ".parquet" and rows[0][1].keys() >= tables.SCHEMAS[Problem].keys():
        return tables.read_records(Problem, file)
    found: dict[str, Problem] = {}
    for number, row in rows:
        fields = roles(tuple(row))
        prompt, answer = row.get(fields.get("prompt", "")), row.get(fields.get("answer", ""))
        if not isinstance(prompt, str) or not prompt.strip():
            raise InputError(f"{file}, row {number} has no question", f"it has {', '.join(row)}: name one 'question'")
        prompt = after_body(row, prompt.strip())
        name = problem_id("questions", prompt)
        found.setdefault(name, Problem(name, "questions", prompt, written(answer), "test"))
    return list(found.values())
