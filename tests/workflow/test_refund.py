"""A refund: once, whatever the provider answers, and a person when the provider fails it."""

from decimal import Decimal
from typing import Any

from temporalio.client import WorkflowHandle

from activities.sweeps import Sweeps
from db.sql import fetch
from domain.billing.purchase import OrderStatus
from domain.billing.refund import RefundStatus
from domain.identifiers import refund_workflow_id
from tests.workflow.conftest import Academy, Bought, eventually, one


async def enrolled(academy: Academy) -> Bought:
    """A paid order."""
    bought = await academy.buy(await academy.course(instructorId=(await academy.new_person()).id))
    await academy.at_provider(f"pay/{bought.payment_id}")
    assert await bought.handle.result() == OrderStatus.ENROLLED
    return bought


async def mismatched(academy: Academy) -> Bought:
    """An order paid with the wrong amount: its refund runs."""
    bought = await academy.buy(await academy.course())
    await academy.at_provider(f"pay/{bought.payment_id}", amount=100)
    assert await bought.handle.result() == OrderStatus.SETTLING
    return bought


async def refund_story(academy: Academy, bought: Bought) -> WorkflowHandle[Any, Any]:
    """The story of the order's only refund."""
    row = await one("SELECT id FROM refunds WHERE order_id = $1", bought.order.order_id)
    return academy.services.temporal.get_workflow_handle(refund_workflow_id(row["id"]))


async def refunds_in_book(academy: Academy, bought: Bought) -> list[str]:
    """The states of all refunds of the order in the provider's book."""
    charges = await academy.book(bought.order.order_id)
    return [refund["status"] for charge in charges for refund in charge["refunds"]]


async def test_a_refund_is_made_once_although_its_answer_never_came(academy: Academy) -> None:
    await academy.at_provider("faults", api=[{"operation": "create_refund", "kind": "charge_then_hang"}])
    bought = await mismatched(academy)

    assert await (await refund_story(academy, bought)).result() == RefundStatus.SUCCEEDED
    assert await refunds_in_book(academy, bought) == ["succeeded"]


async def test_a_refund_is_made_once_although_500_was_answered(academy: Academy) -> None:
    await academy.at_provider("faults", api=[{"operation": "create_refund", "kind": "charge_then_500"}])
    bought = await mismatched(academy)

    assert await (await refund_story(academy, bought)).result() == RefundStatus.SUCCEEDED
    assert await refunds_in_book(academy, bought) == ["succeeded"]


async def test_a_pending_refund_is_asked_for_until_it_is_done(academy: Academy) -> None:
    await academy.at_provider("faults", refunds={"mode": "pending"})
    bought = await mismatched(academy)
    row = await eventually(
        "SELECT provider_refund_id AS id FROM refunds WHERE order_id = $1 AND status = 'submitted'",
        bought.order.order_id,
    )
    await academy.at_provider(f"refunds/{row['id']}/succeed")

    assert await (await refund_story(academy, bought)).result() == RefundStatus.SUCCEEDED
    order = await one("SELECT status FROM orders WHERE id = $1", bought.order.order_id)
    assert order["status"] == "refunded"


async def test_a_refund_that_the_provider_fails_waits_for_a_person_and_is_tried_again(academy: Academy) -> None:
    await academy.at_provider("faults", refunds={"mode": "pending"})
    bought = await mismatched(academy)
    row = await eventually(
        "SELECT provider_refund_id AS id FROM refunds WHERE order_id = $1 AND status = 'submitted'",
        bought.order.order_id,
    )
    await academy.at_provider(f"refunds/{row['id']}/fail")
    order = await eventually(
        "SELECT attention FROM orders WHERE id = $1 AND attention IS NOT NULL", bought.order.order_id
    )
    assert order["attention"] == "refund:refund_failed"

    await academy.clear_faults()
    story = await refund_story(academy, bought)
    assert await story.execute_update("retry") == "refund_failed"

    assert await story.result() == RefundStatus.SUCCEEDED
    assert sorted(await refunds_in_book(academy, bought)) == ["failed", "succeeded"]
    order = await one("SELECT status, attention FROM orders WHERE id = $1", bought.order.order_id)
    assert (order["status"], order["attention"]) == ("refunded", None)


async def test_refunds_at_the_dashboard_are_found_and_end_access_once_all_is_back(academy: Academy) -> None:
    bought = await enrolled(academy)
    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)

    await academy.at_provider(f"refund-at-dashboard/{bought.payment_id}", amount=18_000)
    await academy.in_activity(sweeps.reconcile)
    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'partially_refunded'", bought.order.order_id)
    reason = await one("SELECT ended_at FROM entitlements WHERE source_id = $1", bought.order.order_id)
    assert reason["ended_at"] is None, "a part of the money does not end access"

    await academy.at_provider(f"refund-at-dashboard/{bought.payment_id}")
    await academy.in_activity(sweeps.reconcile)
    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'refunded'", bought.order.order_id)
    reason = await one("SELECT ended_at FROM entitlements WHERE source_id = $1", bought.order.order_id)
    assert reason["ended_at"] is not None
    enrollment = await one('SELECT status FROM course_enrollments WHERE "userId" = $1', bought.order.user_id)
    assert enrollment["status"] == "cancelled"
    sums = await fetch(
        "SELECT account_id, sum(amount) AS total FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id"
        " WHERE p.order_id = $1 GROUP BY account_id",
        bought.order.order_id,
    )
    assert {row["total"] for row in sums} == {Decimal(0)}, "every account is back where it was"
    assert len(sums) == 4
    earned = await one(
        'SELECT sum(amount) AS total FROM instructor_earnings WHERE "courseId" = $1', bought.order.course_id
    )
    assert earned["total"] == Decimal(0)


async def test_a_person_quicker_at_the_dashboard_than_our_own_refund_ends_it(academy: Academy) -> None:
    await academy.at_provider("faults", api=[{"operation": "create_refund", "kind": "rate_limit", "times": 10_000}])
    bought = await mismatched(academy)
    await academy.at_provider(f"refund-at-dashboard/{bought.payment_id}")
    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)
    await academy.in_activity(sweeps.reconcile)

    assert await (await refund_story(academy, bought)).result() == RefundStatus.SUCCEEDED
    assert await refunds_in_book(academy, bought) == ["succeeded"]
    order = await one("SELECT status FROM orders WHERE id = $1", bought.order.order_id)
    assert order["status"] == "refunded"


async def test_a_refund_ends_one_reason_and_no_other(academy: Academy) -> None:
    bought = await enrolled(academy)
    await fetch(
        "INSERT INTO entitlements (id, user_id, course_id, reason, source_id, since)"
        " VALUES ($1, $2, $3, 'plan', 'plan-of-the-test', now())",
        bought.order.order_id,
        bought.order.user_id,
        bought.order.course_id,
    )
    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)
    await academy.at_provider(f"refund-at-dashboard/{bought.payment_id}")
    await academy.in_activity(sweeps.reconcile)
    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'refunded'", bought.order.order_id)

    enrollment = await one('SELECT status FROM course_enrollments WHERE "userId" = $1', bought.order.user_id)
    assert enrollment["status"] == "active"
