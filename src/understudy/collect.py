"""Problems × Model → Traces.

    understudy run real-traces --set data=DIR     # a file of traces is a model, too

One row is one attempt, also a failed one. Problems that the model does not attempt have no row.
"""

from collections.abc import Sequence
from dataclasses import replace

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
