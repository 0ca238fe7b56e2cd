"""Asking an endpoint many things at once, and keeping every answer: on disk before anything else sees it.

    from understudy.asking import Request, Settings, answers, ask
    requests = [Request("q1", 0, {"model": "m", "messages": [{"role": "user", "content": "2 and 2?"}]})]
    ask(requests, Settings(base_url="http://localhost:8000/v1"), Path("answers.journal.jsonl"))
    for request, line in answers(requests, Path("answers.journal.jsonl")): ...

``request`` says what is asked and what it may cost, ``endpoint`` sends it once, ``pool`` sends all of them: many at a
time, again where that may help, within limits of speed (``pace``) and money (``budget``), and writes what comes back
to the ``journal``. What is in the journal is never asked again.
"""

from understudy.asking.budget import Prices
from understudy.asking.journal import answers
from understudy.asking.pool import Stopped, ask
from understudy.asking.request import Request
from understudy.asking.settings import Settings
from understudy.asking.tally import Tally, Watch, unwatched

__all__ = ["Prices", "Request", "Settings", "Stopped", "Tally", "Watch", "answers", "ask", "unwatched"]
