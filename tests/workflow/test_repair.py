"""Outages that outlast all patience: the story waits for a person, says so, and is repaired by an update.

The patience of half an hour is two seconds here; retries of a step are real time on every test server.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError

import workflows.profiles
from bootstrap import Services
from db.sql import fetch
from domain.billing.payments import ProviderEvent
from domain.billing.purchase import OrderRef, OrderStatus, PurchasePolicy, Refusal
from domain.errors import BusinessRefusalError
from domain.identifiers import late_payment_workflow_id, purchase_workflow_id
from gateways.payments.razorpay_objects import Payment, payment_of
from tests.integration.conftest import NewPerson
from tests.leaks.lines import written
from tests.workflow.conftest import PATIENCE, Academy, eventually, one, running
from worker import workflow_runner
from workflows.purchase import ORDER_PAID
from workflows.repair import NOTHING_WAITS

STATE = SearchAttributeKey.for_keyword("LmsState")
SHORT = timedelta(seconds=2)
OPEN_FOR = PurchasePolicy(expires_after_seconds=25, first_poll_seconds=2, longest_poll_seconds=2)


@pytest_asyncio.fixture(loop_scope="session")
async def academy(
    services: Services, worker_temporal: Client, new_person: NewPerson, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Academy]:
    """A worker whose steps give up soon."""
    for name in ("DATABASE", "PAYMENT", "MESSAGE"):
        profile = getattr(workflows.profiles, name)
        impatient = replace(
            profile,
            quick=replace(profile.quick, schedule_to_close=SHORT),
            patient=replace(profile.patient, schedule_to_close=SHORT),
        )
        monkeypatch.setattr(workflows.profiles, name, impatient)
    academy = Academy(services, worker_temporal, OPEN_FOR, new_person)
    async with running(academy, workflow_runner("workflows.profiles")) as ready:
        yield ready


async def waiting(academy: Academy, order: OrderRef, step: str) -> None:
    """Until the order waits for a person at `step`, in SQL and in Temporal."""
    row = await eventually("SELECT attention FROM orders WHERE id = $1 AND attention IS NOT NULL", order.order_id)
    assert row["attention"] == step
    async with asyncio.timeout(PATIENCE.total_seconds()):  # SQL knows before the workflow task is completed
        while (await handle_of(academy, order).describe()).typed_search_attributes.get(STATE) != "needs_attention":
            await asyncio.sleep(0.05)


def handle_of(academy: Academy, order: OrderRef) -> WorkflowHandle[Any, Any]:
    return academy.services.temporal.get_workflow_handle(purchase_workflow_id(order.order_id))


async def start_while_provider_is_down(academy: Academy) -> OrderRef:
    """An order whose charge cannot be opened for longer than the step's patience."""
    await academy.at_provider(
        "faults", api=[{"operation": "create_payment", "kind": "error_500_before", "times": 10_000}]
    )
    order = await academy.order(await academy.course())
    await academy.stories.ensure_purchase(order)
    await waiting(academy, order, "open_checkout")
    return order


async def test_a_provider_down_for_long_waits_for_a_person_who_retries(academy: Academy) -> None:
    with written() as lines:
        order = await start_while_provider_is_down(academy)
        await academy.clear_faults()

        assert await handle_of(academy, order).execute_update("retry") == "open_checkout"
    ours = [line for line in lines() if line.get("workflow_id") == purchase_workflow_id(order.order_id)]
    tries = [line["attempt"] for line in ours if line["event"] == "step_failed"]
    assert tries[:2] == [1, 2], "each failed try is one line"
    (waits,) = [line for line in ours if line["event"] == "alarm_story_waits_for_person"]
    assert (waits["level"], waits["step"], waits["workflow_type"]) == ("warning", "open_checkout", "Purchase")
    (decided,) = [line for line in ours if line["event"] == "person_decided"]
    assert (decided["step"], decided["decision"]) == ("open_checkout", "retry")

    assert await handle_of(academy, order).result() == OrderStatus.EXPIRED, "nobody paid, but the charge was opened"
    assert [c["status"] for c in await academy.book(order.order_id)] == ["canceled"]


async def test_a_person_may_abandon_what_is_not_paid(academy: Academy) -> None:
    order = await start_while_provider_is_down(academy)
    await academy.clear_faults()

    buyer = asyncio.create_task(academy.stories.checkout(order, "a-second-tab", PATIENCE))
    assert await handle_of(academy, order).execute_update("abandon") == OrderStatus.ABANDONED
    assert (await buyer).refusal == Refusal.ORDER_CLOSED, "who waits for a checkout learns that there is none"
    assert await handle_of(academy, order).result() == OrderStatus.ABANDONED
    row = await one("SELECT status, close_reason, attention FROM orders WHERE id = $1", order.order_id)
    assert tuple(row) == ("abandoned", "given_up_by_operator", None)


