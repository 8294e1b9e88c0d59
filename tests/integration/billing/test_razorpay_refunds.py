"""Our Razorpay client against the stand-in: refunds, disputes, and what webhooks tell."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.billing.payments import DisputeState, NewRefund, PaymentState, ProviderPayment, ProviderRefund, RefundState
from domain.errors import AnsweredFaultError, BusinessRefusalError
from domain.identifiers import new_id, refund_key
from tests.integration.billing.razorpay_world import RazorpayWorld, started, world
from tests.integration.stand_ins import an_hour_ago, eventually

__all__ = ["started", "world"]


def refund_of(payment: ProviderPayment, amount: int = 199_900) -> NewRefund:
    return NewRefund(refund_id=new_id(), payment_id=payment.payment_id, amount_minor=amount)


async def test_refunds_are_once_per_key_and_never_exceed_what_was_captured(world: RazorpayWorld) -> None:
    payment = await world.paid()

    async def refund(amount: int, refund_id: str) -> ProviderRefund:
        new = NewRefund(refund_id=refund_id, payment_id=payment.payment_id, amount_minor=amount)
        return await world.razorpay.create_refund(new, refund_key(refund_id, 1, 1))

    first_id = new_id()
    first = await refund(100_000, first_id)
    assert (first.refund_id, first.payment_id, first.amount_minor) == (first_id, payment.payment_id, 100_000)
    assert (first.currency, first.state) == ("INR", RefundState.SUCCEEDED)
    assert await refund(100_000, first_id) == first, "the same key"
    with pytest.raises(BusinessRefusalError, match="refund_refused"):
        await refund(50_000, first_id)
    with pytest.raises(BusinessRefusalError, match="refund_refused"):
        await refund(100_000, new_id())
    rest = await refund(99_900, new_id())
    with pytest.raises(BusinessRefusalError, match="already_refunded"):
        await refund(100, new_id())
    assert await world.razorpay.find_refunds(payment.payment_id) == [first, rest]
    assert await world.razorpay.read_refund(rest.provider_refund_id) == rest
    listed = [one async for one in world.razorpay.list_refunds(an_hour_ago())]
    assert listed[:2] == [rest, first]
    again = await world.razorpay.read_payment(payment.payment_id)
    assert (again.state, again.received_minor) == (PaymentState.SUCCEEDED, 199_900), "given back, but it was captured"


async def test_a_refund_that_was_made_though_we_heard_500(world: RazorpayWorld) -> None:
    payment = await world.paid()
    new = refund_of(payment)
    await world.controls.faults(api=[{"operation": "create_refund", "kind": "charge_then_500"}])
    with pytest.raises(AnsweredFaultError):
        await world.razorpay.create_refund(new, refund_key(new.refund_id, 1, 1))
    [found] = await world.razorpay.find_refunds(payment.payment_id)
    assert found.refund_id == new.refund_id


async def test_refunds_that_fail_later_or_were_made_at_the_dashboard(world: RazorpayWorld) -> None:
    payment = await world.paid()
    await world.controls.faults(refunds={"mode": "fail_later", "delay_ms": 50})
    new = refund_of(payment, 1_000)
    made = await world.razorpay.create_refund(new, refund_key(new.refund_id, 1, 1))
    assert made.state is RefundState.PENDING

    async def failed() -> bool:
        return (await world.razorpay.read_refund(made.provider_refund_id)).state is RefundState.FAILED

    await eventually(failed)
    await world.controls.well_behaved()
    await world.controls.post(f"refund-at-dashboard/{payment.payment_id}", {"amount": 700})
    found = await world.razorpay.find_refunds(payment.payment_id)
    assert [(r.refund_id, r.amount_minor) for r in found] == [(new.refund_id, 1_000), (None, 700)]


async def test_disputes_from_the_question_to_the_banks_word(world: RazorpayWorld) -> None:
    payment = await world.paid()
    opened = await world.controls.post(f"dispute/{payment.payment_id}", {"amount": 1_000})
    dispute = await world.razorpay.read_dispute(opened["id"])
    assert (dispute.payment_id, dispute.amount_minor) == (payment.payment_id, 1_000)
    assert (dispute.state, dispute.is_withdrawn) == (DisputeState.NEEDS_RESPONSE, True)
    assert dispute.evidence_due_by is not None
    new = refund_of(payment)
    with pytest.raises(BusinessRefusalError, match="payment_disputed"):
        await world.razorpay.create_refund(new, refund_key(new.refund_id, 1, 1))
    await world.controls.post(f"disputes/{opened['id']}/respond")
    await world.controls.post(f"disputes/{opened['id']}/lose")
    listed = [one async for one in world.razorpay.list_disputes(an_hour_ago())]
    assert [(one.dispute_id, one.state) for one in listed] == [(opened["id"], DisputeState.LOST)]
    assert [one async for one in world.razorpay.list_disputes(datetime.now(UTC) + timedelta(minutes=1))] == []
    with pytest.raises(BusinessRefusalError, match="dispute_unknown"):
        await world.razorpay.read_dispute("disp_none")

    async def told() -> list[DisputeState]:
        return [e.dispute.state for e in world.listener.events if e.dispute]

    async def all_told() -> bool:
        return set(await told()) == {DisputeState.NEEDS_RESPONSE, DisputeState.UNDER_REVIEW, DisputeState.LOST}

    await eventually(all_told)


async def test_webhooks_tell_the_story_signed(world: RazorpayWorld) -> None:
    charge = await world.opened()
    failed = await world.controls.post(f"decline/{charge.payment_id}")
    paid = await world.controls.post(f"pay/{charge.payment_id}")
    await world.controls.post(f"authorize-late/{failed['id']}")
    payment = await world.razorpay.read_payment(charge.payment_id)
    new = refund_of(payment)
    await world.razorpay.create_refund(new, refund_key(new.refund_id, 1, 1))
    told = {
        failed["id"]: {"payment.failed", "payment.authorized"},
        paid["id"]: {"payment.authorized", "payment.captured", "order.paid", "refund.created", "refund.processed"},
    }

    async def all_told() -> bool:
        return all(set(world.listener.types(payment_id)) == types for payment_id, types in told.items())

    await eventually(all_told)
    assert len({event.event_id for event in world.listener.events}) == 7
    states = {e.payment.state for e in world.listener.events if e.payment and e.payment.payment_id == failed["id"]}
    assert states == {PaymentState.OPEN, PaymentState.AUTHORIZED}
    [refund] = {e.refund for e in world.listener.events if e.refund}
    assert (refund.refund_id, refund.state) == (new.refund_id, RefundState.SUCCEEDED)
    assert all(e.payment.client_secret is None for e in world.listener.events if e.payment)


async def test_every_forged_webhook_is_refused_and_a_refused_true_one_comes_again(world: RazorpayWorld) -> None:
    world.listener.answers[:] = [500, 503]
    charge = await world.opened()
    await world.controls.post(f"decline/{charge.payment_id}")
    await world.controls.post(f"decline/{charge.payment_id}")

    async def both() -> bool:
        return len(world.listener.events) == 2

    await eventually(both)
    world.listener.reset()
    await world.controls.faults(webhooks={"forge": 1.0, "double": 1.0, "reorder": True}, seed=3)
    for _ in range(12):
        await world.controls.post(f"decline/{charge.payment_id}")

    async def all_came() -> bool:
        return (len(world.listener.events), world.listener.refused) == (24, 12)

    await eventually(all_came)
    assert len({event.event_id for event in world.listener.events}) == 12, "a doubled event keeps its id"
