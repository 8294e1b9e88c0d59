"""The same laws of money and access as in `tests/unit`, by the real transactions: settling and recording refunds."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bootstrap import Services
from db.queries.billing.orders import reserve
from db.queries.billing.placing import PlaceOrder, place_order
from db.queries.billing.purchases import orders_without_story, read_purchase
from db.queries.billing.refunds import adopt_refund, insert_refund, record_refund, refunds_without_submission
from db.queries.billing.settlement import settle
from db.sql import as_json, fetch
from db.transaction import transaction
from domain.billing.money import from_minor, to_minor
from domain.billing.payments import PaymentState, ProviderPayment, ProviderRefund, RefundState
from domain.billing.purchase import Billing, SettlementOutcome
from domain.billing.refund import RefundReason, RefundRef
from domain.billing.seller import Seller
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from tests.integration.conftest import NewPerson

SELLER = Seller(name="Academy", address="Kochi", state="KL", gstin="", default_currency="INR")
SEQUENCES = 24
OTHER_REASONS = ("plan", "clinic", "seat", "prescription")


@dataclass(frozen=True)
class Sold:
    """A settled order and the row of its payment."""

    order_id: str
    user_id: str
    course_id: str
    payment_row: str
    minor: int
    currency: str


async def sell(new_person: NewPerson, dice: random.Random, *, give_back: bool) -> Sold:
    """Place, price and settle one order of a new course; `give_back` leaves its money unapplied."""
    user, instructor, course_id = await new_person(), await new_person(), new_id()
    currency = dice.choice(["INR", "USD", "JPY"])
    minor = dice.choice([dice.randint(1, 40), dice.randint(1, 500_000)])
    amount = from_minor(minor, currency)
    await fetch(
        'INSERT INTO courses (id, slug, title, category, level, price, "isFree", "isPublished", "instructorId")'
        " VALUES ($1, $1, 'Sums', 'yoga', 'beginner', $2, FALSE, TRUE, $3)",
        course_id,
        amount,
        instructor.id if dice.random() < 0.7 else None,
    )
    if currency != "INR":
        await fetch(
            "INSERT INTO course_prices (id, course_id, currency, amount) VALUES ($1, $1, $2, $3)",
            *(course_id, currency, amount),
        )
    state, country = dice.choice([("KL", "IN"), ("MH", "IN"), ("Dubai", "AE")])
    order_id = await place_order(
        PlaceOrder(
            user_id=user.id,
            course_id=course_id,
            route="/of-the-test",
            key=new_id(),
            request_hash="of-the-test",
            provider="stripe",
            currency=currency,
            billing=as_json(Billing(name="Test", state=state, postal_code="1", country=country)),
        )
    )
    assert (await reserve(order_id, datetime.now(UTC), SELLER)).amount_minor == minor
    captured = ProviderPayment(
        provider="stripe",
        payment_id=f"pi_{order_id}",
        order_id=order_id,
        state=PaymentState.SUCCEEDED,
        amount_minor=minor,
        received_minor=minor,
        currency=currency,
        created_at=datetime.now(UTC),
    )
    outcome = await settle(order_id, captured, give_back=give_back)
    assert outcome == await settle(order_id, captured), "a payment is recorded once"
    rows = await fetch("SELECT id, applied FROM payments WHERE order_id = $1", order_id)
    assert [row["applied"] for row in rows] == [not give_back]
    if give_back:
        assert outcome.outcome is SettlementOutcome.REFUND
        assert outcome.refund_id is not None
        await record_refund(outcome.refund_id)
    return Sold(order_id, user.id, course_id, rows[0]["id"], minor, currency)


async def give_back(sold: Sold, minor: int) -> None:
    """A refund that succeeds at the provider at once; recorded twice, as a retry would."""
    async with transaction():
        refund_id = await insert_refund(sold.payment_row, minor, RefundReason.AT_PROVIDER)
    first = await record_refund(refund_id)
    assert first == await record_refund(refund_id)


async def grant(sold: Sold, reason: str) -> None:
    """Another reason for the same access."""
    await fetch(
        "INSERT INTO entitlements (id, user_id, course_id, reason, source_id, since)"
        " VALUES ($1, $2, $3, $4, $1, now())",
        *(new_id(), sold.user_id, sold.course_id, reason),
    )


async def balances(sold: Sold) -> dict[str, Decimal]:
    """Every account's balance by this order's postings; each posting has one currency and sums to zero."""
    rows = await fetch(
        "SELECT e.posting_id, e.account_id, e.amount, e.currency FROM ledger_entries e"
        " JOIN ledger_postings p ON p.id = e.posting_id WHERE p.order_id = $1",
        sold.order_id,
    )
    sums: dict[str, Decimal] = {}
    postings: dict[str, Decimal] = {}
    for row in rows:
        assert row["currency"] == sold.currency
        to_minor(row["amount"], sold.currency)  # raises for a fraction of a minor unit
        sums[row["account_id"]] = sums.get(row["account_id"], Decimal(0)) + row["amount"]
        postings[row["posting_id"]] = postings.get(row["posting_id"], Decimal(0)) + row["amount"]
    assert not any(postings.values())
    return sums


async def state_of(sold: Sold) -> tuple[str, str, Any]:
    """The order's status, the enrollment's, and when the purchase's reason ended."""
    rows = await fetch(
        'SELECT o.status, e.status AS enrollment, t.ended_at FROM orders o JOIN course_enrollments e ON e."userId" ='
        ' o.user_id AND e."courseId" = o.course_id JOIN entitlements t ON t.source_id = o.id WHERE o.id = $1',
        sold.order_id,
    )
    assert len(rows) == 1
    return rows[0]["status"], rows[0]["enrollment"], rows[0]["ended_at"]


