"""What a study would take of an accelerator, before it runs: memory, tokens, steps, hours, disk.

    understudy run style-over-substance --dry-run --gpu h100
    understudy run style-over-substance --dry-run --gpu mine=48/181/864 --mfu 0.4

An estimate from formulas: ``shapes`` (parameters), ``memory`` (a step), ``speed`` (sums and bytes), ``lengths``
(tokens). Each module says where its formulas are from. What is assumed is said, and can be said otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy import registry
from understudy.config import Study
from understudy.forecast.advice import Change, at_once, changes, fits
from understudy.forecast.devices import Device
from understudy.forecast.lengths import Lengths, lengths, prompts
from understudy.forecast.memory import Memory, adapters, step, width_of
from understudy.forecast.shapes import Shape, read, shape_of
from understudy.forecast.speed import Reached, decoding_hours, training_hours, training_sums
from understudy.protocols import AdvisedStudent, Task
from understudy.types import Recipe

__all__ = ["Forecast", "Sampled", "Trained", "forecast"]

UNTRAINED = 512
"""Assumed tokens of an answer of a student that no traces were shown."""
KEPT = 2
"""Checkpoints that a training keeps until it is done, each with the states of the optimizer."""
STORED = 1.5
"""Assumed bytes a token in the tables: text is compressed to about 0.4, and stands in several of them."""


@dataclass(frozen=True, slots=True)
class Trained:
    """One arm, and one of its students: tokens seen, steps, hours. Memory, hours: null if the size is not known."""

    arm: str
    recipe: Recipe
    lengths: Lengths
    at_once: int
    tokens: float
    steps: int
    memory: Memory | None
    fits: bool | None
    hours: float | None
    advice: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Sampled:
    """One way of sampling, all arms and seeds: answers, and hours if they are as long as expected, or as they can."""

    way: str
    answers: int
    expected: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of a study on a device. ``shape`` is null if the student does not say its size; disk is in bytes."""

    device: Device
    reached: Reached
    student: str
    shape: Shape | None
    known_from: str
    here: int
    """Training problems that the task has here; the figures are for ``wanted``, as the study asks for."""
    wanted: int
    seeds: int
    trained: tuple[Trained, ...]
    sampled: tuple[Sampled, ...]
    students: float
    working: float
    tables: float


def forecast(study: Study, root: Path, directory: Path, device: Device, reached: Reached | None = None) -> Forecast:
    """The forecast of a study that has a student. ``directory`` is the run's, which need not be there.

    Raises ``InputError`` if the student is neither on this machine nor a known one.
    """
    reached = reached or Reached()
    task: Task = registry.build("tasks", study.task, root=root)
    student = registry.build("students", _student(study), task=task, root=root)
    shape, known_from = _shape(student, root)
    advised = student.advised() if isinstance(student, AdvisedStudent) else {}
    here = len(task.problems("train", study.problems.train, study.problems.seed))
    found = lengths(study, root, directory)
    recipes = {arm: study.recipe(arm, advised) for arm in found}
    trained = tuple(_trained(arm, recipes, found, shape, device, reached) for arm in found)
    sampled = tuple(_sampled(study, root, shape, device, reached, found))
    final, working = _disk(shape, trained, len(study.seeds))
    written = sum(each.lengths.examples * each.lengths.mean for each in trained)
    written += sum(each.answers for each in sampled) * UNTRAINED
    name = str(getattr(student, "path", None) or _student(study).name)
    about = device, reached, name, shape, known_from, here, study.problems.train or here
    return Forecast(*about, len(study.seeds), trained, sampled, final, working, STORED * written)


def _student(study: Study) -> registry.Piece:
    from understudy.errors import StudyError

    if study.student is None:
        raise StudyError("the study trains no student, so there is nothing to forecast", "leave --gpu out")
    return study.student


