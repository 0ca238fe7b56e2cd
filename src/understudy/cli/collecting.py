"""What ``understudy collect`` reads, shows while it asks, and says in the end."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from understudy.cli.screen import messages, print_table, visible

if TYPE_CHECKING:
    from understudy.asking import Tally
    from understudy.registry import Piece
    from understudy.types import Problem, Sampling, Trace

EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""
SHOWN = 2_000
"""Characters of a prompt that a dry run shows."""


def piece(model: str, base_url: str | None, budget: Mapping[str, Any]) -> "Piece":
    """The model that is meant: as a study writes it, or the bare name of one behind an endpoint."""
    from understudy.errors import UnknownName, did_you_mean
    from understudy.registry import Piece, modules

    parsed = Piece("openai", {"model": model}) if base_url and not model.lstrip().startswith("{") else _parse(model)
    if parsed.name not in modules("models"):
        known = did_you_mean(parsed.name, modules("models"))
        raise UnknownName(
            f"there is no '{parsed.name}' among the models", f"{known} (of an endpoint: add --base-url URL)"
        )
    address = {} if base_url is None else {"base_url": base_url}
    return Piece(parsed.name, {**parsed.parameters, **address, **budget})


def problems(task: str | None, questions: Path | None, split: str, n: int | None, seed: int) -> "list[Problem]":
    """The problems to ask: of a task, or the first of a file of questions."""
    from understudy import registry
    from understudy.collect import questions as read
    from understudy.errors import StudyError, did_you_mean

    if (task is None) == (questions is None):
        raise StudyError("say what to ask: --task or --questions, one of them", "--task reach, or --questions FILE")
    if split not in ("train", "test"):
        raise StudyError(f"there is no split '{split}'", did_you_mean(split, ("train", "test")))
    if questions is not None:
        return read(questions)[:n]
    made: list[Problem] = registry.build("tasks", _parse(str(task)), root=Path()).problems(split, n, seed)
    return made


def build(model: "Piece", task: str | None, journal: Path, watch: "Callable[[Tally], None] | None" = None) -> Any:
    """The model, with the journal that it is to keep."""
    from understudy import registry

    filled_in: dict[str, Any] = {"journal": journal, **({"watch": watch} if watch else {})}
    if task is not None:
        filled_in["task"] = registry.build("tasks", _parse(task), root=Path())
    return registry.build("models", model, root=Path(), **filled_in)


def write(model: Any, problems: "Sequence[Problem]", sampling: "Sampling", out: Path) -> None:
    """Ask everything and write the table; if it has to stop, the table of what was answered. Raises why it stopped."""
    from understudy.asking import Stopped

    try:
        _write(model.generate(problems, sampling), problems, out)
    except Stopped as stopped:
        held = _write(model.so_far(problems, sampling), problems, out)
        kept = f"; {out} holds the {held:,} that there are" if held else ""
        raise Stopped(stopped.message + kept, stopped.hint) from None
    except KeyboardInterrupt:
        journalled = "every answer is in the journal; run the same command again to go on"
        lost = "a model that keeps no journal starts anew; nothing was written"
        messages().print(f"interrupted: {journalled if hasattr(model, 'journal') else lost}")
        raise typer.Exit(130) from None


def _write(traces: "Iterable[Trace]", problems: "Sequence[Problem]", out: Path) -> int:
    from understudy import tables
    from understudy.collect import self_contained
    from understudy.rundir import whole
    from understudy.types import Trace

    made = list(self_contained(traces, problems))
    if made:
        with whole(out) as partial:
            tables.write_records(Trace, made, partial)
    return len(made)


def describe(model: Any, problems: "Sequence[Problem]", sampling: "Sampling") -> None:
    """Print the first prompt as it would be sent, how many there are, and what they may take."""
    if not hasattr(model, "requests"):
        print(f"{len(problems):,} problems, asked {sampling.samples} times; nothing is paid for. The first prompt:")
        print(visible(problems[0].prompt[:SHOWN]) if problems else "(none)")
        return
    first = next(iter(model.requests(problems[:1], sampling)), None)
    body = dict(first.body) if first else {}
    for message in body.pop("messages", ()):
        print(f"{message['role']}: {visible(message['content'][:SHOWN])}")
    print("with " + visible(", ".join(f"{name} {value}" for name, value in body.items())))
    print("\n".join(expected(model, problems, sampling)))


def expected(model: Any, problems: "Sequence[Problem]", sampling: "Sampling") -> list[str]:
    """Sentences: how many requests there are, and what tokens and dollars those without an answer may take."""
    from understudy import asking
    from understudy.asking.budget import Used

    requests = model.requests(problems, sampling)
    known = {r.key for r, line in asking.answers(requests, model.journal) if "answer" in line}
    left = [request for request in requests if request.key not in known]
    answered = f", {len(known):,} of them answered in {model.journal}" if known else ""
    most = [request.most_completion_tokens for request in left]
    prompt, completion = sum(request.prompt_tokens for request in left), sum(n or 0 for n in most)
    bounded = None not in most
    answers = f"answers at most {completion:,}" if bounded else "answers without a ceiling (max_tokens sets one)"
    lines = [f"requests: {len(requests):,}{answered}", f"tokens to pay for: prompts about {prompt:,}, {answers}"]
    if not hasattr(model, "prices"):  # a server of one's own
        return [lines[0], lines[1].replace(" to pay for", "")]
    prices = asking.Prices.read(model.prices)
    if prices is None:
        return [*lines, "cost: not known without prices: {prompt: DOLLARS, completion: DOLLARS} a million tokens"]
    dear = [prices.cost(Used(prompt, completion, thought)) for thought in (0, completion)]
    if bounded:
        return [*lines, f"cost: at most about ${max(dear):,.4f}"]
    return [*lines, f"cost: ${prices.cost(Used(prompt, 0)):,.4f} for the prompts, and that of the answers"]


class Progress:
    """A bar with what is known so far on a terminal, a line now and then anywhere else."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        self.tally: Tally | None = None
        self.console, self.last = messages(), 0.0
        columns = (BarColumn(), TextColumn("{task.description}", markup=False))
        self.bars = Bars(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)
        self.bar = self.bars.add_task("", total=None)

    def __enter__(self) -> "Progress":
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def show(self, tally: "Tally") -> None:
        """What a model is told to call after every answer."""
        self.tally = tally
        every = 0.1 if self.console.is_terminal else EVERY
        if tally.seconds - self.last >= every:
            self.last = tally.seconds
            self.bars.update(self.bar, completed=tally.done, total=tally.total, description=sentence(tally))
            if not self.console.is_terminal:
                self.console.print(sentence(tally))


