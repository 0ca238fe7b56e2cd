"""understudy style: why the tagger says what it says, and how well it agrees with labels."""

from pathlib import Path
from typing import Annotated

import typer

style = typer.Typer(
    help="The episode tagger: what decided each step, and its agreement with labels.", add_completion=False
)


@style.command("explain")
def explain(
    file: Annotated[Path, typer.Argument(help="A text file, or a file of traces of any layout.")],
    trace: Annotated[str | None, typer.Option(help="The trace to explain; the first without it.")] = None,
    steps: Annotated[int, typer.Option(help="At most so many steps.")] = 40,
    words: Annotated[int, typer.Option(help="At most so many words or signs a step.")] = 4,
) -> None:
    """Show each step's episode and stage with the words that decided it, and by how much.

    understudy style explain r1.jsonl.gz
    """
    from understudy.cli.explaining import explained, text_of
    from understudy.cli.screen import print_table

    rows = explained(text_of(file, trace), words)
    print_table(["step", "stage", "episode", "decided by", "text"], rows[:steps])
    if len(rows) > steps:
        print(f"{len(rows) - steps:,} more steps; --steps shows more")


@style.command("agreement")
def agreement(
    file: Annotated[Path, typer.Argument(help="JSONL, a row a trace: a list of sentences with a label each.")],
    sentences: Annotated[str, typer.Option(help="The field with the list.")] = "data",
    text: Annotated[str, typer.Option(help="The field of a sentence with its text.")] = "text",
    label: Annotated[str, typer.Option(help="The field of a sentence with its label.")] = "gt-class-2",
) -> None:
    """Cohen's kappa, accuracy and F1 of the tagger on labelled sentences, with the confusion matrix.

    understudy style agreement labelled.jsonl
    """
    from understudy.cli.explaining import agreed
    from understudy.cli.screen import print_table
    from understudy.style.episodes import EPISODES

    found, skipped = agreed(file, sentences, text, label)
    rows = [
        [name, *map(str, row), f"{found.f1.get(name, 0):.2f}"]
        for name, row in zip(EPISODES, found.confusion, strict=True)
    ]
    print_table(["labelled as", *EPISODES, "F1"], rows, right=range(1, 9))
    kappa = "–" if found.kappa is None else f"{found.kappa:.3f}"
    print(f"n {found.n:,}, kappa {kappa}, accuracy {found.accuracy:.3f}, macro-F1 {found.macro_f1:.3f}")
    if skipped:
        print(f"{skipped:,} sentences have no label of the seven and are not counted")
