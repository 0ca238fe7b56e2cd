"""How many tokens the examples of an arm have, from the best that is known before the arm is made.

In this order: the arm's table in the run directory; a file of traces; answers of an endpoint that a journal holds;
what a scripted teacher and rule-based variants make of ``SAMPLE`` problems; else an assumption, which is said.
Tokens are counted with the student's tokenizer if it is on this machine, else as ``CHARACTERS`` each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from understudy import markers, registry, tables
from understudy.config import Study
from understudy.protocols import Task
from understudy.registry import Piece
from understudy.types import Problem, Sampling, Trace

SAMPLE = 100
"""Traces that stand for all of an arm."""
CHARACTERS = 3.5
"""Assumed characters a token: about 4 in English prose, fewer in mathematics."""
ASSUMED = 4096
"""Assumed tokens of a trace of which nothing is known, not even the most that it may have."""
BARE = 32
"""Assumed tokens of a response without reasoning."""

TOKENS_A_WORD = 1.5
"""Assumed, for variants that leave a number of words."""

Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of an arm's examples. ``examples``: how many; ``longest``: null if not known; ``how`` it is known."""

    examples: int
    prompt: float
    completion: float
    squares: float
    """Mean length that a token's text has: that of long texts, which hold most tokens."""
    longest: int | None
    how: str

    @property
    def mean(self) -> float:
        """Tokens of an example."""
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class _Known:
    """Traces that stand for an arm's; ``share``: traces a problem; ``tokens`` where there are none to look at."""

    traces: tuple[Trace, ...] = ()
    share: float = 1.0
    tokens: int | None = None
    how: str = ""


def lengths(study: Study, root: Path, directory: Path) -> dict[str, Lengths]:
    """Those of every arm that is trained on traces, in the order of their lineage; ``directory`` is the run's."""
    task: Task = registry.build("tasks", study.task, root=root)
    problems = task.problems("train", study.problems.train, study.problems.seed)
    count, counted = counter(study, root)
    known: dict[str, _Known] = {}
    found: dict[str, Lengths] = {}
    for arm in study.lineage:
        if study.arms[arm].from_:
            known[arm] = _made(directory, arm, problems) or _expected(
                study, root, directory, arm, task, problems, known
            )
            found[arm] = _lengths(known[arm], problems, study.problems.train or len(problems), count, counted)
    least = min((each.examples for each in found.values()), default=0)
    return {arm: replace(each, examples=least) for arm, each in found.items()} if study.align else found


def prompts(study: Study, root: Path) -> tuple[int, float]:
    """How many test problems there are, and the tokens of a prompt."""
    task: Task = registry.build("tasks", study.task, root=root)
    problems = task.problems("test", study.problems.test, study.problems.seed)
    count, _ = counter(study, root)
    some = problems[:SAMPLE]
    return study.problems.test or len(problems), fmean([count(p.prompt) for p in some]) if some else 0.0


def counter(study: Study, root: Path) -> tuple[Count, str]:
    """How tokens are counted, and in words."""
    student = study.student
    file = root / str((student.parameters if student else {}).get("path", "")) / "tokenizer.json"
    if student and "path" in student.parameters and file.is_file():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(file))
        return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids), "with the student's tokenizer"
    if student and student.name == "tiny-llama":
        return lambda text: len(text.split()), "as words"
    return lambda text: round(len(text) / CHARACTERS), f"as {CHARACTERS} characters each"


def _made(directory: Path, arm: str, problems: Sequence[Problem]) -> _Known | None:
    """The arm's table in the run directory, if it was made already."""
    table = directory / "traces" / "train" / f"{arm}.parquet"
    if not table.is_file():
        return None
    traces = [trace for trace in tables.read_records(Trace, table) if trace.error is None]
    return _of(traces, problems, "from the run directory")


def _expected(
    study: Study,
    root: Path,
    directory: Path,
    arm: str,
    task: Task,
    problems: Sequence[Problem],
    known: Mapping[str, _Known],
) -> _Known:
    """Where the arm's traces come from, changed by its variants."""
    parent, source = study.parent(arm), study.arms[arm].from_
    if parent is not None:
        before = known[parent]
    else:
        before = _collected(study, root, directory, arm, source or Piece("", {}), task, problems)
    if study.arms[arm].select:
        before = replace(before, how=f"{before.how}, before selection")
    for piece in study.arms[arm].vary:
        before = _varied(before, piece, root, task, {problem.problem_id: problem for problem in problems})
    return before


