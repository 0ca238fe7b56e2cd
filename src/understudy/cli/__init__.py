"""The command line: one file a command. Data goes to stdout, progress and messages to stderr.

Exit status: 0 done, 1 checked and found wanting (``task validate``), 2 a mistake that can be mended (one sentence and a
hint), 130 interrupted.
"""

import errno
import sys

import typer

from understudy.cli import (
    collect,
    curate,
    export,
    import_,
    profile,
    report,
    rescore,
    run,
    show,
    style,
    task,
    vary,
    verify,
)
from understudy.cli import list as list_
from understudy.errors import UnderstudyError

app = typer.Typer(
    name="understudy",
    help="A lab bench for reasoning-trace distillation: what do students learn from a teacher's traces?",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("collect")(collect.collect)
app.command("list")(list_.list_)
app.command("show")(show.show)
app.command("report")(report.report)
app.command("vary")(vary.vary)
app.command("verify")(verify.verify)
app.command("rescore")(rescore.rescore)
app.command("curate")(curate.curate)
app.command("import")(import_.import_)
app.command("export")(export.export)
app.command("profile")(profile.profile)
app.add_typer(style.style, name="style")
app.add_typer(task.task, name="task")

DISK = {
    errno.ENOSPC: (
        "the disk is full",
        "free some space and run the same command again: what is done is kept",
    ),
    errno.EDQUOT: (
        "the disk quota is used up",
        "free some space and run the same command again: what is done is kept",
    ),
    errno.EROFS: ("the place to write to is read-only", "choose another directory with --out"),
    errno.EACCES: ("permission denied", "choose another directory with --out, or mend the permissions"),
}


def version(show_version: bool) -> None:
    """Print the version and stop."""
    if show_version:
        from understudy import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    _: bool = typer.Option(False, "--version", callback=version, is_eager=True, help="Print the version."),
) -> None:
    """A lab bench for reasoning-trace distillation: what do students learn from a teacher's traces?"""


def main() -> None:
    """The command ``understudy``."""
    try:
        app()
    except UnderstudyError as error:
        fail(error.message, error.hint)
    except OSError as error:
        if error.errno not in DISK:
            raise
        sentence, hint = DISK[error.errno]
        fail(f"{sentence}: {error.filename or error.strerror}", hint)


def fail(message: str, hint: str) -> None:
    """One sentence and a hint on stderr, and exit status 2."""
    from understudy.cli.screen import visible

    print(f"error: {visible(message)}", file=sys.stderr)
    if hint:
        print(f"hint: {visible(hint)}", file=sys.stderr)
    sys.exit(2)
