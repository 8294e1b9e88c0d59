"""Where errands are held while something is killed: one stop for each write of a story's history.

Temporal writes several events in one transaction, so no kill can come between them: a stop stands after such a write,
and one errand is sent there for each event of it. What a worker does *between* two writes are the gaps (`gaps.py`).
Every story of two acts has the same writes, in the same order.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tests.chaos.academy import VICTIMS, Academy
from tests.chaos.errands.errand import Errand
from tests.chaos.histories import NOTHING, Batch, Event
from tests.chaos.waiting import until

REACHED_WITHIN_SECONDS = 15.0

STARTED, TASK_1, WAITING, SIGNALLED, TASK_2, CLOSED = range(6)
"""The writes of an undisturbed history, in order."""

FIRST_OF_WRITE = (
    "WorkflowExecutionStarted",
    "WorkflowTaskStarted",
    "WorkflowTaskCompleted",
    "WorkflowExecutionSignaled",
    "WorkflowTaskStarted",
    "WorkflowTaskCompleted",
)


class Place(NamedTuple):
    """Where an errand stands by two books: the status stored in our row, and the provider's own (`-`: not there)."""

    ours: str
    theirs: str


class Places(NamedTuple):
    """The places that an undisturbed errand passes: begun, waiting for the second act, told of it, done."""

    begun: Place
    waiting: Place
    told: Place
    done: Place


class Landed(NamedTuple):
    """Where an errand stood when the kill came: the newest event of its history, and its place."""

    event: Event
    place: Place

    def __str__(self) -> str:
        return f"{self.event.id} {self.event.kind}, ours {self.place.ours}, theirs {self.place.theirs}"


@dataclass(frozen=True)
class Stage:
    """What a stop has to work with."""

    academy: Academy
    errands: Sequence[Errand]
    undisturbed: Sequence[Batch]
    places: Places

    @property
    def only(self) -> Errand:
        """The errand of a gap."""
        (errand,) = self.errands
        return errand

    async def first_act(self) -> None:
        """Everybody begins, and every story waits for the second act."""
        for errand in self.errands:
            errand.start()
        for errand in self.errands:
            await errand.begun(REACHED_WITHIN_SECONDS)
        await self.histories_reach(WAITING)

    def second_act(self) -> None:
        """The second act comes."""
        for errand in self.errands:
            errand.may_go_on.set()

    async def histories_reach(self, write: int) -> None:
        """Wait for the last event of a write, in every story."""
        wanted = self.undisturbed[write][-1].id

        async def look() -> bool:
            return all([(await errand.last_event()).id >= wanted for errand in self.errands])

        await until(look, f"event {wanted}", REACHED_WITHIN_SECONDS)

    async def our_row_says(self, status: str) -> None:
        """Wait for the stored status of the only errand."""

        async def look() -> bool:
            return (await self.only.row())[1] == status

        await until(look, f"our row says {status}", REACHED_WITHIN_SECONDS)

    async def their_book_says(self, status: str) -> None:
        """Wait for the only errand's status in the provider's own book."""

        async def look() -> bool:
            return await self.only.theirs() == status

        await until(look, f"their book says {status}", REACHED_WITHIN_SECONDS)


Reach = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Stop:
    """A point to be hit. `reach` brings errands there and holds them; the books have to agree before it counts."""

    name: str
    write: int | None
    """The newest write that the history may show; `None`: there is no history yet."""
    place: Place
    reach: Reach
    between: tuple[str, ...] = VICTIMS
    """Who is killed here: for a gap, those that it lies between."""
    ends_as: str | None = None
    """Another end than the scenario's."""
    newest: str | None = None
    """The kind of the newest event, for a stop beside the undisturbed history."""

    def is_hit(self, landed: Landed, undisturbed: Sequence[Batch]) -> bool:
        """Whether an errand stands exactly here."""
        if landed.place != self.place:
            return False
        if self.newest is not None:
            return landed.event.kind == self.newest
        return landed.event == (NOTHING if self.write is None else undisturbed[self.write][-1])


async def where(errand: Errand) -> Landed:
    """Where an errand stands, by the books of Temporal, PostgreSQL and the provider."""
    _, ours = await errand.row()
    return Landed(await errand.last_event(), Place(ours, await errand.theirs()))


async def _started(stage: Stage) -> None:
    stage.academy.links["worker-temporal"].black_out()
    for errand in stage.errands:
        errand.start()
    await stage.histories_reach(STARTED)


async def _task_1(stage: Stage) -> None:
    stage.academy.links["worker-temporal"].withhold_answers()
    for errand in stage.errands:
        errand.start()
    await stage.histories_reach(TASK_1)


async def _waiting(stage: Stage) -> None:
    await stage.first_act()


async def _signalled(stage: Stage) -> None:
    await stage.first_act()
    stage.academy.links["worker-temporal"].black_out()
    stage.second_act()
    await stage.histories_reach(SIGNALLED)


async def _task_2(stage: Stage) -> None:
    await stage.first_act()
    stage.academy.links["worker-temporal"].withhold_answers()
    stage.second_act()
    await stage.histories_reach(TASK_2)


async def _closed(stage: Stage) -> None:
    await stage.first_act()
    stage.second_act()
    await stage.histories_reach(CLOSED)


def event_stops(places: Places) -> tuple[Stop, ...]:
    """One for each write of the undisturbed history; `test_kills` sees that none is missing."""
    return (
        Stop("started, no task taken", STARTED, places.begun, _started),
        Stop("first task handed out, not arrived", TASK_1, places.begun, _task_1),
        Stop("first act done, waiting", WAITING, places.waiting, _waiting),
        Stop("signalled, no task taken", SIGNALLED, places.told, _signalled),
        Stop("second task handed out, not arrived", TASK_2, places.told, _task_2),
        Stop("closed", CLOSED, places.done, _closed),
    )
