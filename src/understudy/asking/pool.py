"""Sends many requests at once, and again where that may help, until all are in the journal or it is no use.

    tally = ask(requests, Settings(base_url="http://localhost:8000/v1"), Path("answers.journal.jsonl"))

Every request that ends leaves one line in the journal: an answer, or the error that it ended with. What the journal
holds is not asked again. A run that is stopped (a budget, a wrong key, an endpoint that only fails) lets what is under
way come to its end and keeps it.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from understudy.asking.budget import Budget, Prices, Used
from understudy.asking.endpoint import Endpoint, Failure, cut_off
from understudy.asking.journal import Journal, answers, lost
from understudy.asking.pace import Pace
from understudy.asking.request import Request
from understudy.asking.settings import Settings
from understudy.asking.tally import Tally, Watch, unwatched
from understudy.errors import RunError, UnderstudyError

LONGEST_WAIT = 60.0
"""Seconds; only an endpoint that says so is waited for longer."""
EVENLY = 30_000.0
"""Requests a minute, about as many as one core can send. Starts that far apart do not fall in step: of a burst of
answers all would be worked on at once, and every next request would wait for the last of them."""
GRACE = 30.0
"""Seconds that what is under way gets to come to its end when a run stops."""
ON = "run the same command again to go on: what is in the journal is not asked again"


class Stopped(RunError):
    """No more was asked: why, and how to go on. What was answered is in the journal."""


def ask(requests: Sequence[Request], settings: Settings, path: Path, watch: Watch = unwatched) -> Tally:
    """Ask what the journal at ``path`` does not hold yet. Returns when every request has its line there.

    Raises ``Stopped`` if there is no more to be had for now, ``RunError`` or ``StudyError`` if the endpoint, the key or
    the journal cannot be used.
    """
    return _run(_Pool(requests, settings, path, watch).run())


def _run(work: Coroutine[Any, Any, Tally]) -> Tally:
    """Run it to the end, also where an event loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def stoppable() -> Tally:
        if task := asyncio.current_task():
            running.append((asyncio.get_running_loop(), task))
        return await work

    with ThreadPoolExecutor(1) as thread:
        working = thread.submit(asyncio.run, stoppable())
        try:
            while not wait([working], timeout=0.2).done:
                pass  # so that an interrupt is noticed on any system
            return working.result()
        except KeyboardInterrupt:  # of a cell: no more is to be asked behind its back
            for loop, task in running:
                with suppress(RuntimeError):  # it has just ended
                    loop.call_soon_threadsafe(task.cancel)
            raise