def _shape(student: Any, root: Path) -> tuple[Shape | None, str]:
    """The student's shape: of its checkpoint or configuration; of those made from scratch about, as they say."""
    for named in ("path", "config"):
        if isinstance(path := getattr(student, named, None), str):
            return shape_of(path, root) if named == "path" else (read(root / path), "its config.json")
    width = getattr(student, "hidden_size", None) or getattr(student, "width", None)
    layers, heads = getattr(student, "layers", None), getattr(student, "heads", None)
    if not (width and layers and heads):
        return None, "it does not say its size"
    words = getattr(student, "vocabulary", None) or len(student.task.words())
    keys, room = getattr(student, "kv_heads", heads), getattr(student, "context", 0)
    shape = Shape(width, 3 * width, layers, heads, keys, width // heads, words, True, room, stored=4)
    return shape, "about, by its settings"


def _trained(
    arm: str,
    recipes: Mapping[str, Recipe],
    found: Mapping[str, Lengths],
    shape: Shape | None,
    device: Device,
    reached: Reached,
) -> Trained:
    recipe, each = recipes[arm], found[arm]
    tokens = _tokens(arm, recipes, found)
    if recipe.train_batch_size is None:
        steps = -(-tokens // recipe.tokens_per_step)
    else:
        steps = -(-tokens // (recipe.train_batch_size * max(1.0, each.mean)))
    once = at_once(recipe, each.mean, each.longest)
    if shape is None:
        return Trained(arm, recipe, each, once, tokens, max(1, int(steps)), None, None, None, ())
    memory, room = step(shape, recipe, once, device.gpu), fits(shape, recipe, device, once)
    learned = each.completion / each.mean if each.mean else 1.0
    sums = training_sums(shape, recipe, tokens, each.squares, learned)
    longest = round(each.longest or recipe.max_length or each.mean)
    advice = () if room else tuple(changes(shape, recipe, device, once, longest))
    hours = training_hours(device, recipe, sums, reached)
    return Trained(arm, recipe, each, once, tokens, max(1, int(steps)), memory, room, hours, advice)


def _tokens(arm: str, recipes: Mapping[str, Recipe], found: Mapping[str, Lengths]) -> float:
    """Training tokens that one student of the arm sees."""
    match = recipes[arm].match
    if match is not None:
        return found[match].examples * found[match].mean * recipes[match].num_train_epochs
    return found[arm].examples * found[arm].mean * recipes[arm].num_train_epochs


def _sampled(
    study: Study, root: Path, shape: Shape | None, device: Device, reached: Reached, found: Mapping[str, Lengths]
) -> Iterator[Sampled]:
    problems, prompt = prompts(study, root)
    graphs = study.engine.name != "transformers"
    for way, sample in study.sample.items():
        rows, most = problems * sample.samples, sample.max_tokens
        hours: list[float | None] = []
        for arm in study.arms:
            usual = min(found[arm].completion if arm in found else UNTRAINED, most)
            for answer in (usual, most):
                known = shape and decoding_hours(shape, device, rows, prompt, answer, most, reached, graphs)
                hours.append(known or None)
        yield Sampled(way, rows * len(study.arms) * len(study.seeds), *_summed(hours, len(study.seeds)))


def _summed(hours: Sequence[float | None], seeds: int) -> tuple[float | None, float | None]:
    """Expected and most, of pairs; null if one is."""
    known = [hour for hour in hours if hour is not None]
    if len(known) < len(hours):
        return None, None
    return seeds * sum(known[::2]), seeds * sum(known[1::2])


def _disk(shape: Shape | None, trained: Sequence[Trained], seeds: int) -> tuple[float, float]:
    """Bytes of all students when all is done (weights as their start stores them), and beside them during training."""
    if shape is None:
        return 0.0, 0.0
    final = [shape.parameters * shape.stored + _adapter(shape, each.recipe) for each in trained]
    work = [KEPT * _checkpoint(shape, each.recipe) for each in trained]
    return seeds * sum(final), max(work, default=0.0)


def _adapter(shape: Shape, recipe: Recipe) -> float:
    return 0.0 if recipe.method == "full" else 4.0 * adapters(shape, recipe)


def _checkpoint(shape: Shape, recipe: Recipe) -> float:
    """Weights that are trained, and two states of each."""
    if recipe.method == "full":
        return 3.0 * shape.parameters * width_of(recipe)
    return 3.0 * _adapter(shape, recipe)
