"""What ``understudy run --dry-run --gpu`` prints: memory of a step, tokens, steps, hours, disk."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.cli.screen import visible

if TYPE_CHECKING:
    from understudy.config import Study
    from understudy.forecast import Forecast, Trained

MIB, GIB = 2**20, 2**30
PARTS = {
    "weights": "weights",
    "copies": "their copies in bfloat16",
    "gradients": "gradients",
    "states": "states of the optimizer",
    "activations": "activations",
    "loss": "logits, and the head's gradient",
    "runtime": "runtime (assumed)",
    "total": "together",
}

DECIDING = ("method", "dtype", "gradient_checkpointing", "tokens_per_batch", "lora_r", "num_processes", "fsdp")
"""Settings by which a step's memory differs between arms."""


def print_forecast(
    study: "Study", root: Path, directory: Path, gpu: str, mfu: float | None = None, mbu: float | None = None
) -> None:
    """Print the forecast of a study, as comments, so that what ``--dry-run`` prints stays a study file."""
    from understudy.errors import StudyError
    from understudy.forecast import forecast
    from understudy.forecast.devices import MBU, parse
    from understudy.forecast.speed import Reached

    for name, share in (("--mfu", mfu), ("--mbu", mbu)):
        if share is not None and not 0 < share <= 1:
            raise StudyError(f"{name} cannot be {share:g}", "it is a share of the peak: more than 0, at most 1")
    made = forecast(study, root, directory, parse(gpu), Reached(mfu, MBU if mbu is None else mbu))
    for line in lines(made):
        print(visible(f"# {line}".rstrip()))


def lines(made: "Forecast") -> Iterator[str]:
    """The forecast in lines of text."""
    device, size = made.device, made.known_from
    if made.shape:
        size = f"{_many(made.shape.parameters)} parameters ({made.known_from})"
    yield ""
    yield f"forecast for {device.name}: {device.memory:g} GiB, {device.tflops:g} TFLOP/s, {device.bandwidth:,g} GB/s"
    yield f"student {made.student}: {size}"
    if made.here < made.wanted:
        yield f"the task has {made.here:,} training problems here; the figures are for the {made.wanted:,} of the study"
    yield from _memory(made)
    yield from _training(made)
    yield from _sampling(made)
    if made.shape:
        kept = f"students {_bytes(made.students)}, while one is trained {_bytes(made.working)} more"
        yield f"disk: {kept}, tables about {_bytes(made.tables)}"
    yield from _assumptions(made)


def _memory(made: "Forecast") -> Iterator[str]:
    """A table of the memory of a step; arms that are trained alike share a column, with the largest step of them."""
    groups: dict[tuple[object, ...], list[Trained]] = {}
    for each in made.trained:
        if each.memory:
            groups.setdefault(tuple(getattr(each.recipe, name) for name in DECIDING), []).append(each)
    if not groups:
        return
    columns = [max(many, key=lambda each: each.at_once) for many in groups.values()]
    heads = [_named([each.arm for each in many]) for many in groups.values()]
    least = min(each.memory.total for each in columns if each.memory)
    unit, name = (GIB, "GiB") if least > 0.1 * GIB else (MIB, "MiB")
    rows = [[f"memory of a step, {name}", *heads]]
    rows.append(["trained", *(each.recipe.method for each in columns)])
    rows.append(["tokens at once", *(f"{each.at_once:,}" for each in columns)])
    for part, said in PARTS.items():
        values = [getattr(each.memory, part) / unit for each in columns]
        if any(values):
            rows.append([said, *(f"{value:.2f}" for value in values)])
    rows.append(["fits", *("yes" if each.fits else "no" for each in columns)])
    yield from _table(rows)
    for each, head in zip(columns, heads, strict=True):
        if not each.fits:
            yield f"too large for it: {head}. What would fit:"
            yield from (f"  train: {change}" for change in each.advice)
            if not each.advice:
                yield "  nothing that a recipe can say: take a smaller student, or leave long traces out"


def _training(made: "Forecast") -> Iterator[str]:
    rows = [["arm", "examples", "tokens each", "longest", "tokens seen", "steps", "hours", "lengths"]]
    for each in made.trained:
        known = each.lengths
        long = "–" if known.longest is None else f"{known.longest:,}"
        sizes = [f"{known.examples:,}", f"{known.mean:,.0f}", long, f"{each.tokens / 1e6:,.2f} M"]
        rows.append([each.arm, *sizes, f"{each.steps:,}", _hours(each.hours), known.how])
    yield from _table(rows, left=(0, 7))
    yield from _overlong(made)
    hours = [each.hours for each in made.trained if each.hours is not None]
    if hours:
        many = f"{made.seeds} seeds" if made.seeds > 1 else "1 seed"
        together = f"training {len(hours)} arms with {many}, one after another"
        yield f"{together}: {_hours(made.seeds * sum(hours))} hours"


def _overlong(made: "Forecast") -> Iterator[str]:
    for each in made.trained:
        context = made.shape.max_position_embeddings if made.shape else 0
        bound = min((n for n in (each.recipe.max_length, context) if n), default=None)
        if bound is not None and (each.lengths.longest or 0) > bound:
            drops = each.recipe.overlong == "drop"
            done = "which are left out" if drops else "which is refused; overlong: drop leaves such out"
            yield f"arm {each.arm} has examples of more than {bound:,} tokens, {done}"


def _sampling(made: "Forecast") -> Iterator[str]:
    if not made.shape:
        return
    rows = [["sampling", "answers", "hours", "hours if every answer is as long as it can be"]]
    for each in made.sampled:
        fits = [_hours(each.expected), _hours(each.most)] if each.expected is not None else ["does not fit", "–"]
        rows.append([each.way, f"{each.answers:,}", *fits])
    yield from _table(rows)


def _assumptions(made: "Forecast") -> Iterator[str]:
    from understudy.forecast import UNTRAINED
    from understudy.forecast.devices import MFU
    from understudy.forecast.memory import USABLE

    methods = sorted({each.recipe.method for each in made.trained}) or ["full"]
    shares = ", ".join(f"{100 * (made.reached.mfu or MFU[method]):.0f} % ({method})" for method in methods)
    yield f"assumed: training reaches {shares} of the peak of sums, --mfu says otherwise;"
    yield f"  decoding {100 * made.reached.mbu:.0f} % of the peak of bandwidth, --mbu says otherwise;"
    yield f"  a student of no traces writes {UNTRAINED:,} tokens, others as many as they were shown;"
    yield "  tokens are those of the texts: a chat template adds some to every example;"
    yield f"  {100 * USABLE:.0f} % of the memory can be filled. Formulas: docs/guides/real-students.md"


def _table(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> Iterator[str]:
    yield ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _named(arms: Sequence[str]) -> str:
    return ", ".join(arms) if len(arms) < 4 else f"{arms[0]} and {len(arms) - 1} others"


def _many(number: float) -> str:
    return f"{number / 1e9:.3g} billion" if number >= 1e9 else f"{number / 1e6:.3g} million"


def _hours(hours: float | None) -> str:
    if hours is None:
        return "–"
    return f"{hours:,.1f}" if hours >= 1 else f"{hours:.2g}"


def _bytes(size: float) -> str:
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size / 1e3:,.0f} kB"
