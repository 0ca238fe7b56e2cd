"""understudy run: a study from problems to report."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from understudy.config import Study
    from understudy.rundir import Stage


def run(
    study: Annotated[str, typer.Argument(help="A study file, or the name of one that comes with understudy.")],
    out: Annotated[Path | None, typer.Option(help="The run directory; default runs/NAME.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override key.key=value; may be repeated.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="How many processes work at once, one thread each.")] = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved study and what it would do.")] = False,
    gpu: Annotated[
        str | None, typer.Option(help="With --dry-run: memory, hours and disk on it. A name, or NAME=GiB/TFLOPs.")
    ] = None,
    mfu: Annotated[float | None, typer.Option(help="With --gpu: the share of its sums that training reaches.")] = None,
    mbu: Annotated[float | None, typer.Option(help="With --gpu: the share of its bandwidth in decoding.")] = None,
    update: Annotated[bool, typer.Option(help="Compute anew what changed settings change in a run.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the estimates as JSON.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Name every stage.")] = False,
) -> None:
    """Run a study: collect, verify, profile, vary, train, sample, compare, report. Run again to go on."""
    from understudy.cli.forecasting import print_forecast
    from understudy.cli.results import dropped, print_results
    from understudy.cli.screen import Screen, messages
    from understudy.config import find, load
    from understudy.errors import StudyError
    from understudy.plan import plan
    from understudy.study import data_root
    from understudy.study import run as conduct

    overrides = set_ or []
    if gpu is not None and not dry_run:
        raise StudyError("--gpu forecasts what a run would take, and runs nothing", "add --dry-run")
    if dry_run:
        path = find(study)
        resolved = load(path, overrides)
        root = data_root(resolved, path)
        paid = list(_paid_for(resolved, root, out or Path("runs") / resolved.study))
        _describe(resolved, plan(resolved, root), paid)
        if gpu is not None:
            print_forecast(resolved, root, out or Path("runs") / resolved.study, gpu, mfu, mbu)
        return
    try:
        with Screen(verbose) as screen:
            directory = conduct(study, out, overrides, workers, update, screen)
    except KeyboardInterrupt:
        messages().print("interrupted: what is done is kept; run the same command again to go on")
        raise typer.Exit(130) from None
    print_results(directory, json)
    for sentence in dropped(directory):
        messages().print(sentence)
    messages().print(f"report: {directory / 'report.html'}")


def _describe(study: "Study", stages: Mapping[str, "Stage"], paid: Sequence[str]) -> None:
    from understudy.config import dump

    print(dump(study), end="")
    kinds = Counter(name.partition("/")[0] for name in stages)
    print("\n# what it would do, in stages: " + ", ".join(f"{kind} {count}" for kind, count in kinds.items()))
    if study.student:
        arms = [name for name, arm in study.arms.items() if arm.from_]
        train, test = (f"{n:,}" if n else "all" for n in (study.problems.train, study.problems.test))
        ways = len(study.seeds) * sum(sample.samples for sample in study.sample.values())
        print(f"# it would train {len(arms) * len(study.seeds)} students on {train} problems each")
        free = "" if paid else "; nothing is paid for"
        print(f"# and sample {len(study.arms)} arms {ways} times on {test} test problems{free}")
    for sentence in paid:
        print(f"# {sentence}")


def _paid_for(study: "Study", root: Path, directory: Path) -> Iterator[str]:
    """What endpoints would be asked, and what that may cost; nothing for a study without any."""
    from understudy import registry
    from understudy.cli.collecting import expected
    from understudy.cli.screen import visible
    from understudy.stages import journal
    from understudy.types import Sampling

    split, n = ("train", study.problems.train) if study.student else ("test", study.problems.test)
    for name, arm in study.arms.items():
        model = arm.from_ if arm.from_ and arm.from_.name not in study.arms else None
        if model and hasattr(registry.load("models", model.name), "requests"):
            problems = registry.build("tasks", study.task, root=root).problems(split, n, study.problems.seed)
            made = registry.build("models", model, root=root, journal=journal(directory, split, name))
            sentences = "; ".join(expected(made, problems, Sampling()))
            yield visible(f"arm {name} would ask {made.model}: {sentences}")
