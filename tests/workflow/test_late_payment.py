"""Money that arrives for an order already closed, or twice, or in the wrong amount: enrolled if possible, else back."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from db.queries.billing.settlement import settle
from db.sql import fetch
from domain.billing.payments import PaymentState, ProviderEvent, ProviderPayment
from domain.billing.purchase import OrderStatus
from domain.billing.refund import RefundStatus
from domain.identifiers import late_payment_workflow_id, new_id, refund_workflow_id
from tests.workflow.conftest import Academy, Bought, one


async def expired(academy: Academy, **columns: Any) -> Bought:
    """An order whose story has ended unpaid."""
    bought = await academy.buy(await academy.course(**columns))
    assert await bought.handle.result() == OrderStatus.EXPIRED
    return bought


async def late_money(academy: Academy, bought: Bought, amount_minor: int = 118_000) -> ProviderPayment:
    """Another charge of the same order that was captured at the provider after the order was closed."""
    payment_id = await academy.captured_at_provider(bought.order.order_id, amount_minor)
    payment = await academy.services.providers["stripe"].read_payment(payment_id)
    event = ProviderEvent(provider="stripe", event_id=new_id(), event_type="payment_intent.succeeded", payment=payment)
    await academy.services.delivery.deliver(event)
    return payment


async def late_result(academy: Academy, payment: ProviderPayment) -> Any:
    workflow_id = late_payment_workflow_id(payment.provider, payment.payment_id)
    return await academy.services.temporal.get_workflow_handle(workflow_id).result()


async def assert_given_back(academy: Academy, payment: ProviderPayment, reason: str) -> Any:
    """One full refund in the provider's book, books that balance to nothing; answers with the refund's row."""
    refund = await one(
        "SELECT r.* FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE p.provider_payment_id = $1",
        payment.payment_id,
    )
    result = await academy.services.temporal.get_workflow_handle(refund_workflow_id(refund["id"])).result()
    assert result == RefundStatus.SUCCEEDED
    charges = await academy.book(refund["order_id"])
    refunds = [r for charge in charges for r in charge["refunds"] if r["payment_intent"] == payment.payment_id]
    assert [(r["amount"], r["status"]) for r in refunds] == [(payment.received_minor, "succeeded")]
    assert refund["reason"] == reason
    sums = await fetch(
        "SELECT account_id, sum(amount) AS total FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id"
        " WHERE p.event_key IN ($1, $2) GROUP BY account_id",
        f"payment:{refund['payment_id']}:unapplied",
        f"refund:{refund['id']}",
    )
    assert {row["account_id"]: row["total"] for row in sums} == {
        "provider_clearing": Decimal(0),
        "unapplied_receipts": Decimal(0),
    }
    return refund


async def test_late_money_enrolls_when_it_still_can(academy: Academy) -> None:
    bought = await expired(academy, maxEnrollments=1)
    payment = await late_money(academy, bought)

    assert await late_result(academy, payment) == OrderStatus.ENROLLED
    row = await one("SELECT status, close_reason FROM orders WHERE id = $1", bought.order.order_id)
    assert (row["status"], row["close_reason"]) == ("enrolled", None)
    await one("SELECT FROM entitlements WHERE source_id = $1 AND ended_at IS NULL", bought.order.order_id)


async def test_late_money_for_a_full_course_goes_back(academy: Academy) -> None:
    bought = await expired(academy, maxEnrollments=1)
    other = await academy.buy(bought.order.course_id)
    assert other.answer.client_secret is not None
    payment = await late_money(academy, bought)

    assert await late_result(academy, payment) == OrderStatus.SETTLING
    await assert_given_back(academy, payment, "course_full")
    row = await one("SELECT status FROM orders WHERE id = $1", bought.order.order_id)
    assert row["status"] == "refunded"
    assert await fetch("SELECT FROM entitlements WHERE source_id = $1", bought.order.order_id) == []


async def test_late_money_for_a_course_no_longer_sold_goes_back(academy: Academy) -> None:
    bought = await expired(academy)
    await fetch('UPDATE courses SET "isPublished" = FALSE WHERE id = $1', bought.order.course_id)
    payment = await late_money(academy, bought)

    await late_result(academy, payment)
    await assert_given_back(academy, payment, "course_unavailable")


async def test_late_money_for_a_course_bought_meanwhile_goes_back(academy: Academy) -> None:
    first = await expired(academy)
    second = await academy.buy(first.order.course_id, first.order.user_id)
    await academy.at_provider(f"pay/{second.payment_id}")
    assert await second.handle.result() == OrderStatus.ENROLLED
    payment = await late_money(academy, first)

    await late_result(academy, payment)
    await assert_given_back(academy, payment, "course_owned")
    reason = await one("SELECT ended_at FROM entitlements WHERE user_id = $1", first.order.user_id)
    assert reason["ended_at"] is None, "the refund of one payment ends no other's access"


async def test_a_second_capture_of_an_enrolled_order_goes_back(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    await academy.at_provider(f"pay/{bought.payment_id}")
    assert await bought.handle.result() == OrderStatus.ENROLLED
    payment = await late_money(academy, bought)

    await late_result(academy, payment)
    await assert_given_back(academy, payment, "duplicate_payment")
    row = await one("SELECT status FROM orders WHERE id = $1", bought.order.order_id)
    assert row["status"] == "enrolled"


@pytest.mark.parametrize("wrong", [{"amount": 117_999}, {"amount": 118_001}, {"currency": "usd"}, {"currency": "sek"}])
async def test_a_wrong_amount_or_currency_goes_back_whole_with_an_alarm(
    academy: Academy, wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    bought = await academy.buy(await academy.course())
    await academy.at_provider(f"pay/{bought.payment_id}", **wrong)

    assert await bought.handle.result() == OrderStatus.SETTLING
    payment = await academy.services.providers["stripe"].read_payment(bought.payment_id)
    assert payment.state is PaymentState.SUCCEEDED
    await assert_given_back(academy, payment, "amount_mismatch")
    assert any("alarm" in record.message for record in caplog.records)
    audit = await one(
        "SELECT details FROM audit_events WHERE subject_id = $1 AND action = 'payment.unapplied'", bought.order.order_id
    )
    assert "amount_mismatch" in audit["details"]


async def test_doubled_late_news_settles_once(academy: Academy) -> None:
    bought = await expired(academy)
    payment = await late_money(academy, bought)
    event = ProviderEvent(provider="stripe", event_id=new_id(), event_type="payment_intent.succeeded", payment=payment)
    await asyncio.gather(*(academy.services.delivery.deliver(event) for _ in range(5)))

    assert await late_result(academy, payment) == OrderStatus.ENROLLED
    await one("SELECT FROM payments WHERE order_id = $1", bought.order.order_id)
    await one("SELECT FROM entitlements WHERE source_id = $1", bought.order.order_id)


async def test_two_late_payments_of_two_orders_at_once_keep_one(academy: Academy) -> None:
    first = await expired(academy)
    second = await academy.buy(first.order.course_id, first.order.user_id)
    assert await second.handle.result() == OrderStatus.EXPIRED
    for _ in range(3):
        payments = [
            await academy.services.providers["stripe"].read_payment(
                await academy.captured_at_provider(bought.order.order_id, 118_000)
            )
            for bought in (first, second)
        ]
        await asyncio.gather(
            *(settle(b.order.order_id, p) for b, p in zip((first, second), payments, strict=True)),
        )
    applied = await fetch(
        "SELECT p.id FROM payments p JOIN orders o ON o.id = p.order_id WHERE o.course_id = $1 AND p.applied",
        first.order.course_id,
    )
    assert len(applied) == 1
    held = await fetch("SELECT id FROM entitlements WHERE course_id = $1", first.order.course_id)
    assert len(held) == 1