async def test_a_repair_is_refused_while_nothing_waits(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    for repair in ("retry", "refund"):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await bought.handle.execute_update(repair)
        assert cause_type(refused.value) == NOTHING_WAITS
    assert await bought.handle.execute_update("abandon") == OrderStatus.ABANDONED
    assert [c["status"] for c in await academy.book(bought.order.order_id)] == ["canceled"]


@pytest.mark.parametrize("decision", ["retry", "abandon"])
async def test_a_charge_that_cannot_be_cancelled_for_long_waits_for_a_person(academy: Academy, decision: str) -> None:
    bought = await academy.buy(await academy.course(maxEnrollments=1))
    await academy.at_provider("faults", api=[{"operation": "cancel", "kind": "error_500_before", "times": 10_000}])
    leaving = asyncio.create_task(bought.handle.execute_update("abandon"))
    await waiting(academy, bought.order, "cancel_charge")
    seat = await one("SELECT holds_seat FROM orders WHERE id = $1", bought.order.order_id)
    assert seat["holds_seat"], "as long as somebody may still pay"

    if decision == "retry":
        await academy.clear_faults()
    await bought.handle.execute_update(decision)

    assert await leaving == OrderStatus.ABANDONED
    assert await bought.handle.result() == OrderStatus.ABANDONED
    await academy.clear_faults()
    charges = [c["status"] for c in await academy.book(bought.order.order_id)]
    assert charges == ["canceled" if decision == "retry" else "requires_payment_method"]


async def test_money_ends_the_wait_for_a_charge_that_cannot_be_cancelled(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    await academy.at_provider("faults", api=[{"operation": "cancel", "kind": "error_500_before", "times": 10_000}])
    leaving = asyncio.create_task(bought.handle.execute_update("abandon"))
    await waiting(academy, bought.order, "cancel_charge")

    await academy.at_provider(f"pay/{bought.payment_id}")
    payment = await academy.services.providers["stripe"].read_payment(bought.payment_id)
    await bought.handle.signal("payment_event", payment)

    assert await bought.handle.result() == OrderStatus.ENROLLED
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await leaving
    assert cause_type(refused.value) == ORDER_PAID


async def test_a_charge_that_the_provider_does_not_know_can_take_no_money(
    academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(_payment_id: str) -> None:
        raise BusinessRefusalError("payment_unknown")

    bought = await academy.buy(await academy.course(maxEnrollments=1))
    monkeypatch.setattr(academy.services.providers["stripe"], "cancel_payment", unknown)
    assert await bought.handle.execute_update("abandon") == OrderStatus.ABANDONED
    row = await one("SELECT status, holds_seat, attention FROM orders WHERE id = $1", bought.order.order_id)
    assert tuple(row) == ("abandoned", False, None)


async def test_abandoning_an_order_that_turns_out_to_be_paid_is_refused(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    await academy.at_provider(f"pay/{bought.payment_id}")

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await bought.handle.execute_update("abandon")

    assert cause_type(refused.value) == ORDER_PAID
    assert await bought.handle.result() == OrderStatus.ENROLLED


@pytest.mark.parametrize(("repair", "end"), [("retry", OrderStatus.ENROLLED), ("refund", OrderStatus.SETTLING)])
async def test_captured_money_that_cannot_be_settled_waits_and_is_repaired(
    academy: Academy, repair: str, end: OrderStatus
) -> None:
    bought = await academy.buy(await academy.course())
    payment = await academy.pay_without_webhook(bought)
    await fetch("ALTER TABLE payments RENAME TO payments_away")
    try:
        await bought.handle.signal("payment_event", payment)
        await waiting(academy, bought.order, "settle")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await bought.handle.execute_update("abandon")
        assert cause_type(refused.value) == ORDER_PAID
    finally:
        await fetch("ALTER TABLE payments_away RENAME TO payments")

    assert await bought.handle.execute_update(repair) == "settle"

    assert await bought.handle.result() == end
    if end is OrderStatus.SETTLING:
        await eventually("SELECT FROM orders WHERE id = $1 AND status = 'refunded'", bought.order.order_id)
        refunds = [r["status"] for c in await academy.book(bought.order.order_id) for r in c["refunds"]]
        assert refunds == ["succeeded"]


def cause_type(error: WorkflowUpdateFailedError) -> str | None:
    assert isinstance(error.cause, ApplicationError)
    return error.cause.type


async def test_a_late_payment_that_cannot_be_captured_for_long_waits_for_a_person(academy: Academy) -> None:
    shop = Academy(academy.services, academy.services.temporal, OPEN_FOR, academy.new_person, provider="razorpay")
    bought = await shop.buy(await shop.course())
    await bought.handle.execute_update("abandon")
    await bought.handle.result()
    await shop.at_provider("faults", api=[{"operation": "capture", "kind": "error_500_before", "times": 10_000}])
    held = payment_of(msgspec.convert(await shop.at_provider(f"authorize/{bought.payment_id}"), Payment))
    held = msgspec.structs.replace(held, order_id=bought.order.order_id)
    event = ProviderEvent(provider="razorpay", event_id="of-the-test", event_type="payment.authorized", payment=held)
    await shop.services.delivery.deliver(event)
    row = await eventually("SELECT attention FROM orders WHERE id = $1 AND attention IS NOT NULL", held.order_id)
    assert row["attention"] == "take_payment"

    story = shop.services.temporal.get_workflow_handle(late_payment_workflow_id("razorpay", held.payment_id))
    with pytest.raises(WorkflowUpdateFailedError):
        await story.execute_update("refund")  # nothing was captured
    await shop.clear_faults()
    await story.execute_update("retry")
    assert await story.result() == OrderStatus.ENROLLED
    row = await one("SELECT status, attention FROM orders WHERE id = $1", held.order_id)
    assert (row["status"], row["attention"]) == ("enrolled", None)
    await shop.close()
