"""No worker, no Temporal: 202 and 503, with nothing half done, and the relay that goes on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest_asyncio
from litestar import Litestar
from temporalio.api.taskqueue.v1 import TaskQueue as TaskQueueName
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest, RespondWorkflowTaskFailedRequest
from temporalio.client import Client

from activities.delivery import EventDelivery
from activities.sweeps import Sweeps
from api.app import create_app
from bootstrap import Services, connect_temporal
from db.sql import fetch
from domain.billing.purchase import PurchasePolicy
from domain.identifiers import new_id, purchase_workflow_id
from domain.identity.roles import Role
from domain.stories import TaskQueue
from gateways.temporal.stories import Stories
from stack.process import port_is_free
from tests.conftest import free_ports
from tests.integration.billing.stripe_events import post_event
from tests.integration.billing.test_purchase_http import Buyer
from tests.integration.conftest import NewPerson, client_of, token_of
from tests.workflow.conftest import PATIENCE, Academy, eventually, one, running, worker_temporal

__all__ = ["worker_temporal"]

POLICY = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=300)

LOST_TASKS = 3
"""From so many in a row on, Temporal (1.32) refuses updates: `WorkflowNotReadyFailure`."""


@pytest_asyncio.fixture(loop_scope="session")
async def buyer(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Buyer:
    person = await new_person(Role.STUDENT)
    return Buyer(client, person.id, await token_of(app, person))


@pytest_asyncio.fixture(loop_scope="session")
async def without_temporal(services: Services, buyer: Buyer, app: Litestar) -> AsyncIterator[Buyer]:
    """The same buyer at an API whose Temporal address leads nowhere."""
    port = next(free_ports())
    assert port_is_free(port)
    settings = services.settings.model_copy(update={"temporal_address": f"127.0.0.1:{port}"})
    temporal = await connect_temporal(settings, services.codec, lazy=True)
    stories = Stories(temporal, POLICY)
    cut_off = replace(services, temporal=temporal, stories=stories, delivery=EventDelivery(stories))
    async with client_of(create_app(cut_off)) as client:
        yield Buyer(client, buyer.user_id, buyer.headers["Authorization"].removeprefix("Bearer "))


async def test_temporal_down_answers_503_and_leaves_nothing_half_done(
    services: Services, worker_temporal: Client, new_person: NewPerson, buyer: Buyer, without_temporal: Buyer
) -> None:
    async with running(Academy(services, worker_temporal, POLICY, new_person)) as academy:
        course, key = await academy.course(), new_id()

        answer = await without_temporal.buy(course, key)

        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert "Retry-After" in answer.headers
        assert await fetch("SELECT FROM orders WHERE course_id = $1", course) == []
        assert await fetch("SELECT FROM idempotency_keys WHERE key = $1", key) == []
        again = await buyer.buy(course, key)
        assert again.status_code == 201, "the same key buys once Temporal is back"


async def test_without_a_worker_202_and_the_story_goes_on_when_one_comes(
    services: Services, worker_temporal: Client, new_person: NewPerson, buyer: Buyer
) -> None:
    academy = Academy(services, worker_temporal, POLICY, new_person)
    course, key = await academy.course(), new_id()

    answer = await buyer.buy(course, key)

    assert (answer.status_code, answer.json()["status"], answer.json()["checkout"]) == (202, "preparing", None)
    assert answer.headers["Location"] == f"/api/v1/purchases/{answer.json()['id']}"
    async with running(academy):
        again = await buyer.buy(course, key)
    assert (again.status_code, again.json()["id"]) == (201, answer.json()["id"])
    assert again.json()["checkout"]["clientSecret"]


async def test_workers_that_lose_its_first_task_again_and_again_are_no_outage_of_temporal(
    services: Services, worker_temporal: Client, new_person: NewPerson, buyer: Buyer
) -> None:
    """Temporal then refuses every question at once until a task succeeds. The order stays, as without a worker."""
    academy = Academy(services, worker_temporal, POLICY, new_person)
    course = await academy.course()
    order = await academy.order(course, buyer.user_id)
    await academy.stories.ensure_purchase(order)
    await lose_tasks(worker_temporal, purchase_workflow_id(order.order_id))

    answer = await buyer.buy(course)

    assert (answer.status_code, answer.json()["status"], answer.json()["id"]) == (202, "preparing", order.order_id)
    async with running(academy):
        bought = await until_answered(buyer, course)
    assert bought["id"] == order.order_id
    assert bought["checkout"]["clientSecret"]


async def lose_tasks(temporal: Client, workflow_id: str) -> None:
    """Take a story's tasks and fail them, as a worker that cannot work does, until Temporal calls the task failed."""
    lost = 0
    while lost < LOST_TASKS:
        queue = TaskQueueName(name=TaskQueue.CORE)
        ask = PollWorkflowTaskQueueRequest(namespace=temporal.namespace, task_queue=queue)
        task = await temporal.workflow_service.poll_workflow_task_queue(ask, timeout=PATIENCE)
        await temporal.workflow_service.respond_workflow_task_failed(
            RespondWorkflowTaskFailedRequest(namespace=temporal.namespace, task_token=task.task_token)
        )
        lost += task.workflow_execution.workflow_id == workflow_id


