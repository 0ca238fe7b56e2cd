"""The reasoning replaced by an explanation made afterwards, by a model that sees the question and the answer alone.

vary: {post-hoc: {model: {openai: {model: NAME, base_url: URL}}}}
"""

from dataclasses import dataclass
from typing import ClassVar

from understudy.registry import entry
from understudy.variants._rewriting import Rewriting


@entry
@dataclass(frozen=True)
class PostHoc(Rewriting):
    """Has ``model`` explain the response, which it keeps (the post-hoc explanations of arXiv 2505.13792).

    The model is shown the question and the response (``post_hoc.txt``), not the reasoning that led to it. It is asked
    greedily for at most ``max_tokens`` tokens, unless it says itself how it is sampled; a text that was cut off is
    left out.
    """

    keeps: ClassVar[frozenset[str]] = frozenset({"response", "answer"})
    makes: ClassVar[frozenset[str]] = frozenset()
    prompt: ClassVar[str] = "post_hoc.txt"
    needs_reasoning: ClassVar[bool] = False
