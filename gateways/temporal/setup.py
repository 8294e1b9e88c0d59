"""What a Temporal namespace needs before workers start: search attributes and schedules."""

from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError

from domain.errors import OutageError
from domain.stories import Attribute, Story, TaskQueue

SCHEDULES = {
    "event-relay": (Story.EVENT_RELAY, timedelta(seconds=30)),
    "payment-reconcile": (Story.PAYMENT_RECONCILE, timedelta(minutes=10)),
    "identity-cleanup": (Story.IDENTITY_CLEANUP, timedelta(days=1)),
    "storage-cleanup": (Story.STORAGE_CLEANUP, timedelta(hours=1)),
}
"""Schedule id → what it starts, and how often."""

CATCH_UP = timedelta(minutes=1)
"""Runs missed for longer than this are not made up: the next one sees everything anyway."""


async def prepare_temporal(client: Client) -> None:
    """Register search attributes and create or bring up to date the schedules. Raises `OutageError`."""
    try:
        await _register_attributes(client)
        for schedule_id, (story, every) in SCHEDULES.items():
            await _put_schedule(client, schedule_id, _schedule(schedule_id, story, every))
    except (RPCError, RuntimeError):
        raise OutageError("temporal") from None


async def _register_attributes(client: Client) -> None:
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = {
        attribute.value: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        for attribute in Attribute
        if attribute.value not in known.custom_attributes
    }
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )


def _schedule(schedule_id: str, story: Story, every: timedelta) -> Schedule:
    process = SearchAttributeKey.for_keyword(Attribute.PROCESS)
    return Schedule(
        action=ScheduleActionStartWorkflow(
            story,
            id=schedule_id,
            task_queue=TaskQueue.CORE,
            static_summary=schedule_id,
            typed_search_attributes=TypedSearchAttributes([SearchAttributePair(process, schedule_id)]),
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)], time_zone_name="UTC"),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )


async def _put_schedule(client: Client, schedule_id: str, schedule: Schedule) -> None:
    try:
        await client.create_schedule(schedule_id, schedule)
    except ScheduleAlreadyRunningError:

        def replace(_current: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule=schedule)

        await client.get_schedule_handle(schedule_id).update(replace)
