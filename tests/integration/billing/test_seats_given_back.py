"""A seat is taken by who has access: a finished course that was given back or charged back frees it."""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from bootstrap import Services
from db.queries.billing.disputes import adopt_dispute, follow_dispute
from db.queries.billing.refunds import insert_refund, record_refund
from db.queries.billing.seats import has_free_seat, read_course
from db.queries.catalog import seats_left
from db.sql import fetch
from db.transaction import transaction
from domain.billing.payments import DisputeState, ProviderDispute
from domain.billing.refund import RefundReason
from domain.identifiers import new_id
from tests.integration.conftest import NewPerson
from tests.integration.platform.test_money_in_sql import Sold, grant, sell


@pytest_asyncio.fixture(loop_scope="session")
async def finished(services: Services, new_person: NewPerson) -> Sold:
    """Somebody who bought the only seat of a course and has finished it."""
    sold = await sell(new_person, random.Random(11), give_back=False)
    await fetch('UPDATE courses SET "maxEnrollments" = 1 WHERE id = $1', sold.course_id)
    await fetch("""UPDATE course_enrollments SET status = 'completed' WHERE "courseId" = $1""", sold.course_id)
    assert await seats(sold, new_person) == (0, False)
    return sold


async def seats(sold: Sold, new_person: NewPerson) -> tuple[int | None, bool]:
    """What the catalog shows, and whether somebody else may buy."""
    somebody = await new_person()
    return await seats_left(sold.course_id), await has_free_seat(await read_course(sold.course_id), somebody.id)


async def give_back(sold: Sold) -> None:
    async with transaction():
        refund_id = await insert_refund(sold.payment_row, sold.minor, RefundReason.ADMIN)
    await record_refund(refund_id)


async def charge_back(sold: Sold) -> None:
    dispute = ProviderDispute(
        provider="stripe",
        dispute_id=f"du_{new_id()}",
        payment_id=f"pi_{sold.order_id}",
        state=DisputeState.LOST,
        amount_minor=sold.minor,
        currency=sold.currency,
        created_at=datetime.now(UTC),
    )
    dispute_id = await adopt_dispute(dispute)
    assert dispute_id is not None
    await follow_dispute(dispute_id, dispute)


@pytest.mark.parametrize("end", [give_back, charge_back])
async def test_it_frees_the_seat_and_stays_completed(
    finished: Sold, new_person: NewPerson, end: Callable[[Sold], Awaitable[None]]
) -> None:
    await end(finished)

    assert await seats(finished, new_person) == (1, True)
    [row] = await fetch('SELECT status FROM course_enrollments WHERE "courseId" = $1', finished.course_id)
    assert row["status"] == "completed", "what was learned stays learned"


async def test_another_reason_keeps_the_seat(finished: Sold, new_person: NewPerson) -> None:
    await grant(finished, "plan")

    await give_back(finished)

    assert await seats(finished, new_person) == (0, False)
