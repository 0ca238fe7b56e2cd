"""Sending a data set directory to a hub, because the user said so.

    hub.check("me/traces")                      # before anything is written
    hub.push(Path("traces"), "me/traces")       # the address of the data set

The token is read from ``HF_TOKEN`` and written nowhere. A repository that is not there is made private: to make it
public is a decision of its own. ``HF_ENDPOINT`` names another hub.
"""

import os
import re
import shlex
from pathlib import Path

from understudy import registry
from understudy.errors import RunError, StudyError, UnderstudyError

TOKEN = "HF_TOKEN"
"""The environment variable with the token."""
SHARDS = "data/train-*.parquet"
"""What is sent beside the card, and taken away of an earlier data set."""
LONGEST = 300
"""Characters of a hub's own words that are kept."""
NAME = re.compile(r"(?!.*(--|\.\.))(?=.{3,96}$)[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?<![.-])", re.ASCII)
"""What the name of a data set on a hub looks like: OWNER/NAME."""
_REFUSED = (401, 403)


def check(name: str) -> None:
    """Raise ``StudyError`` or ``MissingExtra`` if nothing could be sent, whatever it is. Asks no network."""
    if not NAME.fullmatch(name):
        raise StudyError(f"--push {name!r} names no data set", "write --push OWNER/NAME")
    registry.require("hub", "huggingface_hub")
    if not os.environ.get(TOKEN, "").strip():
        raise StudyError(f"--push needs a token in the environment variable {TOKEN}", f"export {TOKEN}=…, then again")


def push(folder: Path, name: str) -> str:
    """Send a data set directory as one commit, which takes away the shards of an earlier one. Returns its address.

    Raises ``RunError`` if the hub cannot be reached or refuses; what was written here stays.
    """
    check(name)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # it is read when the library is imported
    from huggingface_hub import HfApi

    token = os.environ[TOKEN].strip()
    try:
        api = HfApi(token=token)
        address = api.create_repo(name, repo_type="dataset", private=True, exist_ok=True)
        api.upload_folder(
            repo_id=name,
            repo_type="dataset",
            folder_path=folder,
            allow_patterns=["README.md", SHARDS],
            delete_patterns=[SHARDS],
            commit_message="Data set written by understudy",
        )
    except Exception as error:  # the library's own, and those of the HTTP library that it happens to use
        raise _said(error, folder, name, token) from None
    return str(address)


def _said(error: Exception, folder: Path, name: str, token: str) -> UnderstudyError:
    """One sentence, without the token."""
    said = str(error).partition("For more information")[0]
    reason = " ".join(said.split()).replace(token, "…")[:LONGEST] or type(error).__name__
    status = getattr(getattr(error, "response", None), "status_code", None)
    command = f"hf upload {name} {shlex.quote(str(folder))} --repo-type dataset --private --delete '{SHARDS}'"
    again = f"the data set is complete; to send it: {command}"
    if status in _REFUSED:
        return RunError(f"the hub refused the token for {name} ({reason})", f"it must be one that may write; {again}")
    if status is not None:
        return RunError(f"the hub answered {status} ({reason})", again)
    return RunError(f"{name} could not be sent to the hub ({reason})", again)
