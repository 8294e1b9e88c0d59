"""The stand-in's own promises: its webhooks, its wire format, its book after a kill."""

from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from domain.billing.payments import NewRefund, PaymentState
from domain.errors import OutageError
from domain.identifiers import new_id
from tests.integration.stand_ins import SECRET_KEY, StripeWorld, eventually, new_ports

# The library hands httpx its form as `data=`, which httpx would like renamed.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StripeWorld]:
    world = StripeWorld(tmp_path_factory.mktemp("stripe"), *new_ports(2))
    async with world.running():
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def world(started: StripeWorld) -> AsyncIterator[StripeWorld]:
    started.listener.reset()
    yield started
    await started.controls.well_behaved()


async def test_webhooks_tell_the_story_signed(world: StripeWorld) -> None:
    payment = await world.opened()
    await world.controls.post(f"decline/{payment.payment_id}")
    await world.controls.post(f"process/{payment.payment_id}")
    await world.controls.post(f"pay/{payment.payment_id}")
    new = NewRefund(refund_id=new_id(), payment_id=payment.payment_id, amount_minor=1_000)
    await world.stripe.create_refund(new, f"refund:{new.refund_id}:1")
    expected = {
        *("payment_intent.created", "payment_intent.payment_failed", "payment_intent.processing"),
        *("payment_intent.succeeded", "refund.created"),
    }

    async def told() -> bool:
        return set(world.listener.types(payment.payment_id)) == expected

    await eventually(told)
    [succeeded] = [event for event in world.listener.events if event.event_type == "payment_intent.succeeded"]
    assert succeeded.payment is not None
    assert (succeeded.payment.order_id, succeeded.payment.received_minor) == (payment.order_id, 199_900)
    assert world.listener.refused == 0


async def test_webhooks_dropped_and_resent_by_hand(world: StripeWorld) -> None:
    await world.controls.faults(webhooks={"drop": 1.0})
    payment = await world.paid()
    dropped = await world.controls.deliveries(payment.payment_id)
    assert {one["state"] for one in dropped} == {"dropped"}
    await world.controls.post(f"webhooks/{dropped[-1]['event_id']}/resend", expect=202)

    async def told() -> bool:
        return world.listener.types(payment.payment_id) == ["payment_intent.succeeded"]

    await eventually(told)


async def test_webhooks_doubled_and_forged(world: StripeWorld) -> None:
    await world.controls.faults(seed=7, webhooks={"double": 1.0, "forge": 1.0})
    payments = [await world.paid() for _ in range(10)]

    async def done() -> bool:
        deliveries = [one for p in payments for one in await world.controls.deliveries(p.payment_id)]
        return len(deliveries) == 60 and all(one["state"] != "pending" for one in deliveries)

    await eventually(done)
    twice = Counter(event.event_id for event in world.listener.events)
    assert set(twice.values()) == {2}
    assert len(twice) == 20
    forged = [one for one in await world.controls.deliveries() if one["sort"] != "genuine"]
    assert {one["sort"] for one in forged} == {"altered", "wrong_secret", "stale"}
    assert all(one["statuses"] == ["400"] for one in forged)
    assert world.listener.refused == 20


async def test_webhooks_overtake_each_other(world: StripeWorld) -> None:
    await world.controls.faults(seed=3, webhooks={"reorder": True})
    payments = [await world.paid() for _ in range(15)]

    async def all_told() -> bool:
        return len(world.listener.events) == 30

    await eventually(all_told)
    orders = [world.listener.types(payment.payment_id) for payment in payments]
    assert ["payment_intent.succeeded", "payment_intent.created"] in orders


async def test_webhooks_are_repeated_until_taken_over_kept_connections(world: StripeWorld) -> None:
    connections = world.listener.connections
    world.listener.answers = [503]
    payment = await world.paid()

    async def told() -> bool:
        return len(world.listener.types(payment.payment_id)) == 2

    await eventually(told)
    statuses = sorted(one["statuses"] for one in await world.controls.deliveries(payment.payment_id))
    assert statuses in ([["200"], ["503", "200"]], [["200"], ["503"]])
    for _ in range(20):
        await world.paid()

    async def quiet() -> bool:
        return all(one["state"] != "pending" for one in await world.controls.deliveries())

    await eventually(quiet)
    assert world.listener.connections - connections <= 4


async def test_the_wire_speaks_as_stripe_does(world: StripeWorld) -> None:
    async with httpx.AsyncClient(base_url=world.base, auth=(SECRET_KEY, "")) as http:
        nothing = await http.get("/v1/payment_intents/pi_none")
        assert nothing.status_code == 404
        assert nothing.json()["error"]["code"] == "resource_missing"
        assert nothing.headers["request-id"].startswith("req_")
        unknown = await http.post("/v1/payment_intents", data={"amount": "100", "currency": "inr", "surprise": "1"})
        assert unknown.json()["error"]["code"] == "parameter_unknown"
        form = {"amount": "100", "currency": "inr", "metadata[order_id]": "o-1"}
        headers = {"Idempotency-Key": new_id()}
        first = await http.post("/v1/payment_intents", data=form, headers=headers)
        again = await http.post("/v1/payment_intents", data=form, headers=headers)
        assert again.headers["idempotent-replayed"] == "true"
        assert again.content == first.content
        changed = await http.post(f"/v1/payment_intents/{first.json()['id']}", data={"metadata[order_id]": "o-2"})
        assert changed.json()["metadata"] == {"order_id": "o-2"}
        page = (await http.get("/v1/payment_intents", params={"limit": "1"})).json()
        assert (page["object"], page["has_more"], len(page["data"])) == ("list", True, 1)
        assert (await http.get("/v1/payment_intents", params={"limit": "101"})).status_code == 400
        assert (await http.get("/v1/customers")).status_code == 404
        refused = await http.get("/v1/payment_intents", auth=("sk_test_wrong", ""))
        assert refused.status_code == 401
        assert "sk_test_wrong" not in refused.text
        assert (await http.post("/test/faults", json={"webhooks": {"drop": 2}})).status_code == 400


async def test_the_book_and_the_queue_survive_a_kill(world: StripeWorld) -> None:
    world.listener.answers = [503] * 2
    payment = await world.opened()
    await world.controls.post(f"pay/{payment.payment_id}")
    await world.process.kill()
    world.listener.answers = []
    with pytest.raises(OutageError):
        await world.stripe.read_payment(payment.payment_id)
    await world.process.start()
    assert (await world.stripe.read_payment(payment.payment_id)).state is PaymentState.SUCCEEDED
    assert payment.order_id is not None
    assert (await world.opened(payment.order_id)).payment_id == payment.payment_id, "keys survive as well"

    async def told() -> bool:
        return set(world.listener.types(payment.payment_id)) == {
            *("payment_intent.created", "payment_intent.succeeded"),
        }

    await eventually(told, 30)
