"""What is different with Razorpay: captures by us, second payments, late authorisation, no cancelling."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowFailureError

from activities.delivery import EventDelivery
from activities.sweeps import Sweeps
from bootstrap import Services
from db.queries.billing.provider_events import with_order
from db.sql import fetch
from domain.billing.payments import PaymentState, ProviderEvent, ProviderPayment
from domain.billing.purchase import OrderStatus, PurchasePolicy
from domain.billing.refund import RefundStatus
from domain.identifiers import late_payment_workflow_id, new_id, refund_workflow_id
from domain.messaging.delivery import Destination
from gateways.payments.razorpay_objects import Payment, payment_of
from tests.integration.conftest import NewPerson
from tests.workflow.conftest import Academy, Bought, eventually, one, running
from tests.workflow.test_purchase import assert_enrolled_once


@pytest_asyncio.fixture(loop_scope="session")
async def academy(services: Services, worker_temporal: Client, new_person: NewPerson) -> AsyncIterator[Academy]:
    """Orders of Razorpay expire after 4 s, and their stories ask every second: real time."""
    policy = PurchasePolicy(expires_after_seconds=4, first_poll_seconds=1, longest_poll_seconds=1)
    async with running(Academy(services, worker_temporal, policy, new_person, provider="razorpay")) as ready:
        yield ready


def as_told(thing: Any) -> ProviderEvent:
    """The event that a webhook about this payment tells."""
    payment = payment_of(msgspec.convert(thing, Payment))
    return ProviderEvent(provider="razorpay", event_id=new_id(), event_type="payment.x", payment=payment)


async def told(academy: Academy, thing: Any) -> Destination:
    return await academy.services.delivery.deliver(await with_order(as_told(thing)))


async def late_story(academy: Academy, payment_id: str) -> Any:
    name = late_payment_workflow_id("razorpay", payment_id)
    return await academy.services.temporal.get_workflow_handle(name).result()


async def payment_rows(bought: Bought) -> dict[str, bool]:
    rows = await fetch(
        "SELECT provider_payment_id AS id, applied FROM payments WHERE order_id = $1", bought.order.order_id
    )
    return {row["id"]: row["applied"] for row in rows}


async def assert_given_back(academy: Academy, bought: Bought, payment_id: str, reason: str) -> None:
    """Whole, once, by a refund of the payment (not of Razorpay's order)."""
    row = await one(
        "SELECT r.* FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE p.provider_payment_id = $1", payment_id
    )
    story = academy.services.temporal.get_workflow_handle(refund_workflow_id(row["id"]))
    assert await story.result() == RefundStatus.SUCCEEDED
    [charge] = [c for c in await academy.book(bought.order.order_id) if c["id"] == payment_id]
    assert [(r["amount"], r["status"]) for r in charge["refunds"]] == [(charge["amount"], "processed")]
    assert row["reason"] == reason


async def test_a_paid_order_enrolls_although_every_webhook_is_lost(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    assert bought.payment_id.startswith("order_")
    await academy.at_provider(f"decline/{bought.payment_id}")
    paid = await academy.at_provider(f"pay/{bought.payment_id}")

    assert await bought.handle.result() == OrderStatus.ENROLLED
    await assert_enrolled_once(academy, bought)
    assert await payment_rows(bought) == {paid["id"]: True}


async def test_an_authorised_payment_is_captured_and_enrolls(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    held = await academy.at_provider(f"authorize/{bought.payment_id}")
    assert await told(academy, held) is Destination.PURCHASE

    assert await bought.handle.result() == OrderStatus.ENROLLED
    await assert_enrolled_once(academy, bought)
    assert await payment_rows(bought) == {held["id"]: True}
    assert await told(academy, held) is Destination.NOTHING


async def test_what_is_authorised_when_the_order_expires_is_taken(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    fault = {"operation": "read", "kind": "rate_limit", "times": 7}
    await academy.at_provider("faults", api=[fault])  # nobody learns of it before the end
    held = await academy.at_provider(f"authorize/{bought.payment_id}")

    assert await bought.handle.result() == OrderStatus.ENROLLED
    assert await payment_rows(bought) == {held["id"]: True}


async def test_a_payment_that_is_paid_twice_enrolls_once_and_gives_the_other_back(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    first = await academy.at_provider(f"pay/{bought.payment_id}")
    assert await bought.handle.result() == OrderStatus.ENROLLED
    second = await academy.at_provider(f"pay/{bought.payment_id}")
    assert await told(academy, second) is Destination.LATE_PAYMENT

    assert await late_story(academy, second["id"]) == OrderStatus.SETTLING
    assert await payment_rows(bought) == {first["id"]: True, second["id"]: False}
    await assert_given_back(academy, bought, second["id"], "duplicate_payment")


async def test_a_second_authorisation_of_a_paid_order_is_left_to_lapse(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    failed = await academy.at_provider(f"decline/{bought.payment_id}")
    await academy.at_provider(f"pay/{bought.payment_id}")
    assert await bought.handle.result() == OrderStatus.ENROLLED
    held = await academy.at_provider(f"authorize-late/{failed['id']}")

    assert await told(academy, held) is Destination.NOTHING
    [kept] = [p for p in await academy.book(bought.order.order_id) if p["id"] == held["id"]]
    assert kept["status"] == "authorized", "not taken, only to be given back"


async def expired(academy: Academy, **course: Any) -> tuple[Bought, Any]:
    """An order that ended unpaid after a declined payment, and that payment."""
    bought = await academy.buy(await academy.course(**course))
    failed = await academy.at_provider(f"decline/{bought.payment_id}")
    assert await bought.handle.result() == OrderStatus.EXPIRED
    return bought, failed


async def test_a_late_authorisation_is_captured_and_enrolls(academy: Academy) -> None:
    bought, failed = await expired(academy)
    held = await academy.at_provider(f"authorize-late/{failed['id']}")
    assert await told(academy, held) is Destination.LATE_PAYMENT

    assert await late_story(academy, held["id"]) == OrderStatus.ENROLLED
    assert await payment_rows(bought) == {held["id"]: True}
    row = await one("SELECT status, close_reason FROM orders WHERE id = $1", bought.order.order_id)
    assert (row["status"], row["close_reason"]) == ("enrolled", None)
    await one("SELECT FROM entitlements WHERE source_id = $1 AND ended_at IS NULL", bought.order.order_id)


async def test_a_late_authorisation_for_a_full_course_goes_back(academy: Academy) -> None:
    bought, failed = await expired(academy, maxEnrollments=1)
    await academy.order(bought.order.course_id)
    other = await academy.buy(bought.order.course_id)
    assert other.answer.client_secret is not None
    held = await academy.at_provider(f"authorize-late/{failed['id']}")
    await told(academy, held)

    assert await late_story(academy, held["id"]) == OrderStatus.SETTLING
    await assert_given_back(academy, bought, held["id"], "course_full")


async def test_a_late_authorisation_that_nobody_can_capture_ends_and_may_be_told_again(academy: Academy) -> None:
    bought, failed = await expired(academy)
    held = await academy.at_provider(f"authorize-late/{failed['id']}")
    await academy.at_provider("faults", api=[{"operation": "capture", "kind": "refuse", "times": 1}])
    await told(academy, held)
    with pytest.raises(WorkflowFailureError):
        await late_story(academy, held["id"])
    assert await payment_rows(bought) == {}

    # Somebody captures it at the dashboard: the reconciliation finds it, and it is not lost to a story that has ended.
    paid: ProviderPayment = await academy.services.providers["razorpay"].read_payment(held["id"])
    assert paid.state is PaymentState.SUCCEEDED
    sweeps = Sweeps(
        {"razorpay": academy.services.providers["razorpay"]},
        EventDelivery(academy.stories),
        academy.stories,
    )
    await academy.in_activity(sweeps.reconcile)
    await eventually("SELECT FROM payments WHERE provider_payment_id = $1 AND applied", held["id"])
    assert await late_story(academy, held["id"]) == OrderStatus.ENROLLED


async def test_the_reconciliation_finds_what_no_webhook_told(academy: Academy) -> None:
    bought, failed = await expired(academy)
    held = await academy.at_provider(f"authorize-late/{failed['id']}")
    providers = {"razorpay": academy.services.providers["razorpay"]}
    sweeps = Sweeps(providers, EventDelivery(academy.stories), academy.stories)
    report = await academy.in_activity(sweeps.reconcile)
    assert report.started >= 1
    assert await late_story(academy, held["id"]) == OrderStatus.ENROLLED

    await academy.at_provider(f"refund-at-dashboard/{held['id']}", amount=1_000)
    await academy.in_activity(sweeps.reconcile)
    row = await eventually(
        "SELECT r.amount_minor, r.reason FROM refunds r JOIN payments p ON p.id = r.payment_id"
        " WHERE p.provider_payment_id = $1 AND r.status = 'succeeded'",
        held["id"],
    )
    assert (row["amount_minor"], row["reason"]) == (1_000, "at_provider")
    await one("SELECT FROM entitlements WHERE source_id = $1 AND ended_at IS NULL", bought.order.order_id)


async def test_a_wrong_amount_goes_back(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    paid = await academy.at_provider(f"pay/{bought.payment_id}", amount=100)

    assert await bought.handle.result() == OrderStatus.SETTLING
    await assert_given_back(academy, bought, paid["id"], "amount_mismatch")


@pytest.mark.parametrize("kind", ["charge_then_500", "error_500_before"])
async def test_an_order_is_opened_once_whatever_razorpay_answers(academy: Academy, kind: str) -> None:
    await academy.at_provider("faults", api=[{"operation": "create_payment", "kind": kind, "times": 2}])
    bought = await academy.buy(await academy.course())
    row = await one("SELECT provider_payment_id AS id FROM orders WHERE id = $1", bought.order.order_id)
    assert row["id"] == bought.payment_id
    await academy.at_provider(f"pay/{bought.payment_id}")
    assert await bought.handle.result() == OrderStatus.ENROLLED
    await assert_enrolled_once(academy, bought)


async def test_a_refund_whose_answer_was_500_is_made_once(academy: Academy) -> None:
    await academy.at_provider("faults", api=[{"operation": "create_refund", "kind": "charge_then_500", "times": 3}])
    bought = await academy.buy(await academy.course())
    paid = await academy.at_provider(f"pay/{bought.payment_id}", amount=100)
    assert await bought.handle.result() == OrderStatus.SETTLING
    await assert_given_back(academy, bought, paid["id"], "amount_mismatch")
