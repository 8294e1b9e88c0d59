"""Invoice numbers have no gap and no double, whatever is killed while hundreds settle at once."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import msgspec
import pytest

from bootstrap import Services
from db.queries.billing.orders import close_unpaid, reserve
from db.queries.billing.refunds import insert_refund, record_refund
from db.queries.billing.settlement import settle
from db.sql import as_json, fetch
from db.transaction import transaction
from domain.billing.invoice import DocumentLine, Series, financial_year, number_prefix
from domain.billing.payments import PaymentState, ProviderPayment
from domain.billing.purchase import Billing, OrderStatus
from domain.billing.refund import RefundReason
from domain.billing.seller import Seller
from domain.identifiers import new_id
from stack.embedded import EmbeddedStack
from tests.integration.conftest import NewPerson

SELLER = Seller("Academy", "Kochi", "KL", "32AAACA0001A1Z6", "INR")
ORDERS = 500
AT_ONCE = 16
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a settlement whose connection is killed may raise; Temporal would try it again, and so does this test."""


async def new_course(price: str = "1180.00") -> str:
    course_id = new_id()
    await fetch(
        'INSERT INTO courses (id, slug, title, category, level, price, "isFree", "isPublished")'
        " VALUES ($1, $1, 'Sums', 'yoga', 'beginner', $2, $3, TRUE)",
        *(course_id, Decimal(price), Decimal(price) == 0),
    )
    return course_id


async def new_order(user_id: str, course_id: str, country: str = "IN") -> str:
    """A priced order with its draft."""
    order_id = new_id()
    await fetch(
        "INSERT INTO orders (id, user_id, course_id, status, provider, currency, billing)"
        " VALUES ($1, $2, $3, 'preparing', 'stripe', 'INR', $4)",
        *(order_id, user_id, course_id, as_json(Billing("Somebody", "KL", "682001", country))),
    )
    await reserve(order_id, datetime.now(UTC) + timedelta(hours=1), SELLER)
    return order_id


def captured(order_id: str, minor: int = 118_000) -> ProviderPayment:
    return ProviderPayment(
        provider="stripe",
        payment_id=f"pi_{order_id}",
        order_id=order_id,
        state=PaymentState.SUCCEEDED,
        amount_minor=minor,
        received_minor=minor,
        currency="INR",
        created_at=datetime.now(UTC),
    )


async def numbers_of(series: Series) -> list[str]:
    """Every number of this year's series, in order."""
    table = {Series.INVOICE: "invoices", Series.CREDIT_NOTE: "credit_notes"}[series]
    prefix = number_prefix(series, financial_year(datetime.now(UTC)))
    rows = await fetch(f"SELECT number FROM {table} WHERE number LIKE $1 || '%' ORDER BY number", prefix)
    return [row["number"] for row in rows]


def without_gap(series: Series, count: int) -> list[str]:
    prefix = number_prefix(series, financial_year(datetime.now(UTC)))
    return [f"{prefix}{serial:07d}" for serial in range(1, count + 1)]


async def test_hundreds_settled_at_once_and_killed_get_consecutive_numbers(
    services: Services, servers: EmbeddedStack, new_person: NewPerson
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    course_id = await new_course()
    orders = [await new_order((await new_person()).id, course_id) for _ in range(ORDERS)]
    before = await numbers_of(Series.INVOICE)
    limit, lost, done = asyncio.Semaphore(AT_ONCE), 0, asyncio.Event()

    async def settle_until_done(order_id: str) -> None:
        nonlocal lost
        while True:
            try:
                async with limit:
                    await settle(order_id, captured(order_id))
            except LOST:
                lost += 1
            else:
                return

    async def kill() -> None:
        """Terminate one busy connection of the pool after the other, at random moments."""
        connection = await asyncpg.connect(servers.settings.database_url)
        while not done.is_set():
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state <> 'idle' ORDER BY hashint4extended(pid, $1) LIMIT 1",
                dice.getrandbits(31),
            )
            await asyncio.sleep(dice.random() / 20)
        await connection.close()

    killer = asyncio.create_task(kill())
    await asyncio.gather(*map(settle_until_done, orders))
    done.set()
    await killer

    assert lost > ORDERS // 50, "the kills hit"
    after = await numbers_of(Series.INVOICE)
    assert after == without_gap(Series.INVOICE, len(before) + ORDERS)
    rows = await fetch("SELECT number, status FROM invoices WHERE order_id = ANY ($1)", orders)
    assert {row["number"] for row in rows} == set(after) - set(before)
    assert {row["status"] for row in rows} == {"paid"}
    enrolled = await fetch(
        "SELECT count(*) AS n, count(DISTINCT o.id) AS orders FROM orders o JOIN payments p ON p.order_id = o.id"
        ' AND p.applied JOIN course_enrollments e ON e."userId" = o.user_id AND e."courseId" = o.course_id'
        " WHERE o.id = ANY ($1) AND o.status = 'enrolled'",
        orders,
    )
    assert (enrolled[0]["n"], enrolled[0]["orders"]) == (ORDERS, ORDERS)


