"""What can go wrong, and who is told.

*A mistake of the user's* (a typo in a study, a missing file, an extra that is not installed) raises an
``UnderstudyError``: one sentence with the offending value, and a hint that says what to do. The command line
prints both and exits with status 2; no traceback is shown and nothing that was finished is lost.

*Bad data* (a row that cannot be read, an answer that cannot be graded, an endpoint that fails) is not an
exception: it is recorded once, on its own row, where it enters, and summarised at the end. A dropped row carries
its reason.

*A bug of ours* is any other exception. It is shown in full, so that it can be reported.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class UnderstudyError(Exception):
    """A mistake that the user can mend: ``message`` is one sentence, ``hint`` says how to mend it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class StudyError(UnderstudyError):
    """A study file says something that cannot be done."""


class UnknownName(UnderstudyError):
    """A name that is on no shelf, or a parameter that an entry does not have."""


class InputError(UnderstudyError):
    """A file that is missing or cannot be read."""


class RunError(UnderstudyError):
    """A run directory that cannot be used: of another study, another version, in use, read-only or full."""


class ContaminationError(UnderstudyError):
    """Problems that a student would be tested on occur in what it would be trained on."""


class MissingExtra(UnderstudyError):
    """A library of an optional extra is not installed."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"{library} is not installed", f"pip install 'understudy[{extra}]'")
        self.args = (library, extra)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest of ``known``, or all of them."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names) or 'none'}"
