"""The records that flow through every room: frozen, and on one screen.

Between rooms they are rows of Parquet tables (see ``tables``). A missing value is null, never 0 or "".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Split = Literal["train", "test"]
FinishReason = Literal["stop", "length", "error"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A question with its reference answer. ``problem_id`` follows from the prompt: same prompt, same id."""

    problem_id: str
    task: str
    prompt: str
    answer: str | None
    split: Split
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the model counts them, or null where it does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """One attempt of a model at a problem, also a failed one. ``reasoning`` is null where none is visible."""

    trace_id: str
    problem_id: str
    model: str
    response: str
    reasoning: str | None = None
    variant: str | None = None
    parent_id: str | None = None
    sample: int = 0
    finish_reason: FinishReason | None = None
    usage: Usage = Usage()
    error: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A span of a trace's reasoning: ``text[start:end]``, offsets in characters. The spans tile the text.

    ``branch`` is that of the trace's tree it lies on (0: the trunk), at ``depth``, and whether it was ``abandoned``.
    """

    trace_id: str
    index: int
    start: int
    end: int
    episode: str | None = None
    stage: str | None = None
    pivot: str | None = None
    branch: int = 0
    depth: int = 0
    abandoned: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """What a grader says of a trace. ``value`` in [0, 1], or null: not scored. ``answer`` is what it read."""

    trace_id: str
    grader: str
    value: float | None
    answer: str | None = None
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval: of one arm, or of ``arm`` minus ``versus`` on the same problems.

    ``lower`` and ``upper`` bound the 95 % interval (null where there is none), ``n`` counts problems (for shares and
    for traces: the attempts in the denominator),
    ``n_clusters`` the training seeds, ``method`` names how the interval or the p-value was made.
    """

    name: str
    arm: str
    versus: str | None
    sampling: str
    value: float | None
    lower: float | None
    upper: float | None
    n: int
    n_clusters: int
    method: str
    seed: int | None = None
    p_value: float | None = None
    p_adjusted: float | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a variant leaves a trace out."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model is sampled. Temperature 0 is greedy; ``seed`` makes a sample repeatable.

    ``top_p``: a token is drawn from the likeliest ones that together have this probability (null: from all). Budget
    forcing (s1, arXiv 2501.19393): after ``max_thinking`` tokens of reasoning its end is written for the model (null:
    never), and the first ``wait`` times that it would end its reasoning, it reads "Wait" instead.
    """

    name: str = "greedy"
    temperature: float = 0.0
    max_tokens: int = 180
    samples: int = 1
    seed: int = 0
    top_p: float | None = None
    max_thinking: int | None = None
    wait: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a student is trained. Names and units are those of ``transformers.TrainingArguments`` and PEFT, and:

    An optimizer step takes ``train_batch_size`` examples (null: as many as make ``tokens_per_step`` tokens, padding
    included). What is in memory at once, on one device, is at most ``tokens_per_batch`` tokens (null: a whole step); a
    step of more is accumulated. ``packing`` lays examples end to end, none of which sees another, so that nothing is
    padded. Examples of more than ``max_length`` tokens (null: the model's context) are refused, or with ``overlong:
    drop`` left out and counted. ``dtype`` is that of the weights; with ``bf16`` (null: on a GPU) sums are in bfloat16.

    ``method`` trains all weights, or low-rank adapters (LoRA, arXiv 2106.09685) of ``target_modules`` (null: all linear
    ones), with ``qlora`` over weights of four bits (arXiv 2305.14314). ``loss`` falls on the whole ``completion``, its
    ``reasoning`` or its ``answer`` alone; ``reasoning_weight`` is what a token of reasoning weighs beside one of the
    answer. ``budget``: ``examples`` trains for ``num_train_epochs``; ``tokens`` goes on until as many training tokens
    were seen (prompt and completion, no padding) as in the arm that ``match`` names. ``num_processes`` devices share a
    step, with ``fsdp`` also weights and states.
    """

    learning_rate: float = 2e-3
    num_train_epochs: float = 3.0
    train_batch_size: int | None = None
    tokens_per_step: int = 1536
    tokens_per_batch: int | None = None
    packing: bool = False
    max_length: int | None = None
    overlong: Literal["refuse", "drop"] = "refuse"
    weight_decay: float = 0.01
    adam_beta1: float = 0.9
    adam_beta2: float = 0.98
    warmup_ratio: float = 0.05
    min_lr_rate: float = 0.05
    max_grad_norm: float = 1.0
    dtype: Literal["float32", "bfloat16"] = "float32"
    bf16: bool | None = None
    gradient_checkpointing: bool = False
    method: Literal["full", "lora", "qlora"] = "full"
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    target_modules: tuple[str, ...] | None = None
    loss: Literal["completion", "reasoning", "answer"] = "completion"
    reasoning_weight: float = 1.0
    num_processes: int = 1
    fsdp: bool = False
    report_to: str = "none"
    budget: Literal["examples", "tokens"] = "examples"
    match: str | None = None