class _Pool:
    """The requests of one call, and what has become of them."""

    def __init__(self, requests: Sequence[Request], settings: Settings, path: Path, watch: Watch) -> None:
        self.settings, self.path, self.watch = settings, path, watch
        prices = Prices.read(settings.prices)
        self.budget = Budget(prices, settings.max_cost, settings.max_total_tokens)
        self.requests = {request.key: request for request in requests}
        self.tally = Tally(len(self.requests), cost=0.0 if prices else None)
        self.starts = Pace(min(settings.requests_per_minute or EVENLY, EVENLY))
        self.tokens = Pace(settings.tokens_per_minute)
        self.started = time.monotonic()
        self.in_a_row = self.answered = self.held = 0

    async def run(self) -> Tally:
        """Ask everything."""
        self.stop, self.room = asyncio.Event(), asyncio.Condition()
        self.reason: UnderstudyError | None = None
        if self.budget.limited and self.requests:
            self.budget.most(next(iter(self.requests.values())))
        async with Journal(self.path) as self.journal:
            left = iter(self._left())
            self._show()
            if self.tally.done < self.tally.total:
                async with Endpoint(self.settings) as self.endpoint:
                    await self._work(left)
        if self.reason:
            raise self.reason
        return self.tally

    def _left(self) -> list[Request]:
        """What has no answer yet; what has one is counted."""
        known = set()
        for request, line in answers(list(self.requests.values()), self.path):
            if "answer" in line:
                known.add(request.key)
                used = Used.of(line["answer"])
                self.budget.spend(request, used)
                self.tally.count(used, cut_off(line["answer"]))
        for request in lost(self.requests.values(), self.path):
            self.budget.spend(request, Used())
        self.tally.known = len(known)
        return [request for request in self.requests.values() if request.key not in known]

    async def _work(self, left: Iterator[Request]) -> None:
        workers = min(self.settings.concurrency, self.tally.total - self.tally.done)
        tasks = {asyncio.create_task(self._worker(left, lane)) for lane in range(workers)}
        stopped = asyncio.create_task(self.stop.wait())
        try:
            pending: set[asyncio.Task[Any]] = set(tasks)
            while pending and not stopped.done():
                done, pending = await asyncio.wait({*pending, stopped}, return_when=asyncio.FIRST_COMPLETED)
                pending.discard(stopped)
                for task in done:
                    task.result()
            if pending:
                await asyncio.wait(pending, timeout=GRACE)
        finally:
            for task in (*tasks, stopped):
                task.cancel()
            await asyncio.gather(*tasks, stopped, return_exceptions=True)

    async def _worker(self, left: Iterator[Request], lane: int) -> None:
        """Ask one after another; while what came of one is flushed to disk, the next is under way."""
        before: Awaitable[None] | None = None
        for request in left:
            if self.stop.is_set():
                break
            ended = await self._one(request, lane)
            ending = asyncio.create_task(ended) if ended else None
            if before:
                await before
            before = ending
        if before:
            await before

    async def _one(self, request: Request, lane: int) -> Coroutine[Any, Any, None] | None:
        """Send a request until it is answered or fails for good, and write down which; or until the run stops.

        Gives what is left to do: to wait for the disk, and count it.
        """
        for attempt in range(1, self.settings.retries + 2):
            try:
                answer = await self._attempt(request, lane)
            except Failure as failure:
                if self._believed(failure, attempt):
                    return None
                if not failure.again or attempt > self.settings.retries:
                    self._one_more_failed(failure)
                    return self._counted(None, self.journal.add(request, {"error": failure.reason}))
                await self._pause(attempt, failure.wait)
                self.tally.again += 1
            else:
                if answer is None:
                    return None
                self.answered, self.in_a_row = self.answered + 1, 0
                return self._counted(Used.of(answer), self.journal.add(request, {"answer": answer}), cut_off(answer))
        return None

    async def _attempt(self, request: Request, lane: int) -> dict[str, Any] | None:
        """Send a request once, when the budget and the pace allow it. Null: the run stops."""
        if not await self._room(request):
            return None
        used: Used | None = None
        try:
            typical = self.tally.completion_tokens // max(self.tally.done - self.tally.errors, 1)
            expected = request.prompt_tokens + (typical or request.most_completion_tokens or 0)
            await self.starts.take(1)
            await self.tokens.take(expected)
            if self.stop.is_set():
                return None
            answer = await self.endpoint.send(request.body, lane)
            used = Used.of(answer)
            self.tokens.settle(used.total - expected if used.total else 0)
            return answer
        except Failure as failure:
            if failure.charged:
                used = Used()
                await self._flushed(self.journal.add(request, {"lost": failure.reason}))
            raise
        finally:
            if used is not None:
                self.budget.spend(request, used)
            await self._release(request)

    async def _room(self, request: Request) -> bool:
        """Wait until the budget has room for the request, and hold it. False: the run stops."""
        if not self.budget.fits(request):
            async with self.room:
                await self.room.wait_for(lambda: self.budget.fits(request) or not self.held or self.stop.is_set())
            if not self.budget.fits(request):
                self._stop(Stopped(self._spent(), f"raise max_cost or max_total_tokens, and {ON}"))
        if self.stop.is_set():
            return False
        self.budget.hold(request)
        self.held += 1
        return True

    async def _release(self, request: Request) -> None:
        self.budget.hold(request, -1)
        self.held -= 1
        if self.budget.limited:
            async with self.room:
                self.room.notify_all()

    def _believed(self, failure: Failure, attempt: int) -> bool:
        """Stop if the failure shows a mistake of the user's, and not trouble with one request."""
        sure = failure.always or (self.answered == 0 and max(attempt, self.in_a_row + 1) >= failure.after)
        if failure.mistake and sure:
            hint = (
                f"{failure.mistake.hint}; then run the same command again" if self.tally.done else failure.mistake.hint
            )
            self._stop(Stopped(failure.mistake.message, hint))
            return True
        return False

    async def _pause(self, attempt: int, asked: float | None) -> None:
        """Exponential back-off with full jitter on top of what the endpoint asks for. Ends early if the run stops."""
        bound = min(self.settings.first_wait * 2 ** (attempt - 1), LONGEST_WAIT)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), random.uniform(0, bound) + (asked or 0.0))

    def _one_more_failed(self, failure: Failure) -> None:
        self.in_a_row += 1
        if self.in_a_row >= self.settings.give_up_after:
            many = f"{self.in_a_row} requests in a row failed, the last with: {failure.reason}"
            self._stop(Stopped(many, f"see to {self.endpoint.address}, or raise give_up_after; then {ON}"))

    async def _counted(self, used: Used | None, written: "asyncio.Future[None]", truncated: bool = False) -> None:
        """Count a request when its line is on disk: one with an answer, or (null) without."""
        if await self._flushed(written):
            self.tally.count(used, truncated)
            self._show()

    async def _flushed(self, written: "asyncio.Future[None]") -> bool:
        """Wait until a line is on disk. False: it cannot be written, and the run stops."""
        try:
            await asyncio.shield(written)
        except RunError as error:
            self._stop(error)
            return False
        return True

    def _stop(self, reason: UnderstudyError) -> None:
        """Send nothing more. The first reason counts."""
        self.reason = self.reason or reason
        self.stop.set()

    def _spent(self) -> str:
        cost = "" if self.tally.cost is None else f" and ${self.budget.cost:,.4f}"
        answered = f"{self.tally.done - self.tally.errors:,} of {self.tally.total:,} requests are answered"
        return f"the budget has no room for another request: {answered}, {self.budget.tokens:,} tokens{cost} are used"

    def _show(self) -> None:
        if self.tally.cost is not None:
            self.tally.cost = self.budget.cost
        self.tally.seconds = time.monotonic() - self.started
        self.watch(self.tally)