async def test_a_draft_that_is_rolled_back_or_closed_uses_no_number(services: Services, new_person: NewPerson) -> None:
    course_id = await new_course()
    before = await numbers_of(Series.INVOICE)
    unpaid, late = [await new_order((await new_person()).id, course_id) for _ in range(2)]
    for order_id in (unpaid, late):
        await close_unpaid(order_id, OrderStatus.EXPIRED, "not_paid_in_time")
    assert await numbers_of(Series.INVOICE) == before
    await settle(late, captured(late))
    await settle(late, captured(late))
    assert await numbers_of(Series.INVOICE) == without_gap(Series.INVOICE, len(before) + 1)


async def test_a_free_course_gets_no_tax_invoice(services: Services, new_person: NewPerson) -> None:
    before = await numbers_of(Series.INVOICE)
    order_id = await new_order((await new_person()).id, await new_course("0"))
    await settle(order_id, None)
    assert await numbers_of(Series.INVOICE) == before
    rows = await fetch("SELECT status, number, issued_at FROM invoices WHERE order_id = $1", order_id)
    assert (rows[0]["status"], rows[0]["number"]) == ("paid", None)


@pytest.mark.parametrize(("country", "lines"), [("IN", ["course", "tax", "tax"]), ("AE", ["course"])])
async def test_each_refund_gets_one_credit_note_of_its_own_series(
    services: Services, new_person: NewPerson, country: str, lines: list[str]
) -> None:
    before, invoices = await numbers_of(Series.CREDIT_NOTE), await numbers_of(Series.INVOICE)
    order_id = await new_order((await new_person()).id, await new_course(), country)
    await settle(order_id, captured(order_id))
    payment = await fetch("SELECT id FROM payments WHERE order_id = $1", order_id)
    parts = [1, 33_333, 84_666]
    for minor in parts:
        async with transaction():
            refund_id = await insert_refund(payment[0]["id"], minor, RefundReason.OPERATOR)
        await record_refund(refund_id)
        await record_refund(refund_id)

    assert await numbers_of(Series.CREDIT_NOTE) == without_gap(Series.CREDIT_NOTE, len(before) + len(parts))
    assert await numbers_of(Series.INVOICE) == without_gap(Series.INVOICE, len(invoices) + 1)
    invoice = (await fetch("SELECT id, net, tax, total FROM invoices WHERE order_id = $1", order_id))[0]
    notes = await fetch("SELECT * FROM credit_notes WHERE invoice_id = $1 ORDER BY number", invoice["id"])
    assert [note["total"] for note in notes] == [Decimal(minor) / 100 for minor in parts]
    for column in ("net", "tax", "total"):
        assert sum(note[column] for note in notes) == invoice[column]
    for note in notes:
        described = msgspec.json.decode(note["lines"], type=list[DocumentLine])
        assert [line.kind.value for line in described] == lines
        assert sum(line.amount for line in described) == note["total"]
    posted = await fetch(
        "SELECT e.account_id, sum(e.amount) AS amount FROM ledger_entries e"
        " JOIN ledger_postings p ON p.id = e.posting_id WHERE p.order_id = $1 GROUP BY e.account_id",
        order_id,
    )
    assert all(row["amount"] == 0 for row in posted)


async def test_money_that_enrolled_nobody_has_neither_invoice_nor_credit_note(
    services: Services, new_person: NewPerson
) -> None:
    before, notes = await numbers_of(Series.INVOICE), await numbers_of(Series.CREDIT_NOTE)
    order_id = await new_order((await new_person()).id, await new_course())
    outcome = await settle(order_id, captured(order_id, 5_000))  # another amount than was asked for
    assert outcome.refund_id is not None
    await record_refund(outcome.refund_id)
    assert (await numbers_of(Series.INVOICE), await numbers_of(Series.CREDIT_NOTE)) == (before, notes)
