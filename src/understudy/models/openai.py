"""Any OpenAI-compatible endpoint, as a model: hosted APIs, vLLM, Ollama, SGLang.

    from: {openai: {model: qwen3-8b, base_url: "http://localhost:8000/v1", temperature: 0.6, max_tokens: 16384}}

    understudy collect --task gsm8k --model qwen3-8b --base-url http://localhost:8000/v1 --out traces.parquet

Answers are kept in a journal as they come: what is killed and started again goes on where it was, and what was
answered is never asked, or paid for, twice.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from understudy import asking
from understudy.asking import Request, Settings, Watch
from understudy.asking.budget import Used
from understudy.asking.request import CEILINGS
from understudy.asking.settings import refuse_below
from understudy.errors import StudyError
from understudy.formats._attempt import attempt
from understudy.protocols import Report, silent
from understudy.randomness import seed_of
from understudy.registry import entry
from understudy.types import Problem, Sampling, Trace

REASONING = ("reasoning_content", "reasoning", "thinking")
"""Fields of a message that servers put the reasoning into."""
OURS = ("model", "messages", "stream", "n")
"""What ``extra`` cannot set: it would change what is asked, or how the answer comes."""


@entry
@dataclass(frozen=True, kw_only=True)
class OpenAI(Settings):
    """A model behind an OpenAI-compatible endpoint (chat completions).

    How it is sampled is said here, in the endpoint's own terms, and what is null is left to the endpoint:
    ``temperature``, ``top_p``, ``max_tokens`` (of one answer, reasoning included), ``stop``, and with ``extra`` any
    other field of a request. Each problem is asked ``samples`` times (null: as often as the sampling says); with a
    ``seed`` each of these gets a seed of its own. ``system`` is the system prompt. ``thinks``: the model closes its
    reasoning with a tag, so that a text without one was cut off in it. Of the ``sampling`` only ``samples`` is looked
    at.

    ``base_url`` is the address up to ``/v1`` (null: ``OPENAI_BASE_URL``, else OpenAI's). The key is read from the
    environment variable ``api_key_env`` (null: ``OPENAI_API_KEY``, if it is set) and written nowhere.
    ``concurrency`` requests are under way at once, at most ``requests_per_minute`` start and about
    ``tokens_per_minute`` are used. One that takes more than ``timeout`` seconds, or fails in a way that may pass, is
    sent again up to ``retries`` times, after a random wait of up to ``first_wait`` seconds that doubles each time, and
    what the endpoint asks for. After ``give_up_after`` requests in a row that failed, no more are sent. ``prices`` are
    dollars per million tokens (``prompt``, ``completion`` and, where it has its own, ``reasoning``); nothing is sent
    that could take the whole above ``max_cost`` dollars or ``max_total_tokens`` tokens. ``proxies``: false sends past
    the proxies that the environment names.
    """

    model: str
    samples: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: str | Sequence[str] | None = None
    system: str | None = None
    extra: Mapping[str, Any] | None = None
    thinks: bool = False
    journal: Path = Path("answers.journal.jsonl")
    report: Report = silent
    watch: Watch = asking.unwatched

    def __post_init__(self) -> None:
        """As ``Settings``; and ``extra`` must not say what is ours to say."""
        super().__post_init__()
        if not self.model.strip():
            raise StudyError("the model has no name", "model: NAME, as the endpoint calls it")
        for name, least in (("samples", 1), ("max_tokens", 1), ("temperature", 0), ("top_p", 0)):
            refuse_below(name, getattr(self, name), least)
        for name in OURS:
            if name in (self.extra or {}):
                raise StudyError(f"extra cannot set '{name}'", "samples: K asks K times; understudy show openai")
        for name in CEILINGS:
            most = (self.extra or {}).get(name)
            if most is not None and (type(most) is not int or most < 1):
                raise StudyError(f"{name} cannot be {most!r}", "it is a whole number of tokens, at least 1")
        for name in ("temperature", "top_p", "stop", "extra"):
            try:
                json.dumps(getattr(self, name), allow_nan=False)
            except (TypeError, ValueError):
                hint = "write texts in quotes, and numbers that are finite"
                raise StudyError(f"{name} holds what no request can: {getattr(self, name)!r}", hint) from None

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Trace]:
        """One trace a problem and sample, in their order; one without an answer has ``error`` and no response.

        Answers go through the file ``journal`` (in Python: ``answers.journal.jsonl`` here, if no other is named).
        Raises ``Stopped`` if not everything could be asked, ``RunError`` if the journal or the endpoint cannot be used.
        """

        def watch(tally: asking.Tally) -> None:
            self.report(tally.done, tally.total)
            self.watch(tally)

        asking.ask(self.requests(problems, sampling), self, self.journal, watch)
        yield from self.so_far(problems, sampling)

    def so_far(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Trace]:
        """The traces that the journal has; nothing is asked."""
        for request, line in asking.answers(self.requests(problems, sampling), self.journal):
            yield self.trace(request, line)

    def requests(self, problems: Sequence[Problem], sampling: Sampling) -> list[Request]:
        """Everything that is asked, in order."""
        samples = range(self.samples or sampling.samples)
        return [Request(p.problem_id, sample, self._body(p, sample)) for p in problems for sample in samples]

    def _body(self, problem: Problem, sample: int) -> dict[str, Any]:
        system = [{"role": "system", "content": self.system}] if self.system is not None else []
        named = {name: getattr(self, name) for name in ("temperature", "top_p", "max_tokens", "stop")}
        if self.seed is not None:
            named["seed"] = seed_of(self.seed, problem.problem_id, sample)
        return {
            "model": self.model,
            "messages": [*system, {"role": "user", "content": problem.prompt}],
            **{name: value for name, value in named.items() if value is not None},
            **(self.extra or {}),
        }

    def trace(self, request: Request, line: Mapping[str, Any]) -> Trace:
        """The trace of a request that has this line in the journal."""
        found = _failed(str(line["error"])) if "error" in line else _read(line["answer"], self.thinks)
        return replace(
            found,
            trace_id=f"{self.model}/{request.problem}/{request.sample}",
            problem_id=request.problem,
            model=self.model,
            sample=request.sample,
        )


def _failed(reason: str) -> Trace:
    return Trace("", "", "", "", finish_reason="error", error=reason)


def _read(body: Mapping[str, Any], thinks: bool) -> Trace:
    """The trace of an answer, without its ids. Ids and dates of the answer are left out: a second run has others."""
    choice = body["choices"][0]
    message, finish = choice["message"], choice.get("finish_reason")
    text, thought = _content(message.get("content"))
    fields = [message[name] for name in REASONING if isinstance(message.get(name), str)]
    reasoning = next(filter(None, [*fields, thought]), None)
    if text is None and isinstance(message.get("refusal"), str):
        text = message["refusal"]
    row = {"finish_reason": finish, "usage": body.get("usage")}
    trace = attempt(row, text, reasoning, thinks=thinks)
    if not text and not reasoning and (text is None or finish == "content_filter"):
        why = "the endpoint's filter held the answer back" if finish == "content_filter" else "the answer has no text"
        trace = replace(trace, finish_reason="error", error=why)
    if (count := Used.of(body).reasoning) is not None:
        return replace(trace, metadata={**trace.metadata, "reasoning_tokens": count})
    return trace


def _content(content: object) -> tuple[str | None, str | None]:
    """Text and reasoning of a message's content, which some servers give in parts."""
    if not isinstance(content, list):
        return (content if isinstance(content, str) else None), None
    parts = [part for part in content if isinstance(part, Mapping)]
    text = "".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    thoughts = [_content(part["thinking"])[0] for part in parts if part.get("thinking") is not None]
    return text, "".join(filter(None, thoughts)) or None
