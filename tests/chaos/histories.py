"""Reading the histories of stories from Temporal, as it wrote them."""

from datetime import timedelta
from typing import NamedTuple

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

PATIENCE = timedelta(seconds=20)
"""For one call: a busy machine is no reason to fail; a purchase that moves on meanwhile has missed its stop."""


class Event(NamedTuple):
    """One event of a history."""

    id: int
    kind: str


Batch = list[Event]
"""Events that the server wrote in one transaction: nothing can come to lie between them."""

NOTHING = Event(0, "(no history)")


async def read_batches(client: Client, workflow_id: str) -> list[Batch]:
    """A history by the server's own write transactions (a page of size 1 is one of them); empty when there is none."""
    batches: list[Batch] = []
    token = b""
    while True:
        request = GetWorkflowExecutionHistoryRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id),
            maximum_page_size=1,
            next_page_token=token,
        )
        try:
            page = await client.workflow_service.get_workflow_execution_history(request, timeout=PATIENCE, retry=True)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return []
            raise
        if page.history.events:
            batches.append([Event(event.event_id, _name(event.event_type)) for event in page.history.events])
        token = page.next_page_token
        if not token:
            return batches


async def last_event(client: Client, workflow_id: str) -> Event:
    """The newest event, or `NOTHING`."""
    batches = await read_batches(client, workflow_id)
    return batches[-1][-1] if batches else NOTHING


def _name(kind: EventType.ValueType) -> str:
    """`EVENT_TYPE_TIMER_STARTED` as the Temporal UI says it."""
    return EventType.Name(kind).removeprefix("EVENT_TYPE_").title().replace("_", "")
