"""What an order waits for a person with: its own story, its refunds and its disputes never wipe each other's word."""

import asyncio
import random
from datetime import UTC, datetime

import msgspec
import pytest_asyncio

from bootstrap import Services
from db.queries.billing.disputes import adopt_dispute, follow_dispute, set_dispute_attention
from db.queries.billing.orders import set_attention
from db.queries.billing.refunds import give_up_refund, insert_refund, record_refund, set_refund_attention
from db.queries.billing.settlement import settle
from db.sql import fetch
from db.transaction import transaction
from domain.billing.payments import DisputeState, PaymentState, ProviderDispute, ProviderPayment
from domain.billing.refund import RefundReason
from domain.identifiers import new_id
from tests.integration.conftest import NewPerson
from tests.integration.platform.test_money_in_sql import Sold, sell


@pytest_asyncio.fixture(loop_scope="session")
async def sold(services: Services, new_person: NewPerson) -> Sold:
    """A paid order."""
    return await sell(new_person, random.Random(12), give_back=False)


async def shown(sold: Sold) -> str | None:
    """What the order waits for, as everybody sees it."""
    [row] = await fetch("SELECT attention FROM orders WHERE id = $1", sold.order_id)
    return None if row["attention"] is None else str(row["attention"])


async def refund_of(sold: Sold) -> str:
    async with transaction():
        return await insert_refund(sold.payment_row, 1, RefundReason.ADMIN)


async def dispute_of(sold: Sold) -> tuple[str, ProviderDispute]:
    dispute = ProviderDispute(
        provider="stripe",
        dispute_id=f"du_{new_id()}",
        payment_id=f"pi_{sold.order_id}",
        state=DisputeState.NEEDS_RESPONSE,
        amount_minor=1,
        currency=sold.currency,
        created_at=datetime.now(UTC),
    )
    dispute_id = await adopt_dispute(dispute)
    assert dispute_id is not None
    await follow_dispute(dispute_id, dispute)
    return dispute_id, dispute


async def test_a_refund_that_waits_or_is_done_leaves_the_orders_own_word(sold: Sold) -> None:
    refund_id, other_id = await refund_of(sold), await refund_of(sold)
    await set_attention(sold.order_id, "settle")

    await set_refund_attention(refund_id, "submit_refund")
    assert await shown(sold) == "settle"
    await set_refund_attention(refund_id, None)
    assert await shown(sold) == "settle"
    await record_refund(refund_id)
    assert await shown(sold) == "settle"
    await give_up_refund(other_id)
    assert await shown(sold) == "settle"

    await set_attention(sold.order_id, None)
    assert await shown(sold) is None


async def test_the_order_attended_leaves_what_a_refund_and_a_dispute_wait_for(sold: Sold) -> None:
    refund_id = await refund_of(sold)
    dispute_id, _ = await dispute_of(sold)
    await set_attention(sold.order_id, "take_payment")
    await set_refund_attention(refund_id, "refund_failed")
    await set_dispute_attention(dispute_id, "evidence_due")

    await set_attention(sold.order_id, None)
    assert await shown(sold) == "refund:refund_failed"
    await give_up_refund(refund_id)
    assert await shown(sold) == "dispute:evidence_due"
    await set_dispute_attention(dispute_id, None)
    assert await shown(sold) is None


async def test_a_dispute_that_ends_leaves_the_orders_own_word(sold: Sold) -> None:
    dispute_id, dispute = await dispute_of(sold)
    await set_attention(sold.order_id, "take_payment")
    await set_dispute_attention(dispute_id, "evidence_due")

    await follow_dispute(dispute_id, msgspec.structs.replace(dispute, state=DisputeState.WON))

    assert await shown(sold) == "take_payment"


async def test_a_second_payment_that_is_settled_leaves_what_a_refund_waits_for(sold: Sold) -> None:
    await set_refund_attention(await refund_of(sold), "refund_failed")
    await set_attention(sold.order_id, "settle")
    second = ProviderPayment(
        provider="stripe",
        payment_id=f"pi_second_{sold.order_id}",
        order_id=sold.order_id,
        state=PaymentState.SUCCEEDED,
        amount_minor=sold.minor,
        received_minor=sold.minor,
        currency=sold.currency,
        created_at=datetime.now(UTC),
    )

    await settle(sold.order_id, second)

    assert await shown(sold) == "refund:refund_failed", "its own step is done, the refund is not"


async def test_words_said_at_once_are_all_kept(sold: Sold) -> None:
    """Each on a connection of its own: who waited for the row must see what the other committed meanwhile."""
    refunds = [await refund_of(sold) for _ in range(6)]
    for _ in range(5):
        for refund_id in refunds[3:]:
            await set_refund_attention(refund_id, "submit_refund")
        words = ["submit_refund"] * 3 + [None] * 3
        await asyncio.gather(*(set_refund_attention(*said) for said in zip(refunds, words, strict=True)))
        assert await shown(sold) == "refund:submit_refund"
        await asyncio.gather(*(set_refund_attention(refund_id, None) for refund_id in refunds))
        assert await shown(sold) is None