async def earned(sold: Sold) -> Decimal:
    """What the course has earned its instructor."""
    rows = await fetch(
        'SELECT COALESCE(sum(amount), 0) AS sum FROM instructor_earnings WHERE "courseId" = $1', sold.course_id
    )
    return Decimal(rows[0]["sum"])


@pytest.mark.parametrize("seed", range(SEQUENCES))
async def test_partial_refunds_add_up_to_exactly_the_sale(services: Services, new_person: NewPerson, seed: int) -> None:
    dice = random.Random(seed)
    sold = await sell(new_person, dice, give_back=False)
    first = await balances(sold)
    assert first["provider_clearing"] == from_minor(sold.minor, sold.currency)
    assert await earned(sold) == -first.get("instructor_payable", Decimal(0))
    others = dice.sample(OTHER_REASONS, dice.randint(0, 2))
    for reason in others:
        await grant(sold, reason)

    left = sold.minor
    while left:
        part = left if dice.random() < 0.3 else dice.randint(1, left)
        with pytest.raises(BusinessRefusalError, match="refund_exceeds_payment"):
            await give_back(sold, left + 1)
        await give_back(sold, part)
        left -= part
        now = await balances(sold)
        for account, booked in first.items():
            low, high = sorted((Decimal(0), booked))
            assert low <= now[account] <= high, account
        assert now["provider_clearing"] == from_minor(left, sold.currency)
        assert await earned(sold) == -now.get("instructor_payable", Decimal(0))
        status, enrollment, ended_at = await state_of(sold)
        assert status == ("partially_refunded" if left else "refunded")
        assert (ended_at is None) == bool(left), "only the whole of the money ends the reason"
        assert enrollment == ("active" if left or others else "cancelled"), "another reason goes on"
    assert not any((await balances(sold)).values())


