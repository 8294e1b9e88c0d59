"""Our Stripe client against the stand-in, by real HTTP, with everything going wrong that can."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.billing.payments import NewPayment, NewRefund, PaymentState, ProviderPayment
from domain.errors import BusinessRefusalError, OutageError, UnknownOutcomeError
from domain.identifiers import charge_key, new_id
from gateways.payments.stripe import StripePayments
from tests.integration.billing.stripe_world import started, world
from tests.integration.stand_ins import SECRET_KEY, StripeWorld, an_hour_ago, eventually, new_payment, new_ports

__all__ = ["started", "world"]

# The library hands httpx its form as `data=`, which httpx would like renamed.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def test_a_payment_from_opening_to_the_money(world: StripeWorld) -> None:
    order = new_id()
    payment = await world.opened(order)
    assert payment.state is PaymentState.OPEN
    assert (payment.order_id, payment.amount_minor, payment.received_minor) == (order, 199_900, 0)
    assert payment.currency == "INR"
    assert payment.client_secret is not None
    assert payment.client_secret.startswith(f"{payment.payment_id}_secret_")
    assert abs((payment.created_at - datetime.now(UTC)).total_seconds()) < 5
    await world.controls.post(f"pay/{payment.payment_id}")
    paid = await world.stripe.read_payment(payment.payment_id)
    assert (paid.state, paid.received_minor) == (PaymentState.SUCCEEDED, 199_900)
    [kept] = (await world.controls.book(order))["payment_intents"]
    assert kept["idempotency_key"] == charge_key(order, 1)
    assert kept["automatic_payment_methods"]["enabled"] is True


async def test_the_same_key_is_one_payment_and_another_body_is_refused(world: StripeWorld) -> None:
    order = new_id()
    first, *others = await asyncio.gather(*(world.opened(order) for _ in range(5)))
    assert {other.payment_id for other in others} == {first.payment_id}
    with pytest.raises(BusinessRefusalError, match="idempotency_key_reused"):
        await world.stripe.create_payment(new_payment(order, 1_000), charge_key(order, 1))
    assert len((await world.controls.book(order))["payment_intents"]) == 1
    await world.controls.post("prune-keys")
    assert (await world.opened(order)).payment_id != first.payment_id, "a forgotten key charges again"


@pytest.mark.parametrize(
    ("amount", "code"),
    [(0, "payment_refused"), (1, "amount_too_small"), (100_000_000, "amount_too_large")],
)
async def test_amounts_that_stripe_does_not_take(world: StripeWorld, amount: int, code: str) -> None:
    with pytest.raises(BusinessRefusalError) as refused:
        await world.opened(amount=amount)
    assert refused.value.code == code
    assert refused.value.__context__ is None


async def test_a_currency_that_is_none(world: StripeWorld) -> None:
    with pytest.raises(BusinessRefusalError, match="payment_refused"):
        await world.stripe.create_payment(NewPayment(order_id="o", amount_minor=100, currency="XXX"), new_id())


async def test_a_500_is_replayed_under_the_same_key_and_the_next_key_succeeds(world: StripeWorld) -> None:
    order = new_id()
    await world.controls.faults(api=[{"operation": "create_payment", "kind": "error_500_before"}])
    for _ in range(3):
        with pytest.raises(UnknownOutcomeError):
            await world.opened(order)
    assert await world.stripe.find_payments(order, an_hour_ago()) == []
    payment = await world.stripe.create_payment(new_payment(order), charge_key(order, 2))
    assert [p.payment_id for p in await world.stripe.find_payments(order, an_hour_ago())] == [payment.payment_id]


async def test_a_500_after_the_charge_is_replayed_but_the_charge_is_found(world: StripeWorld) -> None:
    order = new_id()
    await world.controls.faults(api=[{"operation": "create_payment", "kind": "charge_then_500"}])
    for _ in range(2):
        with pytest.raises(UnknownOutcomeError) as unknown:
            await world.opened(order)
    assert "secret" not in repr(unknown.value)
    assert unknown.value.__context__ is None
    [found] = await world.stripe.find_payments(order, an_hour_ago())
    assert found.client_secret


async def test_an_answer_that_never_comes_leaves_a_charge_to_be_found(world: StripeWorld) -> None:
    order = new_id()
    await world.controls.faults(api=[{"operation": "create_payment", "kind": "charge_then_hang"}])
    hasty = StripePayments(world.base, SECRET_KEY, timeout_seconds=0.3)
    with pytest.raises(UnknownOutcomeError):
        await hasty.create_payment(new_payment(order), charge_key(order, 1))
    await hasty.close()
    [found] = await world.stripe.find_payments(order, an_hour_ago())
    assert (await world.opened(order)).payment_id == found.payment_id, "the stored answer is replayed"


async def test_a_charge_that_happens_after_we_gave_up_waiting(world: StripeWorld) -> None:
    order = new_id()
    fault = {"operation": "create_payment", "kind": "hang_then_charge", "seconds": 1.0}
    await world.controls.faults(api=[fault])
    hasty = StripePayments(world.base, SECRET_KEY, timeout_seconds=0.2)
    with pytest.raises(UnknownOutcomeError):
        await hasty.create_payment(new_payment(order), charge_key(order, 1))
    await hasty.close()
    with pytest.raises(UnknownOutcomeError):  # 409: the key is being worked on
        await world.opened(order)

    async def found() -> list[ProviderPayment]:
        return await world.stripe.find_payments(order, an_hour_ago())

    [payment] = await eventually(found)
    assert (await world.opened(order)).payment_id == payment.payment_id


async def test_connections_are_kept_alive(world: StripeWorld) -> None:
    connections = 0

    async def count_and_pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", world.port)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                target.write(data)
            target.close()

        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    [port] = new_ports(1)
    server = await asyncio.start_server(count_and_pass_on, "127.0.0.1", port)
    client = StripePayments(f"http://127.0.0.1:{port}", SECRET_KEY, timeout_seconds=5)
    for _ in range(20):
        payment = await client.create_payment(new_payment(new_id()), new_id())
        await client.read_payment(payment.payment_id)
    await client.close()
    server.close()
    assert connections == 1


async def test_refusals_and_limits(world: StripeWorld) -> None:
    order = new_id()
    await world.controls.faults(api=[{"operation": "create_payment", "kind": "refuse"}])
    for _ in range(2):
        with pytest.raises(BusinessRefusalError, match="card_declined"):
            await world.opened(order)
    await world.controls.faults(api=[{"operation": "create_payment", "kind": "rate_limit"}])
    other = new_id()
    with pytest.raises(OutageError) as limited:
        await world.opened(other)
    assert not isinstance(limited.value, UnknownOutcomeError), "nothing was done"
    assert (await world.opened(other)).state is PaymentState.OPEN, "and nothing was stored"


async def test_reading_fails_as_an_outage_and_never_as_an_unknown_outcome(world: StripeWorld) -> None:
    payment = await world.opened()
    await world.controls.faults(
        api=[{"operation": "read", "kind": "error_500_before"}, {"operation": "list", "kind": "error_500_before"}]
    )
    for call in (
        world.stripe.read_payment(payment.payment_id),
        world.stripe.find_payments("x", an_hour_ago()),
    ):
        with pytest.raises(OutageError) as outage:
            await call
        assert not isinstance(outage.value, UnknownOutcomeError)


async def test_what_does_not_exist_is_a_refusal(world: StripeWorld) -> None:
    for call, code in (
        (world.stripe.read_payment("pi_none"), "payment_unknown"),
        (world.stripe.cancel_payment("pi_none"), "payment_unknown"),
        (world.stripe.read_refund("re_none"), "refund_unknown"),
    ):
        with pytest.raises(BusinessRefusalError, match=code):
            await call
    refund = NewRefund(refund_id=new_id(), payment_id="pi_none", amount_minor=1)
    with pytest.raises(BusinessRefusalError, match="payment_unknown"):
        await world.stripe.create_refund(refund, new_id())


async def test_nobody_there_is_an_outage_and_a_wrong_key_a_refusal(world: StripeWorld) -> None:
    [port] = new_ports(1)
    nobody = StripePayments(f"http://127.0.0.1:{port}", SECRET_KEY, timeout_seconds=1)
    with pytest.raises(OutageError) as outage:
        await nobody.create_payment(new_payment(new_id()), new_id())
    assert not isinstance(outage.value, UnknownOutcomeError), "nothing was sent"
    await nobody.close()
    stranger = StripePayments(world.base, "sk_test_wrong", timeout_seconds=5)
    with pytest.raises(OutageError, match="provider_credentials_refused"):
        await stranger.read_payment("pi_1")
    await stranger.close()


async def test_cancelling_says_how_it_stands_either_way(world: StripeWorld) -> None:
    payment = await world.opened()
    assert (await world.stripe.cancel_payment(payment.payment_id)).state is PaymentState.CANCELED
    assert (await world.stripe.cancel_payment(payment.payment_id)).state is PaymentState.CANCELED
    paid = await world.paid()
    assert (await world.stripe.cancel_payment(paid.payment_id)).state is PaymentState.SUCCEEDED
    slow = await world.opened()
    await world.controls.post(f"process/{slow.payment_id}")
    assert (await world.stripe.cancel_payment(slow.payment_id)).state is PaymentState.PROCESSING
    await world.controls.post(f"pay/{slow.payment_id}")
    assert (await world.stripe.read_payment(slow.payment_id)).state is PaymentState.SUCCEEDED
    await world.controls.post(f"pay/{slow.payment_id}", expect=409)
    await world.controls.post(f"decline/{payment.payment_id}", expect=409)
    await world.controls.post("pay/pi_none", expect=404)


async def test_a_wrong_amount_and_currency_are_told_as_captured(world: StripeWorld) -> None:
    payment = await world.opened()
    await world.controls.post(f"pay/{payment.payment_id}", {"amount": 5, "currency": "usd"})
    paid = await world.stripe.read_payment(payment.payment_id)
    assert (paid.amount_minor, paid.received_minor, paid.currency) == (199_900, 5, "USD")


async def test_the_book_is_read_over_many_pages(world: StripeWorld) -> None:
    since = datetime.now(UTC) - timedelta(seconds=2)
    order = new_id()
    made = [await world.stripe.create_payment(new_payment(order), charge_key(order, n)) for n in range(230)]
    listed = [payment.payment_id async for payment in world.stripe.list_payments(since)]
    assert listed[:230] == [payment.payment_id for payment in reversed(made)]
    found = await world.stripe.find_payments(order, since)
    assert [payment.payment_id for payment in found] == [payment.payment_id for payment in made]
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert [payment async for payment in world.stripe.list_payments(later)] == []
