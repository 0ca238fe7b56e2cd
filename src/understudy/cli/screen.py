"""What the terminal shows while a study runs, and how untrusted text is made safe for it."""

import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from understudy.rundir import Stage

if TYPE_CHECKING:
    from rich.console import Console


def visible(text: str) -> str:
    """The text with control and direction characters written out, so that it cannot steer a terminal."""
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf") else f"\\u{ord(c):04x}" for c in text
    )


def messages() -> "Console":
    """The console for progress and messages: stderr. Colour follows NO_COLOR."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar with time left, on a terminal only and after two seconds; call what it gives with how far it has come."""
    from rich.progress import Progress

    console, started = messages(), time.perf_counter()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(what, total=total, visible=False)

        def move(done: int) -> None:
            bars.update(task, completed=done, visible=time.perf_counter() - started > 2)

        yield move


class Screen:
    """Bars with time left on a terminal; a line a stage anywhere else, for those of more than two seconds."""

    def __init__(self, verbose: bool = False) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.console, self.verbose = messages(), verbose
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[note]}", markup=False, style="dim"),
            console=self.console,
            transient=True,
            speed_estimate_period=120,
        )
        self.tasks: dict[str, Any] = {}
        self.fractions: dict[str, float] = {}
        self.started: dict[str, float] = {}

    def __enter__(self) -> "Screen":
        if self.console.is_terminal:
            self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.bars.stop()

    def begin(self, stages: Mapping[str, Stage], done: Sequence[str]) -> None:
        """Show how much there is to do."""
        left = sum(stage.weight for name, stage in stages.items() if name not in done)
        self.all = self.bars.add_task("study", total=left or 1, note="")
        if done:
            self.console.print(f"{len(done)} of {len(stages)} stages are done already")

    def start(self, stage: Stage) -> None:
        """Show a bar for a stage that takes a while."""
        self.started[stage.name] = time.perf_counter()
        if self.verbose:
            self.console.print(f"{stage.name}  started")
        if stage.weight > 1:
            self.tasks[stage.name] = self.bars.add_task(f"  {stage.name}", total=None, note="")

    def progress(self, stage: Stage, done: int, total: int, note: str) -> None:
        """Move the bars."""
        if stage.name in self.tasks:
            self.bars.update(self.tasks[stage.name], completed=done, total=total, note=note)
            self._advance(stage, done / total if total else 1.0)

    def finish(self, stage: Stage) -> None:
        """Take the stage's bar away, and say how long it took."""
        self._advance(stage, 1.0)
        if stage.name in self.tasks:
            self.bars.remove_task(self.tasks.pop(stage.name))
        seconds = time.perf_counter() - self.started[stage.name]
        if self.verbose or seconds > 2:
            self.console.print(f"{stage.name}  {seconds:.1f} s")

    def _advance(self, stage: Stage, fraction: float) -> None:
        before = self.fractions.get(stage.name, 0.0)
        if fraction > before:
            self.fractions[stage.name] = fraction
            self.bars.advance(self.all, stage.weight * (fraction - before))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A plain table on stdout; ``right`` are the columns of figures."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        figures = max((len(row[number]) for row in rows), default=0) if number in right else None
        justify: Literal["right", "left"] = "left" if figures is None else "right"
        table.add_column(heading, justify=justify, overflow="fold", min_width=figures)
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    wide = None if sys.stdout.isatty() else 160
    Console(highlight=False, width=wide).print(table)
