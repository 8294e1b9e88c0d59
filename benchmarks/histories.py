"""What a workflow's history tells of its cost, and of the way that it took."""

import asyncio
from collections.abc import Iterable

import msgspec
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

AT_ONCE = 16
LATE = "WORKFLOW_TASK_TIMED_OUT"


class Tally(msgspec.Struct, frozen=True):
    """One history in numbers."""

    workflow_id: str
    events: int
    tasks: int
    """Workflow tasks that a worker completed."""
    local_steps: tuple[str, ...]
    """The names of its local activities, in order."""
    activities: int
    """Normal activities."""
    trouble: tuple[str, ...]
    """Events that the straight way does not have: a timer that fired, something that failed or timed out."""
    late_tasks: int
    """Workflow tasks that no worker took or finished in 10 s, since the machine was busy: given out once more."""
    end: str


async def read_tallies(client: Client, workflow_ids: Iterable[str]) -> list[Tally]:
    """Of closed workflows."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def read(workflow_id: str) -> Tally:
        async with limit:
            history = await client.get_workflow_handle(workflow_id).fetch_history()
        return _tally(workflow_id, list(history.events))

    return await asyncio.gather(*map(read, workflow_ids))


def _tally(workflow_id: str, events: list[HistoryEvent]) -> Tally:
    kinds = [_name(event) for event in events]
    return Tally(
        workflow_id,
        len(events),
        kinds.count("WORKFLOW_TASK_COMPLETED"),
        tuple(_local_step(event) for event in events if _marker(event) == "core_local_activity"),
        kinds.count("ACTIVITY_TASK_SCHEDULED"),
        tuple(kind for kind in kinds if kind != LATE and kind.endswith(("TIMER_FIRED", "_FAILED", "_TIMED_OUT"))),
        kinds.count(LATE),
        kinds[-1],
    )


def _name(event: HistoryEvent) -> str:
    return EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")


def _marker(event: HistoryEvent) -> str:
    """The marker's name, empty for every other event; `workflow.patched` writes markers, too."""
    return event.marker_recorded_event_attributes.marker_name


def _local_step(event: HistoryEvent) -> str:
    """The activity that a marker is about: the SDK's core writes its name in plain JSON."""
    marker = event.marker_recorded_event_attributes
    return str(msgspec.json.decode(marker.details["data"].payloads[0].data)["activity_type"])
