"""Disputes between our Stripe client and the stand-in: states, money, the list, and what webhooks tell."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from domain.billing.payments import DisputeState, NewRefund
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from tests.integration.stand_ins import StripeWorld, an_hour_ago, eventually, new_ports

# The library hands httpx its form as `data=`, which httpx would like renamed.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StripeWorld]:
    """One stand-in for this file."""
    made = StripeWorld(tmp_path_factory.mktemp("disputes"), *new_ports(2))
    async with made.running():
        yield made


async def standing(world: StripeWorld, dispute_id: str) -> tuple[DisputeState, bool, bool]:
    """State, whether the money is with the bank, whether evidence may be sent."""
    dispute = await world.stripe.read_dispute(dispute_id)
    return dispute.state, dispute.is_withdrawn, dispute.evidence_due_by is not None


async def told(world: StripeWorld, dispute_id: str) -> set[tuple[str, DisputeState]]:
    """The types of the events about a dispute, with the state that each tells."""
    return {
        (event.event_type.removeprefix("charge.dispute."), event.dispute.state)
        for event in world.listener.events
        if event.dispute is not None and event.dispute.dispute_id == dispute_id
    }


@pytest.mark.parametrize(
    ("step", "state", "is_withdrawn", "closing"),
    [
        ("win", DisputeState.WON, False, {("closed", DisputeState.WON), ("funds_reinstated", DisputeState.WON)}),
        ("lose", DisputeState.LOST, True, {("closed", DisputeState.LOST)}),
    ],
)
async def test_a_chargeback_from_the_payer_to_the_banks_word(
    world: StripeWorld, step: str, state: DisputeState, is_withdrawn: bool, closing: set[tuple[str, DisputeState]]
) -> None:
    payment = await world.paid()
    dispute_id = (await world.controls.post(f"dispute/{payment.payment_id}", {"amount": 100_000}))["id"]
    dispute = await world.stripe.read_dispute(dispute_id)
    assert (dispute.payment_id, dispute.amount_minor, dispute.currency) == (payment.payment_id, 100_000, "INR")
    assert await standing(world, dispute_id) == (DisputeState.NEEDS_RESPONSE, True, True)

    await world.controls.post(f"disputes/{dispute_id}/respond")
    assert await standing(world, dispute_id) == (DisputeState.UNDER_REVIEW, True, True)
    await world.controls.post(f"disputes/{dispute_id}/{step}")
    assert await standing(world, dispute_id) == (state, is_withdrawn, False)

    await world.controls.post(f"disputes/{dispute_id}/{step}", expect=409)
    expected = closing | {
        ("created", DisputeState.NEEDS_RESPONSE),
        ("funds_withdrawn", DisputeState.NEEDS_RESPONSE),
        ("updated", DisputeState.UNDER_REVIEW),
    }

    async def all_told() -> bool:
        return await told(world, dispute_id) == expected

    await eventually(all_told)
    assert world.listener.refused == 0


async def test_an_inquiry_takes_no_money_and_may_become_a_chargeback(world: StripeWorld) -> None:
    payment = await world.paid()
    dispute_id = (await world.controls.post(f"dispute/{payment.payment_id}", {"inquiry": True}))["id"]
    assert await standing(world, dispute_id) == (DisputeState.NEEDS_RESPONSE, False, True)
    new = NewRefund(refund_id=new_id(), payment_id=payment.payment_id, amount_minor=900)
    await world.stripe.create_refund(new, f"refund:{new.refund_id}:1")

    await world.controls.post(f"disputes/{dispute_id}/escalate")
    assert await standing(world, dispute_id) == (DisputeState.NEEDS_RESPONSE, True, True)

    other = await world.paid()
    dispute_id = (await world.controls.post(f"dispute/{other.payment_id}", {"inquiry": True}))["id"]
    await world.controls.post(f"disputes/{dispute_id}/win")
    assert await standing(world, dispute_id) == (DisputeState.WON, False, False)


async def test_a_disputed_payment_is_not_refunded_unless_the_dispute_is_won(world: StripeWorld) -> None:
    payment = await world.paid()

    async def refund() -> int:
        new = NewRefund(refund_id=new_id(), payment_id=payment.payment_id, amount_minor=900)
        return (await world.stripe.create_refund(new, f"refund:{new.refund_id}:1")).amount_minor

    dispute_id = (await world.controls.post(f"dispute/{payment.payment_id}"))["id"]
    with pytest.raises(BusinessRefusalError, match="payment_disputed"):
        await refund()
    await world.controls.post(f"disputes/{dispute_id}/win")
    assert await refund() == 900


async def test_the_book_of_disputes_is_listed_newest_first(world: StripeWorld) -> None:
    made = []
    for _ in range(3):
        payment = await world.paid()
        made.append((await world.controls.post(f"dispute/{payment.payment_id}"))["id"])
    listed = [dispute.dispute_id async for dispute in world.stripe.list_disputes(an_hour_ago())]
    assert listed[:3] == made[::-1]


async def test_what_does_not_exist_or_was_not_paid_has_no_dispute(world: StripeWorld) -> None:
    with pytest.raises(BusinessRefusalError, match="dispute_unknown"):
        await world.stripe.read_dispute("du_unknown")
    unpaid = await world.opened()
    await world.controls.post(f"dispute/{unpaid.payment_id}", expect=409)
    paid = await world.paid()
    await world.controls.post(f"dispute/{paid.payment_id}", {"amount": 199_901}, expect=409)