def sentence(tally: "Tally") -> str:
    """How far it has come: rate, errors, tokens, cost and time left."""
    rate = (tally.done - tally.known) / tally.seconds if tally.seconds else 0.0
    parts = [f"{tally.done:,} of {tally.total:,}", f"{rate:,.1f}/s", f"{tally.errors:,} errors"]
    parts.append(f"{tally.prompt_tokens + tally.completion_tokens:,} tokens")
    if tally.cost is not None:
        parts.append(f"${tally.cost:,.2f}")
    if rate:
        minutes, seconds = divmod(round((tally.total - tally.done) / rate), 60)
        parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")
    return ", ".join(parts)


def summary(out: Path, tally: "Tally | None", json: bool) -> None:
    """What the table holds; why there is no answer where there is none."""
    from understudy import tables

    frame = tables.read(out)
    counts: dict[str, Any] = {
        "traces": len(frame),
        "problems": frame["problem_id"].n_unique(),
        "errors": len(frame) - frame["error"].null_count(),
        "truncated": int((frame["finish_reason"] == "length").sum()),
        "no reasoning": frame["reasoning"].null_count(),
        "asked before": tally.known if tally else None,
        "prompt tokens": tally.prompt_tokens if tally else None,
        "completion tokens": tally.completion_tokens if tally else None,
        "dollars": None if tally is None or tally.cost is None else round(tally.cost, 6),
    }
    reasons = Counter(frame["error"].drop_nulls().to_list())
    if json:
        print(tables.to_json({"file": str(out), **counts, "reasons": dict(reasons)}))
        return
    told = {name: count for name, count in counts.items() if count is not None}
    cells = [f"{count:,.4f}" if isinstance(count, float) else f"{count:,}" for count in told.values()]
    print_table(["file", *told], [[str(out), *cells]], right=range(1, len(told) + 1))
    for reason, number in reasons.most_common():
        print(visible(f"{number:,} without an answer: {reason}"))


def _parse(text: str) -> "Piece":
    """A piece as the command line writes it. Raises ``StudyError``."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from understudy.errors import StudyError
    from understudy.registry import Piece

    with suppress(YAMLError):
        return Piece.parse(YAML(typ="safe", pure=True).load(text))
    raise StudyError(f"{text!r} is not valid YAML", "write a name, or '{name: {parameter: value}}'")