async def until_answered(buyer: Buyer, course: str) -> dict[str, Any]:
    """Ask again until the answer is no longer 202."""
    async with asyncio.timeout(2 * PATIENCE.total_seconds()):
        while (answer := await buyer.buy(course)).status_code == 202:
            await asyncio.sleep(0.2)
    assert answer.status_code == 201, answer.text
    bought: dict[str, Any] = answer.json()
    return bought


async def test_an_order_whose_story_was_never_started_is_started_by_the_relay(
    services: Services, worker_temporal: Client, new_person: NewPerson
) -> None:
    async with running(Academy(services, worker_temporal, POLICY, new_person)) as academy:
        order = await academy.order(await academy.course())
        await fetch("UPDATE orders SET created_at = now() - interval '2 minutes' WHERE id = $1", order.order_id)

        await academy.in_activity(Sweeps(services.providers, academy.services.delivery, academy.stories).relay)

        await eventually("SELECT FROM orders WHERE id = $1 AND status = 'awaiting_payment'", order.order_id)


async def test_an_order_whose_story_was_terminated_is_begun_anew_and_keeps_its_charge(
    services: Services, worker_temporal: Client, new_person: NewPerson
) -> None:
    async with running(Academy(services, worker_temporal, POLICY, new_person)) as academy:
        bought = await academy.buy(await academy.course())
        await bought.handle.terminate()
        await fetch("UPDATE orders SET expires_at = now() - interval '2 hours' WHERE id = $1", bought.order.order_id)

        await academy.in_activity(Sweeps(services.providers, academy.services.delivery, academy.stories).relay)

        answer = await academy.stories.checkout(bought.order, new_id(), PATIENCE)
        assert answer.client_secret == bought.answer.client_secret
        assert len(await academy.book(bought.order.order_id)) == 1


async def test_an_event_that_could_not_be_delivered_is_repeated_by_the_relay(
    services: Services, worker_temporal: Client, new_person: NewPerson, without_temporal: Buyer
) -> None:
    async with running(Academy(services, worker_temporal, POLICY, new_person)) as academy:
        bought = await academy.buy(await academy.course())
        intent = await academy.at_provider(f"pay/{bought.payment_id}")
        answer = await post_event(without_temporal.client, services, "payment_intent.succeeded", intent)
        assert answer.status_code == 200, "committed is enough"
        event = await one("SELECT id, status FROM provider_events WHERE order_id = $1", bought.order.order_id)
        assert event["status"] == "received"
        await fetch("UPDATE provider_events SET received_at = now() - interval '1 minute' WHERE id = $1", event["id"])

        await academy.in_activity(Sweeps(services.providers, academy.services.delivery, academy.stories).relay)

        assert await bought.handle.result() == "enrolled"
        delivered = await one("SELECT status FROM provider_events WHERE id = $1", event["id"])
        assert delivered["status"] == "delivered"
