"""Many requests' work as one: what comes within a few milliseconds is done together, and each gets their part."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from api.http.problems import OUTAGES
from domain.errors import OutageError

T = TypeVar("T")
R = TypeVar("R")


class Gatherer(Generic[T, R]):
    """Gathers items and hands them to `work`, which answers each in their order.

    While one gathering is worked on, the next one comes together; an idle gatherer waits for nobody but those who are
    here already. So nobody waits longer than for one gathering, or `longest_wait` seconds: then a second one begins
    beside it. At most `most_waiting` items wait; then callers get an `OutageError` at once.

    A caller who is cancelled only leaves: what they gave is done with the rest. When `work` fails for many, other than
    by an outage, each is tried alone, so that nobody fails for what another one has sent.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        longest_wait: float = 0.01,
        most_together: int = 500,
        most_waiting: int = 5_000,
    ) -> None:
        self._work = work
        self._longest_wait = longest_wait
        self._most_together = most_together
        self._most_waiting = most_waiting
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def add(self, item: T) -> R:
        """What `work` answers for this item. Raises what it raises, and `OutageError` when too many wait."""
        if len(self._waiting) >= self._most_waiting:
            raise OutageError("too many are waiting")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        self._waiting.append((item, answer))
        if not self._running:
            self._begin()
        elif self._timer is None:
            self._timer = loop.call_later(self._longest_wait, self._begin)
        return await answer

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            task = asyncio.create_task(self._gather(), context=Context())  # no single request's
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._waiting and not self._running:
            self._begin()

    async def _gather(self) -> None:
        await asyncio.sleep(0)  # whoever is ready to run now comes along
        taken, self._waiting = self._waiting[: self._most_together], self._waiting[self._most_together :]
        if self._waiting:
            self._begin()
        await self._answer(taken)

    async def _answer(self, taken: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            answers = await self._work([item for item, _ in taken])
        except OUTAGES as error:
            _fail(taken, error)
        except Exception as error:
            if len(taken) == 1:
                _fail(taken, error)
            else:
                for each in taken:
                    await self._answer([each])
        except BaseException:  # the process ends
            _fail(taken, OutageError("ended"))
            raise
        else:
            for (_, future), answer in zip(taken, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def _fail(taken: Sequence[tuple[object, asyncio.Future[R]]], error: Exception) -> None:
    for _, future in taken:
        if not future.done():
            future.set_exception(error)
