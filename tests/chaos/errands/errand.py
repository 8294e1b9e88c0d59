"""An errand in two acts: something is begun and waits, then somebody outside of the house decides."""

import asyncio
from abc import ABC, abstractmethod

from tests.chaos.academy import Academy
from tests.chaos.buyer import Buyer
from tests.chaos.histories import Event, last_event

PREPARED_WITHIN_SECONDS = 40.0


class Errand(ABC):
    """One story's worth of somebody's business, whose books are asked while processes are killed around it."""

    def __init__(self, academy: Academy, buyer: Buyer, *, ends_as: str) -> None:
        """`ends_as` is the status that it has to end with."""
        self.academy = academy
        self.buyer = buyer
        self.ends_as = ends_as
        self.status = ""
        """What was seen last of it."""
        self.may_go_on = asyncio.Event()
        """Set once the second act may come."""
        self._begun = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    @abstractmethod
    def told_by(self) -> str:
        """The kind of the one webhook by which the provider tells of the second act."""

    @abstractmethod
    async def prepare(self) -> None:
        """What has to be there before it begins. Raises `TimeoutError`."""

    def start(self) -> None:
        """Begin; the second act waits for `may_go_on`."""
        self._task = asyncio.create_task(self._run())

    async def begun(self, seconds: float) -> None:
        """Wait until who has begun it sees that it is."""
        await asyncio.wait_for(self._begun.wait(), seconds)

    async def finished(self, seconds: float) -> str:
        """Wait for its end: the status that is seen. Raises `TimeoutError` and whatever went wrong."""
        assert self._task is not None
        await asyncio.wait_for(self._task, seconds)
        return self.status

    async def leave(self) -> None:
        """Give it up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def last_event(self) -> Event:
        """The newest event of its story."""
        workflow_id, _ = await self.row()
        return await last_event(self.academy.temporal, workflow_id or "none")

    @abstractmethod
    async def _run(self) -> None:
        """Both acts, until the end is seen."""

    @abstractmethod
    async def row(self) -> tuple[str | None, str]:
        """Its workflow's id and its stored status; `None` and `-` without a row."""

    @abstractmethod
    async def theirs(self) -> str:
        """Its status in the provider's own book; `-` when it is not there."""

    @abstractmethod
    async def message_key(self) -> str | None:
        """The dedupe key of the mail that tells of its end; `None` when nobody is told."""

    @abstractmethod
    async def judge(self) -> None:
        """Raises `AssertionError` unless every book says what it has to."""
