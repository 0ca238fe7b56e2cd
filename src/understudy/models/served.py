"""A checkpoint behind a server that is started for it: vLLM, or any other that speaks OpenAI's chat completions.

    engine: {served: {}}                                             # in a study: vLLM samples the students
    engine: {served: {command: "transformers serve {path} --port {port}"}}

    understudy collect --task gsm8k --out traces.parquet --model '{served: {path: models/qwen3-8b, max_tokens: 16384}}'

The server runs while it is needed: where the journal has every answer, none is started. What it says goes to a log
beside the journal. It ends with the work, also where that is interrupted or killed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, ClassVar

from understudy import asking
from understudy.asking import Request, Stopped, Watch, server
from understudy.asking.settings import check_address, refuse_below
from understudy.errors import InputError, StudyError
from understudy.models.openai import OpenAI
from understudy.protocols import Report, silent
from understudy.randomness import seed_of
from understudy.registry import entry, require
from understudy.types import Problem, Sampling, Trace

VLLM = (
    "vllm serve {path} --served-model-name {name} --host 127.0.0.1 --port {port} "
    "--generation-config vllm"  # else the checkpoint's own top-k and penalties would be added to what is asked for
)
PROSE = (".md", ".log")
"""Files beside the weights that say nothing to a server."""
ENGINE_HINT = "engine: transformers can, or leave max_thinking and wait out"


@entry
@dataclass(frozen=True)
class Served:
    """A checkpoint behind a server that is started for it, vLLM if ``command`` does not name another one.

    ``path`` is the directory of the checkpoint, ``model`` the name in the table (null: the directory's). In the words
    of ``command``, ``{path}``, ``{port}`` and ``{name}`` are replaced; no shell reads them. The server must answer
    within ``start_within`` seconds; in a study it has ``gpus`` GPUs to itself (as many as ``command`` spreads the model
    over). With ``base_url`` none is started: one that runs there is asked for ``model``, with the key in the
    environment variable ``api_key_env`` (null: ``OPENAI_API_KEY``, if it is set).

    How it is sampled is said here, and what is null is as the study says: ``temperature`` (0: greedy), ``top_p``,
    ``max_tokens`` (of one answer, reasoning included; fewer where the context has no room for so many), ``samples`` of
    each problem, ``seed``; ``extra`` adds fields to a request. The server puts prompts through the checkpoint's chat
    template. ``thinks``: that opens the reasoning, so that a text without a closing tag was cut off in it (null: as
    the template says). ``concurrency`` requests are under way at once; one that takes more than ``timeout`` seconds, or
    fails in a way that may pass, is sent again up to ``retries`` times.
    """

    path: str | None = None
    root: Path = Path()
    model: str | None = None
    command: str = VLLM
    start_within: float = 900.0
    gpus: int = 1
    base_url: str | None = None
    api_key_env: str | None = None
    samples: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    extra: Mapping[str, Any] | None = None
    thinks: bool | None = None
    concurrency: int = 64
    timeout: float = 3600.0
    retries: int = 3
    journal: Path = Path("answers.journal.jsonl")
    report: Report = silent
    watch: Watch = asking.unwatched

    accelerated: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what cannot be meant, and a server that is not installed. Raises ``UnderstudyError``.

        Without ``path``, which a study knows only later, everything else is looked at.
        """
        if self.path is not None and not (self.root / self.path / "config.json").is_file():
            hint = "path: a directory with config.json, the weights as safetensors and the tokenizer"
            raise InputError(f"{self.root / self.path} is no checkpoint: it holds no config.json", hint)
        object.__setattr__(self, "model", self.model or Path(self.path or "student").name)
        refuse_below("start_within", self.start_within, 0, exclusive=True)
        refuse_below("gpus", self.gpus, 1)
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise StudyError(f"top_p cannot be {self.top_p}", "it is a probability: more than 0, at most 1")
        self._asked("http://127.0.0.1/v1", Sampling())
        if self.base_url is None:
            server.require_program(server.command(self.command))
        else:
            check_address(self.base_url)

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Trace]:
        """One trace a problem and sample, in their order; one without an answer has ``error`` and no response.

        Raises ``Stopped`` if not everything could be asked, ``RunError`` if the server does not start or the journal
        cannot be used, ``StudyError`` if the sampling wants what a server does not do.
        """
        requests = self.requests(problems, sampling)
        answered = sum("answer" in line for _, line in asking.answers(requests, self.journal))
        if answered < len(requests):
            with self._served() as (base_url, running):
                self._ask(requests, self._asked(base_url, sampling), running)
        yield from self.so_far(problems, sampling)

    def so_far(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Trace]:
        """The traces that the journal has; nothing is asked and no server started."""
        opened = self._opened if self.thinks is None else self.thinks
        asked = replace(self._asked(None, sampling), thinks=opened)
        for request, line in asking.answers(self.requests(problems, sampling), self.journal):
            trace = asked.trace(request, line)
            name = f"{self.model}/{sampling.name}/{request.problem}/{request.sample}"
            metadata = {**trace.metadata, "sampling": sampling.name}
            yield replace(trace, trace_id=name, model=str(self.model), metadata=metadata)

    def requests(self, problems: Sequence[Problem], sampling: Sampling) -> list[Request]:
        """Everything that is asked, in order. Their keys depend on the weights."""
        for name in ("max_thinking", "wait"):
            if value := getattr(sampling, name):
                raise StudyError(f"a server cannot force a budget of thinking ({name}: {value})", ENGINE_HINT)
        room = dict(zip([p.problem_id for p in problems], self._room(problems), strict=True))
        requests = []
        for request in self._asked(None, sampling).requests(problems, sampling):
            body = dict(request.body)
            if (left := room[request.problem]) is not None and left > 0:
                body["max_tokens"] = min(body["max_tokens"], left)
            requests.append(replace(request, body=body, weights=self._weights))
        return requests

    def _asked(self, base_url: str | None, sampling: Sampling) -> OpenAI:
        """The endpoint that the server is, sampled in this way."""
        own = {name: getattr(self, name) for name in ("temperature", "top_p", "max_tokens", "samples", "seed")}
        chosen = replace(sampling, **{name: value for name, value in own.items() if value is not None})
        drawn = chosen.temperature > 0
        return OpenAI(
            model=str(self.model) if self.base_url or "{name}" in self.command else str(self._directory),
            base_url=base_url,
            api_key_env=self.api_key_env,
            concurrency=self.concurrency,
            timeout=self.timeout,
            retries=self.retries,
            proxies=self.base_url is not None,
            samples=chosen.samples,
            temperature=chosen.temperature,
            top_p=(1.0 if chosen.top_p is None else chosen.top_p) if drawn else None,
            max_tokens=chosen.max_tokens,
            seed=seed_of(chosen.seed, sampling.name) if drawn else None,
            extra=self.extra,
            journal=self.journal,
        )

    @contextmanager
    def _served(self) -> Iterator[tuple[str, server.Server | None]]:
        """The address to ask, and the server that was started there, if one was."""
        if self.base_url is not None:
            yield self.base_url, None
            return
        if self.path is None:
            raise StudyError("served does not know which checkpoint to serve", "path: DIRECTORY, or base_url: ADDRESS")
        port = server.free_port()
        words = server.command(self.command, path=str(self._directory), name=str(self.model), port=str(port))
        with server.serving(words, port, self.journal.with_suffix(".log"), self.start_within) as running:
            yield running.base_url, running

    def _ask(self, requests: Sequence[Request], endpoint: OpenAI, running: server.Server | None) -> None:
        known: list[int] = []

        def watch(tally: asking.Tally) -> None:
            if not known:  # the first call: what an earlier run was answered
                known.append(tally.completion_tokens)
            rate = (tally.completion_tokens - known[0]) / tally.seconds if tally.seconds else 0.0
            cut = tally.truncated / max(tally.done - tally.errors, 1)
            self.report(tally.done, tally.total, f"{rate:,.0f} tokens/s, {cut:.0%} truncated")
            self.watch(tally)

        try:
            asking.ask(requests, endpoint, self.journal, watch)
        except Stopped as stopped:
            if running is None or (how := running.died()) is None:
                raise
            hint = f"run the same command again to go on; {running.last_words()}"
            raise Stopped(f"the server is gone: {how}", hint) from stopped

    @property
    def _directory(self) -> Path:
        return (self.root / (self.path or "")).resolve()

    @cached_property
    def _weights(self) -> str | None:
        """A hash of the checkpoint's files, but for prose; null if it is not known which one answers."""
        if self.path is None:
            return None
        digest = sha256()
        for file in sorted(self._directory.iterdir()):
            if file.is_file() and file.suffix not in PROSE:
                with file.open("rb") as content:
                    digest.update(f"{file.name}\0{file_digest(content, 'sha256').hexdigest()}\n".encode())
        return digest.hexdigest()

    @cached_property
    def _tokenizer(self) -> Any:
        """The checkpoint's tokenizer, if it has a chat template. Raises ``InputError`` if a server would lose tags."""
        from understudy.models._checkpoint import TAGS, read_tokenizer

        if self.path is None:
            return None
        require("train", "transformers", "tokenizers")
        tokenizer = read_tokenizer(self._directory)
        special = {str(added) for added in tokenizer.added_tokens_decoder.values() if added.special}
        lost = sorted(TAGS & (special | set(tokenizer.all_special_tokens)))
        if lost and (self.extra or {}).get("skip_special_tokens") is not False:
            hint = "engine: transformers keeps it; so does vLLM with extra: {skip_special_tokens: false}"
            raise InputError(f"a server leaves special tokens out, and {lost[0]} is one in {self._directory}", hint)
        return tokenizer if tokenizer.chat_template else None

    @property
    def _opened(self) -> bool:
        """Whether the chat template opens the reasoning."""
        from understudy.models._checkpoint import opens, render

        return self._tokenizer is not None and opens(render(self._tokenizer, ["2 and 2?"])[0])

    def _room(self, problems: Sequence[Problem]) -> list[int | None]:
        """How many tokens the context has left for the answer to each problem; null: not known."""
        from understudy.models._checkpoint import encode_prompts

        context = self._context
        if context is None or self._tokenizer is None:
            return [None] * len(problems)
        prompts = encode_prompts(self._tokenizer, [problem.prompt for problem in problems])
        return [context - len(ids) for ids in prompts]

    @cached_property
    def _context(self) -> int | None:
        """The most tokens of prompt and answer, as the checkpoint's configuration says."""
        if self.path is None:
            return None
        said = json.loads((self._directory / "config.json").read_text(encoding="utf-8"))
        most = said.get("text_config", said).get("max_position_embeddings")
        return most if isinstance(most, int) else None
