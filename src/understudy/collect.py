"""Problems × Model → Traces.

    understudy collect --task gsm8k --model qwen3-8b --base-url http://localhost:8000/v1 --out traces.parquet
    understudy run real-traces --set data=DIR     # a file of traces is a model, too

One row is one attempt, also a failed one. Problems that the model does not attempt have no row.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from understudy import tables
from understudy.errors import ContaminationError, InputError
from understudy.protocols import Model, Task
from understudy.types import Problem, Sampling, Trace


def draw(task: Task, train: int | None, test: int | None, seed: int) -> list[Problem]:
    """Problems of both splits (0: none of it). Raises ``ContaminationError`` if a test problem is in both."""
    drawn = {
        "train": task.problems("train", train, seed) if train != 0 else [],
        "test": task.problems("test", test, seed) if test != 0 else [],
    }
    refuse_overlap(drawn["train"], drawn["test"])
    return [*drawn["train"], *drawn["test"]]


def refuse_overlap(train: Sequence[Problem], test: Sequence[Problem]) -> None:
    """Refuse to train on what is tested. Problems are the same if their prompts are, up to whitespace."""
    tested = {" ".join(problem.prompt.split()) for problem in test}
    shared = [problem for problem in train if " ".join(problem.prompt.split()) in tested]
    if shared:
        raise ContaminationError(
            f"{len(shared):,} of {len(train):,} training problems occur in the test split, for instance "
            f"'{shared[0].prompt[:80]}'",
            "take them out of the training file: a student must not be tested on what it was trained on",
        )


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

    Read are the fields that usually hold a prompt and a reference answer. Raises ``InputError`` if a row has no prompt.
    """
    from understudy.formats._names import roles
    from understudy.rows import read_rows
    from understudy.tasks import problem_id

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
        name = problem_id("questions", prompt)
        gold = answer if answer is None or isinstance(answer, str) else tables.to_json(answer)
        found.setdefault(name, Problem(name, "questions", prompt.strip(), gold, "test"))
    return list(found.values())
