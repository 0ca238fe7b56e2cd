"""The reasoning rewritten as a short summary, by a model.

vary: {trace-summary: {model: {openai: {model: NAME, base_url: URL}}}}
"""

from dataclasses import dataclass
from typing import ClassVar

from understudy.registry import entry
from understudy.variants._rewriting import Rewriting


@entry
@dataclass(frozen=True)
class TraceSummary(Rewriting):
    """Has ``model`` summarise the reasoning, and keeps the response (the summaries of arXiv 2505.13792).

    The model is shown the question and the reasoning (``trace_summary.txt``), not the response. It is asked greedily
    for at most ``max_tokens`` tokens, unless it says itself how it is sampled; a text that was cut off is left out.
    """

    keeps: ClassVar[frozenset[str]] = frozenset({"response", "answer"})
    makes: ClassVar[frozenset[str]] = frozenset({"shorter"})
    prompt: ClassVar[str] = "trace_summary.txt"
    needs_reasoning: ClassVar[bool] = True
