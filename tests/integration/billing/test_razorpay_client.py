"""Our Razorpay client against the stand-in: charges, captures and the book, on good days and bad ones."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from activities.once import make_once
from domain.billing.payments import NewRefund, PaymentState, ProviderPayment
from domain.errors import AnsweredFaultError, BusinessRefusalError, OutageError, UnknownOutcomeError
from domain.identifiers import charge_key, new_id, refund_key
from gateways.payments.razorpay import RazorpayPayments
from tests.integration.billing.razorpay_world import RazorpayWorld, started, world
from tests.integration.stand_ins import KEY_ID, SECRET_KEY, an_hour_ago, new_payment, new_ports

__all__ = ["started", "world"]


async def charged_once(world: RazorpayWorld, client: RazorpayPayments, order: str) -> ProviderPayment:
    """One try of the step that opens the charge."""

    async def find() -> ProviderPayment | None:
        found = await client.find_payments(order, an_hour_ago())
        return found[0] if found else None

    return await make_once(
        lambda attempt: client.create_payment(new_payment(order), charge_key(order, attempt)),
        find,
        datetime.now(UTC),
        client.payment_keys_last,
    )


async def test_a_charge_from_opening_to_the_money(world: RazorpayWorld) -> None:
    order = new_id()
    charge = await world.opened(order)
    assert charge.payment_id.startswith("order_")
    assert (charge.state, charge.order_id, charge.amount_minor) == (PaymentState.OPEN, order, 199_900)
    assert (charge.received_minor, charge.currency, charge.client_secret) == (0, "INR", charge.payment_id)
    assert abs((charge.created_at - datetime.now(UTC)).total_seconds()) < 5
    await world.controls.post(f"decline/{charge.payment_id}")
    assert (await world.razorpay.read_payment(charge.payment_id)).state is PaymentState.OPEN
    await world.controls.post(f"pay/{charge.payment_id}")
    paid = await world.razorpay.read_payment(charge.payment_id)
    assert paid.payment_id.startswith("pay_"), "a refund is made of the payment, not of the order"
    assert (paid.state, paid.received_minor, paid.order_id) == (PaymentState.SUCCEEDED, 199_900, order)
    assert paid.charge_id == charge.payment_id
    by_itself = await world.razorpay.read_payment(paid.payment_id)
    assert (by_itself.state, by_itself.order_id, by_itself.charge_id) == (
        PaymentState.SUCCEEDED,
        None,
        charge.payment_id,
    )


async def test_an_authorised_payment_is_captured_once_by_reading(world: RazorpayWorld) -> None:
    charge = await world.opened()
    held = await world.controls.post(f"authorize/{charge.payment_id}")
    [found] = await world.razorpay.find_payments(charge.order_id or "", an_hour_ago())
    assert found.state is PaymentState.AUTHORIZED, "looking captures nothing"
    read = await asyncio.gather(*(world.razorpay.read_payment(charge.payment_id) for _ in range(5)))
    assert {(p.state, p.payment_id, p.order_id) for p in read} == {
        (PaymentState.SUCCEEDED, held["id"], charge.order_id)
    }
    [kept] = (await world.controls.book(charge.order_id or ""))["payments"]
    assert kept["status"] == "captured"
    captures = [d for d in await world.controls.deliveries(held["id"]) if d["type"] == "payment.captured"]
    assert len(captures) == 1


async def test_a_capture_whose_answer_is_lost_is_read_as_captured(world: RazorpayWorld) -> None:
    charge = await world.opened()
    await world.controls.post(f"authorize/{charge.payment_id}")
    await world.controls.faults(api=[{"operation": "capture", "kind": "charge_then_500"}])
    with pytest.raises(UnknownOutcomeError):
        await world.razorpay.read_payment(charge.payment_id)
    assert (await world.razorpay.read_payment(charge.payment_id)).state is PaymentState.SUCCEEDED


async def test_a_capture_that_is_refused_leaves_the_payment_as_it_is(world: RazorpayWorld) -> None:
    charge = await world.opened()
    held = await world.controls.post(f"authorize/{charge.payment_id}")
    await world.controls.faults(api=[{"operation": "capture", "kind": "refuse"}])
    with pytest.raises(BusinessRefusalError, match="payment_refused"):
        await world.razorpay.read_payment(held["id"])
    await world.controls.post(f"let-go/{held['id']}")
    assert (await world.razorpay.read_payment(held["id"])).state is PaymentState.CANCELED
    assert (await world.razorpay.read_payment(charge.payment_id)).state is PaymentState.OPEN


async def test_leaving_a_charge_says_how_it_stands(world: RazorpayWorld) -> None:
    unpaid = await world.opened()
    left = await world.razorpay.cancel_payment(unpaid.payment_id)
    assert (left.state, left.payment_id) == (PaymentState.CANCELED, unpaid.payment_id)
    held = await world.opened()
    await world.controls.post(f"authorize/{held.payment_id}")
    assert (await world.razorpay.cancel_payment(held.payment_id)).state is PaymentState.SUCCEEDED
    # Nothing was cancelled at Razorpay: the first one can still be paid, and the money is not lost to us.
    await world.controls.post(f"pay/{unpaid.payment_id}")
    assert (await world.razorpay.cancel_payment(unpaid.payment_id)).state is PaymentState.SUCCEEDED


async def test_of_several_payments_the_one_captured_first_counts(world: RazorpayWorld) -> None:
    charge = await world.opened()
    failed = await world.controls.post(f"decline/{charge.payment_id}")
    first = await world.controls.post(f"pay/{charge.payment_id}")
    second = await world.controls.post(f"pay/{charge.payment_id}")
    await world.controls.post(f"authorize-late/{failed['id']}")
    assert (await world.razorpay.read_payment(charge.payment_id)).payment_id == first["id"]
    listed = {p.payment_id: p.state async for p in world.razorpay.list_payments(an_hour_ago())}
    assert listed[second["id"]] is PaymentState.SUCCEEDED
    assert listed[failed["id"]] is PaymentState.AUTHORIZED


@pytest.mark.parametrize("kind", ["charge_then_500", "charge_then_hang", "error_500_before"])
async def test_a_second_try_finds_the_order_of_the_first(world: RazorpayWorld, kind: str) -> None:
    order = new_id()
    await world.controls.faults(api=[{"operation": "create_payment", "kind": kind}])
    hasty = world.client(timeout_seconds=0.5)
    try:
        await charged_once(world, hasty, order)
    except UnknownOutcomeError:
        await charged_once(world, hasty, order)
    await charged_once(world, hasty, order)
    await hasty.close()
    assert len((await world.controls.book(order))["orders"]) == 1


@pytest.mark.parametrize("amount", [0, 99, 50_000_000_01])
async def test_amounts_and_currencies_that_razorpay_does_not_take(world: RazorpayWorld, amount: int) -> None:
    with pytest.raises(BusinessRefusalError, match="payment_refused") as refused:
        await world.opened(amount=amount)
    assert refused.value.__context__ is None


async def test_a_fault_says_whether_something_may_have_happened(world: RazorpayWorld) -> None:
    await world.controls.faults(
        api=[{"operation": "create_payment", "kind": kind} for kind in ("error_500_before", "rate_limit", "refuse")]
    )
    with pytest.raises(AnsweredFaultError):
        await world.opened()
    with pytest.raises(OutageError) as limited:
        await world.opened()
    assert not isinstance(limited.value, UnknownOutcomeError), "nothing was done"
    with pytest.raises(BusinessRefusalError):
        await world.opened()
    charge = await world.opened()
    await world.controls.faults(api=[{"operation": "read", "kind": "error_500_before"}])
    with pytest.raises(OutageError) as outage:
        await world.razorpay.read_payment(charge.payment_id)
    assert not isinstance(outage.value, UnknownOutcomeError)


async def test_nobody_there_is_an_outage_and_so_is_a_wrong_key(world: RazorpayWorld) -> None:
    [port] = new_ports(1)
    nobody = RazorpayPayments(f"http://127.0.0.1:{port}", KEY_ID, SECRET_KEY, timeout_seconds=1)
    with pytest.raises(OutageError) as outage:
        await nobody.create_payment(new_payment(new_id()), new_id())
    assert not isinstance(outage.value, UnknownOutcomeError), "nothing was sent"
    await nobody.close()
    stranger = world.client(timeout_seconds=5, secret="wrong")
    with pytest.raises(OutageError, match="provider_credentials_refused"):
        await stranger.read_payment("order_1")
    await stranger.close()


async def test_what_does_not_exist_is_a_refusal(world: RazorpayWorld) -> None:
    razorpay = world.razorpay
    nothing = NewRefund(refund_id=new_id(), payment_id="pay_none", amount_minor=100)
    for call, code in (
        (razorpay.read_payment("order_none"), "payment_unknown"),
        (razorpay.read_payment("pay_none"), "payment_unknown"),
        (razorpay.cancel_payment("order_none"), "payment_unknown"),
        (razorpay.read_refund("rfnd_none"), "refund_unknown"),
        (razorpay.create_refund(nothing, refund_key(nothing.refund_id, 1, 1)), "payment_unknown"),
    ):
        with pytest.raises(BusinessRefusalError, match=code):
            await call


async def test_the_book_is_read_over_many_pages(world: RazorpayWorld) -> None:
    since = datetime.now(UTC) - timedelta(seconds=2)
    charge = await world.opened()
    made = [(await world.controls.post(f"decline/{charge.payment_id}"))["id"] for _ in range(230)]
    listed = [payment.payment_id async for payment in world.razorpay.list_payments(since)]
    assert listed[:230] == made[::-1]
    assert len(set(listed)) == len(listed)
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert [payment async for payment in world.razorpay.list_payments(later)] == []