@pytest.mark.parametrize("seed", range(6))
async def test_money_that_enrolled_nobody_goes_back_whole(services: Services, new_person: NewPerson, seed: int) -> None:
    sold = await sell(new_person, random.Random(seed), give_back=True)
    assert await balances(sold) == {"provider_clearing": Decimal(0), "unapplied_receipts": Decimal(0)}
    assert await earned(sold) == Decimal(0)
    assert await fetch("SELECT FROM entitlements WHERE source_id = $1", sold.order_id) == []
    order = await fetch("SELECT status FROM orders WHERE id = $1", sold.order_id)
    assert order[0]["status"] == "refunded"


async def test_a_refund_at_the_dashboard_is_not_taken_for_one_that_was_given_up(
    services: Services, new_person: NewPerson
) -> None:
    sold = await sell(new_person, random.Random(1), give_back=False)
    async with transaction():
        given_up = await insert_refund(sold.payment_row, sold.minor, RefundReason.OPERATOR)
    await fetch("UPDATE refunds SET status = 'failed' WHERE id = $1", given_up)
    at_dashboard = ProviderRefund(
        provider="stripe",
        provider_refund_id=f"re_{given_up}",
        payment_id=f"pi_{sold.order_id}",
        refund_id=None,
        state=RefundState.SUCCEEDED,
        amount_minor=sold.minor,
        currency=sold.currency,
        created_at=datetime.now(UTC),
    )
    adopted = await adopt_refund(at_dashboard)
    assert adopted is not None
    assert adopted.refund_id != given_up, "a new row, whose story has not ended"
    await record_refund(adopted.refund_id)
    assert (await state_of(sold))[0] == "refunded"
    assert not any((await balances(sold)).values())


async def test_a_story_that_was_terminated_while_it_waited_for_a_person_is_found(
    services: Services, new_person: NewPerson
) -> None:
    sold = await sell(new_person, random.Random(2), give_back=False)
    async with transaction():
        refund_id = await insert_refund(sold.payment_row, sold.minor, RefundReason.OPERATOR)
    await fetch(
        "UPDATE refunds SET attention = 'submit_refund', created_at = now() - interval '2 hours' WHERE id = $1",
        refund_id,
    )
    assert RefundRef(refund_id) in await refunds_without_submission(timedelta(minutes=1), 10_000)
    await fetch(
        "UPDATE orders SET attention = 'settle', closed_at = NULL, expires_at = now() - interval '2 hours'"
        " WHERE id = $1",
        sold.order_id,
    )
    found = await orders_without_story(timedelta(minutes=1), timedelta(hours=1), 10_000)
    assert sold.order_id in {order.order_id for order in found}
    await fetch("UPDATE orders SET closed_at = now() WHERE id = $1", sold.order_id)
    await fetch("UPDATE refunds SET status = 'failed' WHERE id = $1", refund_id)


@pytest.mark.parametrize(
    ("states", "is_paid"),
    [
        (["processing"], True),
        (["processing", "open"], False),
        (["open", "processing"], True),
        (["succeeded", "open"], True),
        (["open"], False),
        ([], False),
    ],
)
async def test_a_payment_under_way_is_shown_until_it_fails(
    services: Services, new_person: NewPerson, states: list[str], is_paid: bool
) -> None:
    sold = await sell(new_person, random.Random(3), give_back=False)
    for number, state in enumerate(states):
        await fetch(
            "INSERT INTO provider_events (id, provider, event_id, event_type, order_id, body, status, attempts,"
            " received_at) VALUES ($1, 'stripe', $1, 'payment_intent', $2, $3, 'delivered', 1, now() + $4::interval)",
            *(new_id(), sold.order_id, as_json({"payment": {"state": state}}), timedelta(seconds=number)),
        )
    await fetch(
        "INSERT INTO provider_events (id, provider, event_id, event_type, order_id, body, status, attempts,"
        " received_at) VALUES ($1, 'stripe', $1, 'refund', $2, $3, 'delivered', 1, now() + interval '1 minute')",
        *(new_id(), sold.order_id, as_json({"payment": None})),
    )
    purchase = await read_purchase(sold.order_id)
    assert purchase is not None
    assert purchase.is_paid is is_paid
