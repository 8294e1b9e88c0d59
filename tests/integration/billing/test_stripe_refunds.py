"""Refunds between our Stripe client and the stand-in: once, pending, failed, made at the dashboard."""

import pytest

from domain.billing.payments import NewRefund, RefundState
from domain.errors import BusinessRefusalError, UnknownOutcomeError
from domain.identifiers import new_id
from tests.integration.billing.stripe_world import started, world
from tests.integration.stand_ins import StripeWorld, an_hour_ago, eventually

__all__ = ["started", "world"]

# The library hands httpx its form as `data=`, which httpx would like renamed.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def test_refunds_never_exceed_what_was_captured(world: StripeWorld) -> None:
    payment = await world.paid()

    async def refund(amount: int, refund_id: str) -> str:
        new = NewRefund(refund_id=refund_id, payment_id=payment.payment_id, amount_minor=amount)
        made = await world.stripe.create_refund(new, f"refund:{refund_id}:1")
        assert (made.refund_id, made.payment_id) == (refund_id, payment.payment_id)
        assert (made.amount_minor, made.currency, made.state) == (amount, "INR", RefundState.SUCCEEDED)
        return made.provider_refund_id

    first_id = new_id()
    first = await refund(100_000, first_id)
    assert await refund(100_000, first_id) == first, "the same key"
    with pytest.raises(BusinessRefusalError, match="refund_refused"):
        await refund(100_000, new_id())
    rest = await refund(99_900, new_id())
    with pytest.raises(BusinessRefusalError, match="already_refunded"):
        await refund(1, new_id())
    assert [one.provider_refund_id for one in await world.stripe.find_refunds(payment.payment_id)] == [first, rest]
    listed = [one.provider_refund_id async for one in world.stripe.list_refunds(an_hour_ago())]
    assert listed[:2] == [rest, first]
    unpaid = await world.opened()
    with pytest.raises(BusinessRefusalError, match="refund_refused"):
        await world.stripe.create_refund(
            NewRefund(refund_id=new_id(), payment_id=unpaid.payment_id, amount_minor=1), new_id()
        )


async def test_a_refund_that_was_made_though_we_heard_500(world: StripeWorld) -> None:
    payment = await world.paid()
    new = NewRefund(refund_id=new_id(), payment_id=payment.payment_id, amount_minor=199_900)
    await world.controls.faults(api=[{"operation": "create_refund", "kind": "charge_then_500"}])
    with pytest.raises(UnknownOutcomeError):
        await world.stripe.create_refund(new, f"refund:{new.refund_id}:1")
    [found] = await world.stripe.find_refunds(payment.payment_id)
    assert found.refund_id == new.refund_id


async def test_refunds_that_stay_pending_or_fail_later(world: StripeWorld) -> None:
    await world.controls.faults(refunds={"mode": "fail_later", "delay_ms": 50})
    payment = await world.paid()
    new = NewRefund(refund_id=new_id(), payment_id=payment.payment_id, amount_minor=1_000)
    made = await world.stripe.create_refund(new, f"refund:{new.refund_id}:1")
    assert made.state is RefundState.PENDING

    async def failed() -> bool:
        return (await world.stripe.read_refund(made.provider_refund_id)).state is RefundState.FAILED

    await eventually(failed)
    await world.controls.faults(refunds={"mode": "pending"})
    again = NewRefund(refund_id=new_id(), payment_id=payment.payment_id, amount_minor=199_900)
    whole = await world.stripe.create_refund(again, f"refund:{again.refund_id}:1")
    assert whole.state is RefundState.PENDING, "the failed one's money can be given back again"
    await world.controls.post(f"refunds/{whole.provider_refund_id}/succeed")
    assert (await world.stripe.read_refund(whole.provider_refund_id)).state is RefundState.SUCCEEDED


async def test_a_refund_made_at_the_dashboard_is_not_ours(world: StripeWorld) -> None:
    payment = await world.paid()
    await world.controls.post(f"refund-at-dashboard/{payment.payment_id}", {"amount": 700})
    [found] = await world.stripe.find_refunds(payment.payment_id)
    assert (found.refund_id, found.amount_minor) == (None, 700)
