"""How far a local checkpoint has come, with a note: ``1,234 tokens/s, 3 % truncated, 0.4 GB, 0:02:10 left``."""

import resource
import sys
from time import monotonic
from typing import Any

from understudy.asking import Tally, Watch
from understudy.protocols import Report
from understudy.types import Trace

EVERY = 2.0
"""Seconds between two reports while no text ends."""


class Progress:
    """Counts what was written, and reports it."""

    def __init__(self, total: int, report: Report, watch: Watch) -> None:
        self.tally, self.report, self.watch = Tally(total=total), report, watch
        self.truncated = self.before = self.tokens = self.ours = 0
        self.remark = ""
        self.start = self.last = monotonic()

    def ended(self, trace: Trace, known: bool = False) -> None:
        """One more text is there; ``known``: from an earlier process, or as an error, so that it took no time."""
        tally, tokens = self.tally, trace.usage.completion_tokens or 0
        tally.done += 1
        tally.known += known and trace.error is None
        tally.errors += trace.error is not None
        tally.prompt_tokens += trace.usage.prompt_tokens or 0
        tally.completion_tokens += tokens
        self.truncated += trace.finish_reason == "length"
        self.before += known
        self.ours += 0 if known else tokens
        self._tell()

    def beat(self, tokens: int, remark: str = "") -> None:
        """So many tokens were written by this process, also of texts that have not ended."""
        self.tokens, self.remark = tokens, remark
        if monotonic() - self.last > EVERY:
            self._tell()

    def _tell(self) -> None:
        self.last = monotonic()
        self.tally.seconds = self.last - self.start
        self.report(self.tally.done, self.tally.total, self.note())
        self.watch(self.tally)

    def note(self) -> str:
        """Speed, share of texts that were cut off, peak memory and time left."""
        tally = self.tally
        tokens = max(self.tokens, self.ours)
        parts = [f"{tokens / tally.seconds:,.0f} tokens/s"] if tally.seconds and tokens else []
        if answered := tally.done - tally.errors:
            parts.append(f"{100 * self.truncated / answered:.0f} % truncated")
        parts.append(f"{peak_memory() / 1e9:.1f} GB")
        if made := tally.done - self.before:
            minutes, seconds = divmod(round((tally.total - tally.done) * tally.seconds / made), 60)
            parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")
        return ", ".join([*parts, self.remark] if self.remark else parts)


def peak_memory() -> int:
    """Bytes: the most that the GPU gave at once, else the most that this process took."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and (most := torch.cuda.max_memory_allocated()):
        return int(most)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