def _collected(
    study: Study, root: Path, directory: Path, arm: str, model: Piece, task: Task, problems: Sequence[Problem]
) -> _Known:
    from understudy.stages import journal

    kind = registry.load("models", model.name)
    if hasattr(kind, "requests"):
        made = registry.build("models", model, root=root, journal=journal(directory, "train", arm))
        answered = [t for t in made.so_far(problems, Sampling(samples=made.samples or 1)) if t.error is None]
        return _of(answered, problems, "from the journal") if answered else _assumed(model)
    if "path" in registry.parameters("models", model.name) and not hasattr(kind, "census"):
        return _assumed(model)  # a checkpoint: it would have to be asked
    some = problems if hasattr(kind, "census") else problems[:SAMPLE]
    made = registry.build("models", model, root=root, task=task)
    traces = [t for t in made.generate(some, Sampling(seed=study.problems.seed)) if t.error is None]
    how = "from the file" if some is problems else f"from {len(some):,} problems"
    return _of(traces, some, how)


def _varied(before: _Known, piece: Piece, root: Path, task: Task, problems: Mapping[str, Problem]) -> _Known:
    """The traces as a variant changes them; one that has a model write them anew is assumed."""
    from understudy.vary import vary

    if piece.name == "no-trace" and not before.traces:
        return _Known(share=before.share, tokens=BARE, how="assumed: a short answer")
    rewrites = piece.parameters.get("model") and piece.name != "st-hc-w"  # that one asks for an answer alone
    if rewrites:
        return _assumed(Piece.parse(piece.parameters["model"]))
    if not before.traces:
        shortened = _shortened(before.tokens or 0, piece)
        how = before.how if shortened == before.tokens else f"{before.how}, then {piece.name}"
        return replace(before, tokens=shortened, how=how)
    if piece.parameters.get("model"):
        return before
    variant = registry.build("variants", piece, root=root, task=task)
    some = before.traces[:: max(1, len(before.traces) // SAMPLE)]
    changed = [t for t in vary(some, problems, variant, piece.name, "forecast", 0) if t.error is None]
    share = before.share * len(changed) / len(some)
    return _Known(tuple(changed), share, None, before.how) if changed else before


def _shortened(tokens: int, piece: Piece) -> int:
    """An assumed length after a variant that leaves a known share of a trace, or a known number of words."""
    known = registry.parameters("variants", piece.name)
    said = {name: piece.parameters.get(name, field.default) for name, field in known.items()}
    if piece.name == "delete-steps":
        return round(tokens * (1 - float(said["share"])))
    if piece.name == "truncate" and said["words"] is None:
        return round(tokens * float(said["keep"]))
    words = said.get("words") if piece.name == "truncate" else said.get("to")
    return min(tokens, round(TOKENS_A_WORD * words)) if isinstance(words, int) else tokens


def _assumed(model: Piece) -> _Known:
    """Half of the most that a model may write."""
    most = model.parameters.get("max_tokens")
    tokens = most // 2 if isinstance(most, int) else ASSUMED
    why = f"half of max_tokens {most:,}" if isinstance(most, int) else f"{ASSUMED:,} tokens, nothing is known of it"
    return _Known(tokens=tokens, how=f"assumed: {why}")


def _of(traces: Sequence[Trace], problems: Sequence[Problem], how: str) -> _Known:
    share = len(traces) / len(problems) if problems else 0.0
    return _Known(tuple(traces), share, None, how)


def _lengths(known: _Known, problems: Sequence[Problem], wanted: int, count: Count, counted: str) -> Lengths:
    """Lengths of as many examples as the study wants, which can be more than this machine has problems of."""
    prompt = {problem.problem_id: problem.prompt for problem in problems}
    examples = round(wanted * known.share)
    if known.tokens is not None or not known.traces:
        asked = fmean([count(text) for text in list(prompt.values())[:SAMPLE]]) if prompt else 0.0
        tokens = float(known.tokens or 0)
        return Lengths(examples, asked, tokens, asked + tokens, None, known.how)
    stride = max(1, len(known.traces) // SAMPLE)
    some = known.traces[::stride]
    asked_ = [count(prompt.get(t.problem_id, "")) for t in some]
    written = [count(markers.join(t.reasoning, t.response)) for t in some]
    whole = [a + b for a, b in zip(asked_, written, strict=True)]
    squares = sum(n * n for n in whole) / max(1, sum(whole))
    return Lengths(examples, fmean(asked_), fmean(written), squares, max(whole), f"{known.how}, counted {counted}")
