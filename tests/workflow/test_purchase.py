"""The purchase's ends, each on real servers and the provider's stand-in, without webhooks: the story asks by itself."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from db.sql import fetch
from domain.billing.purchase import OrderStatus, Refusal
from domain.stories import StoryClosedError
from tests.workflow.conftest import PATIENCE, Academy, Bought, one


async def order_row(bought: Bought) -> Any:
    return await one("SELECT * FROM orders WHERE id = $1", bought.order.order_id)


async def assert_enrolled_once(academy: Academy, bought: Bought) -> None:
    """One capture, one enrollment, one reason, books that balance, one message."""
    charges = await academy.book(bought.order.order_id)
    assert [c["status"] for c in charges].count("succeeded") == 1
    assert not any(c["refunds"] for c in charges)
    enrollment = await one(
        'SELECT * FROM course_enrollments WHERE "userId" = $1 AND "courseId" = $2',
        bought.order.user_id,
        bought.order.course_id,
    )
    assert enrollment["status"] == "active"
    reason = await one("SELECT * FROM entitlements WHERE source_id = $1", bought.order.order_id)
    assert (reason["reason"], reason["ended_at"]) == ("purchase", None)
    payment = await one("SELECT * FROM payments WHERE order_id = $1", bought.order.order_id)
    assert payment["applied"]
    assert enrollment["paymentId"] == payment["id"]
    sums = await fetch(
        "SELECT e.currency, sum(e.amount) AS total, count(DISTINCT p.id) AS postings FROM ledger_entries e"
        " JOIN ledger_postings p ON p.id = e.posting_id WHERE p.order_id = $1 GROUP BY e.currency",
        bought.order.order_id,
    )
    assert [(row["currency"], row["total"], row["postings"]) for row in sums] == [("INR", Decimal(0), 1)]
    audits = await fetch(
        "SELECT action FROM audit_events WHERE subject_id = ANY($1) ORDER BY at, id",
        [bought.order.order_id, enrollment["id"]],
    )
    assert [row["action"] for row in audits] == ["payment.processed", "course.enrolled"]
    message = await one("SELECT * FROM outgoing_messages WHERE user_id = $1", bought.order.user_id)
    assert message["status"] == "sent"


async def test_a_paid_order_enrolls_although_every_webhook_is_lost(academy: Academy) -> None:
    bought = await academy.buy(await academy.course(instructorId=(await academy.new_person()).id))
    assert (await order_row(bought))["status"] == "awaiting_payment"

    await academy.at_provider(f"pay/{bought.payment_id}")

    assert await bought.handle.result() == OrderStatus.ENROLLED
    await assert_enrolled_once(academy, bought)
    entries = await fetch(
        "SELECT account_id, sum(amount) AS amount FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id"
        " WHERE p.order_id = $1 GROUP BY account_id",
        bought.order.order_id,
    )
    # 1180.00 with 18 % GST is 1000.00 net: 70 % to the instructor, 30 % to the platform.
    assert {row["account_id"]: row["amount"] for row in entries} == {
        "provider_clearing": Decimal("1180.00"),
        "tax_payable": Decimal("-180.00"),
        "instructor_payable": Decimal("-700.00"),
        "platform_revenue": Decimal("-300.00"),
    }
    earned = await one('SELECT amount FROM instructor_earnings WHERE "courseId" = $1', bought.order.course_id)
    assert earned["amount"] == Decimal("700.00")


async def test_a_free_course_enrolls_at_once_and_charges_nothing(academy: Academy) -> None:
    bought = await academy.buy(await academy.course(price=None, isFree=True))

    assert await bought.handle.result() == OrderStatus.ENROLLED
    assert bought.answer.client_secret is None
    assert await academy.book(bought.order.order_id) == []
    assert await fetch("SELECT FROM payments WHERE order_id = $1", bought.order.order_id) == []
    await one("SELECT FROM entitlements WHERE source_id = $1", bought.order.order_id)


async def test_a_declined_card_may_be_followed_by_a_good_one(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    await academy.at_provider(f"decline/{bought.payment_id}")
    await academy.at_provider(f"pay/{bought.payment_id}")

    assert await bought.handle.result() == OrderStatus.ENROLLED
    await assert_enrolled_once(academy, bought)


async def test_an_unpaid_order_expires_and_its_charge_is_cancelled(academy: Academy) -> None:
    bought = await academy.buy(await academy.course(maxEnrollments=1))

    assert await bought.handle.result() == OrderStatus.EXPIRED
    assert [c["status"] for c in await academy.book(bought.order.order_id)] == ["canceled"]
    row = await order_row(bought)
    assert (row["status"], row["holds_seat"], row["close_reason"]) == ("expired", False, "not_paid_in_time")
    again = await academy.buy(bought.order.course_id)
    assert again.answer.refusal is None, "the seat is free again"


async def test_a_payment_still_processing_at_expiry_is_waited_for(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    await academy.at_provider(f"process/{bought.payment_id}")
    await asyncio.wait_for(_asked_after_expiry(bought), timeout=30)
    await academy.at_provider(f"pay/{bought.payment_id}")

    assert await bought.handle.result() == OrderStatus.ENROLLED
    await assert_enrolled_once(academy, bought)


async def _asked_after_expiry(bought: Bought) -> None:
    """Until the story has cancelled and read again, and goes on waiting."""
    while True:
        history = await bought.handle.fetch_history()
        timers = [e for e in history.events if e.HasField("timer_started_event_attributes")]
        if len(timers) >= 6:  # four seconds of asking every second, then at least one more wait
            return
        await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("columns", "currency", "refusal"),
    [
        ({"isPublished": False}, "INR", Refusal.COURSE_NOT_FOUND),
        ({"price": None}, "INR", Refusal.NO_PRICE),
        ({}, "USD", Refusal.NO_PRICE),
    ],
)
async def test_an_order_that_cannot_be_sold_is_closed(
    academy: Academy, columns: dict[str, Any], currency: str, refusal: Refusal
) -> None:
    bought = await academy.buy(await academy.course(**columns), currency=currency)

    assert bought.answer.refusal == refusal
    assert await bought.handle.result() == OrderStatus.ABANDONED
    row = await order_row(bought)
    assert (row["status"], row["close_reason"]) == ("abandoned", refusal.value)
    assert await academy.book(bought.order.order_id) == []


async def test_an_owned_course_is_refused_without_a_charge(academy: Academy) -> None:
    first = await academy.buy(await academy.course(price=None, isFree=True))
    assert await first.handle.result() == OrderStatus.ENROLLED
    await fetch('UPDATE courses SET "isFree" = FALSE, price = 100 WHERE id = $1', first.order.course_id)

    again = await academy.buy(first.order.course_id, first.order.user_id)

    assert again.answer.refusal == Refusal.COURSE_OWNED
    assert await academy.book(again.order.order_id) == []


async def test_the_last_seat_is_sold_once_under_concurrency(academy: Academy) -> None:
    course = await academy.course(maxEnrollments=2)
    attempts = await asyncio.gather(*(academy.buy(course) for _ in range(6)))

    served = [bought for bought in attempts if bought.answer.refusal is None]
    assert len(served) == 2
    assert {b.answer.refusal for b in attempts if b not in served} == {Refusal.COURSE_FULL}
    for bought in served:
        await academy.at_provider(f"pay/{bought.payment_id}")
    assert {await bought.handle.result() for bought in served} == {OrderStatus.ENROLLED}


async def test_a_second_order_of_the_same_course_joins_the_open_one(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    again = await academy.buy(bought.order.course_id, bought.order.user_id)

    assert again.order.order_id == bought.order.order_id
    assert again.answer.client_secret == bought.answer.client_secret
    assert len(await academy.book(bought.order.order_id)) == 1


async def test_a_course_in_another_currency_is_sold_at_its_own_price(academy: Academy) -> None:
    course = await academy.course()
    await fetch("INSERT INTO course_prices (id, course_id, currency, amount) VALUES ($1, $1, 'USD', 25)", course)
    bought = await academy.buy(course, currency="USD")

    charge = (await academy.book(bought.order.order_id))[0]
    assert (charge["amount"], charge["currency"]) == (2500, "usd")


async def test_the_charge_is_made_once_although_the_provider_answers_500_and_keeps_saying_so(academy: Academy) -> None:
    course = await academy.course()
    await academy.at_provider("faults", api=[{"operation": "create_payment", "kind": "charge_then_500"}])
    bought = await academy.buy(course)

    assert len(await academy.book(bought.order.order_id)) == 1
    assert bought.answer.client_secret is not None


async def test_a_stored_500_is_left_behind_with_the_next_key(academy: Academy) -> None:
    course = await academy.course()
    await academy.at_provider("faults", api=[{"operation": "create_payment", "kind": "error_500_before"}])
    bought = await academy.buy(course)

    assert len(await academy.book(bought.order.order_id)) == 1


async def test_the_charge_is_made_once_although_its_answer_never_came(academy: Academy) -> None:
    course = await academy.course()
    await academy.at_provider("faults", api=[{"operation": "create_payment", "kind": "charge_then_hang"}])
    bought = await academy.buy(course)

    assert len(await academy.book(bought.order.order_id)) == 1


async def test_a_charge_that_the_provider_refuses_closes_the_order(academy: Academy) -> None:
    course = await academy.course()
    await academy.at_provider("faults", api=[{"operation": "create_payment", "kind": "refuse"}])
    bought = await academy.buy(course)

    assert bought.answer.refusal == Refusal.PAYMENT_REFUSED
    assert await bought.handle.result() == OrderStatus.ABANDONED


async def test_a_closed_story_says_so(academy: Academy) -> None:
    bought = await academy.buy(await academy.course(price=None, isFree=True))
    await bought.handle.result()

    with pytest.raises(StoryClosedError):
        await academy.stories.checkout(bought.order, "another-key", PATIENCE)
