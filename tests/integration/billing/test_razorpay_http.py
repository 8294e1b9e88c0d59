"""Buying with Razorpay over HTTP: what the browser gets, what it brings back, and the webhooks."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar
from temporalio.client import Client

from bootstrap import Services
from db.sql import fetch
from domain.billing.purchase import PurchasePolicy
from domain.identifiers import new_id
from stack.stand_ins.razorpay.events import RazorpayEvents, hex_hmac
from tests.integration.conftest import NewPerson, bearer, token_of
from tests.workflow.conftest import Academy, eventually, one, running, worker_temporal

__all__ = ["worker_temporal"]

POLICY = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=300)
BILLING = {"name": "Test Person", "state": "KL", "postalCode": "682001", "country": "IN"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def academy(services: Services, worker_temporal: Client, new_person: NewPerson) -> AsyncIterator[Academy]:
    """A worker; stories that the API starts ask the provider by themselves only after 30 s."""
    async with running(Academy(services, worker_temporal, POLICY, new_person, provider="razorpay")) as ready:
        yield ready


class Shopper:
    """Somebody signed in who buys a course with Razorpay."""

    def __init__(self, client: httpx.AsyncClient, login: dict[str, str]) -> None:
        self._client = client
        self._login = login

    async def buy(self, course: str) -> dict[str, Any]:
        answer = await self._client.post(
            f"/api/v1/courses/{course}/purchases",
            json={"provider": "razorpay", "billing": BILLING},
            headers={**self._login, "Idempotency-Key": new_id()},
            timeout=20,
        )
        assert answer.status_code == 201, answer.text
        purchase: dict[str, Any] = answer.json()
        return purchase

    async def confirm(self, purchase_id: str, said: dict[str, str]) -> httpx.Response:
        return await self._client.post(
            f"/api/v1/purchases/{purchase_id}/confirmations", json=said, headers=self._login, timeout=20
        )


@pytest_asyncio.fixture(loop_scope="session")
async def shopper(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Shopper:
    return Shopper(client, bearer(await token_of(app, await new_person())))


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Shopper:
    return Shopper(client, bearer(await token_of(app, await new_person())))


def from_checkout(paid: dict[str, Any]) -> dict[str, str]:
    """What the browser sends on of what Razorpay's checkout gave it."""
    given = paid["checkout"]
    return {
        "razorpayOrderId": given["razorpay_order_id"],
        "razorpayPaymentId": given["razorpay_payment_id"],
        "razorpaySignature": given["razorpay_signature"],
    }


async def post_webhook(
    client: httpx.AsyncClient, services: Services, kind: str, payment: Any, event_id: str | None = None
) -> httpx.Response:
    secret = services.settings.razorpay_webhook_secret.get_secret_value()
    made, body = RazorpayEvents(secret).event(kind, {"payment": payment})
    headers = {"X-Razorpay-Signature": hex_hmac(body, secret), "x-razorpay-event-id": event_id or made}
    return await client.post("/api/v1/webhooks/razorpay", content=body, headers=headers)


async def enrolled(purchase_id: str) -> None:
    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'enrolled'", purchase_id)


async def test_the_checkout_is_what_razorpays_script_is_opened_with(
    academy: Academy, services: Services, shopper: Shopper
) -> None:
    purchase = await shopper.buy(await academy.course())
    row = await one("SELECT provider, provider_payment_id AS id FROM orders WHERE id = $1", purchase["id"])
    assert purchase["checkout"] == {
        "provider": "razorpay",
        "razorpayOrderId": row["id"],
        "keyId": services.settings.razorpay_key_id,
        "amount": 118_000,
        "currency": "INR",
    }
    assert row["provider"] == "razorpay"


async def test_a_confirmation_makes_the_purchase_ask_at_once(academy: Academy, shopper: Shopper) -> None:
    purchase = await shopper.buy(await academy.course())
    paid = await academy.at_provider(f"authorize/{purchase['checkout']['razorpayOrderId']}")
    answer = await shopper.confirm(purchase["id"], from_checkout(paid))
    assert answer.status_code == 202, answer.text
    await enrolled(purchase["id"])
    again = await shopper.confirm(purchase["id"], from_checkout(paid))
    assert (again.status_code, again.json()["status"]) == (202, "enrolled")
    rows = await fetch("SELECT provider_payment_id AS id FROM payments WHERE order_id = $1", purchase["id"])
    assert [row["id"] for row in rows] == [paid["id"]]


async def test_a_confirmation_is_a_hint_and_no_money(academy: Academy, services: Services, shopper: Shopper) -> None:
    """Signed in the true way for a payment that was never made: Razorpay is asked, and says no."""
    purchase = await shopper.buy(await academy.course())
    order_id, secret = purchase["checkout"]["razorpayOrderId"], services.settings.razorpay_key_secret
    lie = {
        "razorpayOrderId": order_id,
        "razorpayPaymentId": "pay_never",
        "razorpaySignature": hex_hmac(f"{order_id}|pay_never".encode(), secret.get_secret_value()),
    }
    answer = await shopper.confirm(purchase["id"], lie)
    assert (answer.status_code, answer.json()["status"]) == (202, "awaiting_payment")
    paid = await academy.at_provider(f"pay/{order_id}")
    await shopper.confirm(purchase["id"], from_checkout(paid))
    await enrolled(purchase["id"])
    rows = await fetch("SELECT provider_payment_id AS id FROM payments WHERE order_id = $1", purchase["id"])
    assert [row["id"] for row in rows] == [paid["id"]]


async def test_a_confirmation_that_is_not_this_purchases_is_refused(
    academy: Academy, shopper: Shopper, stranger: Shopper
) -> None:
    purchase, other = [await shopper.buy(await academy.course()) for _ in range(2)]
    paid = from_checkout(await academy.at_provider(f"pay/{other['checkout']['razorpayOrderId']}"))
    own = {**paid, "razorpayOrderId": purchase["checkout"]["razorpayOrderId"]}
    for wrong in (paid, own, {**paid, "razorpaySignature": "0" * 64}):
        answer = await shopper.confirm(purchase["id"], wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "confirmation_refused")
    assert (await shopper.confirm(other["id"], {})).status_code in (400, 422)
    assert (await stranger.confirm(other["id"], paid)).status_code == 404


async def test_a_webhook_enrolls_and_is_kept_once(
    academy: Academy, services: Services, shopper: Shopper, client: httpx.AsyncClient
) -> None:
    purchase = await shopper.buy(await academy.course())
    paid = await academy.at_provider(f"pay/{purchase['checkout']['razorpayOrderId']}")
    event_id = new_id()
    for _ in range(3):
        answer = await post_webhook(client, services, "payment.captured", paid, event_id)
        assert (answer.status_code, answer.json()) == (200, {"received": True})
    await enrolled(purchase["id"])
    # The signed body again under another id, which Razorpay does not sign: told twice, and nothing happens twice.
    assert (await post_webhook(client, services, "payment.captured", paid)).status_code == 200
    await post_webhook(client, services, "order.paid", paid)
    events = await fetch("SELECT status FROM provider_events WHERE order_id = $1", purchase["id"])
    assert len(events) == 3, "each names our order, although the payment has no note of it"
    await eventually(
        "SELECT FROM provider_events WHERE order_id = $1 HAVING count(*) FILTER (WHERE status = 'ignored') = 2",
        purchase["id"],
    )
    await one("SELECT FROM payments WHERE order_id = $1 AND applied", purchase["id"])
    await one('SELECT FROM course_enrollments WHERE "courseId" = $1', purchase["courseId"])


@pytest.mark.parametrize("fault", ["no signature", "Stripe's secret", "changed", "old"])
async def test_a_forged_webhook_is_refused_and_not_kept(
    services: Services, client: httpx.AsyncClient, fault: str
) -> None:
    secret = services.settings.razorpay_webhook_secret.get_secret_value()
    payment = {"id": f"pay_{new_id()}", "entity": "payment", "amount": 1, "currency": "INR", "status": "captured"}
    event_id, body = RazorpayEvents(secret).event("payment.captured", {"payment": {**payment, "created_at": 1}})
    signature: str | None = hex_hmac(body, secret)
    match fault:
        case "no signature":
            signature = None
        case "Stripe's secret":
            signature = hex_hmac(body, services.settings.stripe_webhook_secret.get_secret_value())
        case "changed":
            body = body.replace(b'"amount":1', b'"amount":2')
        case _:
            old = {**msgspec.json.decode(body), "created_at": 1_567_674_606}
            body = msgspec.json.encode(old)
            signature = hex_hmac(body, secret)
    headers = {"x-razorpay-event-id": event_id} | ({"X-Razorpay-Signature": signature} if signature else {})
    answer = await client.post("/api/v1/webhooks/razorpay", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "signature_refused")
    assert await fetch("SELECT FROM provider_events WHERE event_id = $1", event_id) == []


async def test_a_signed_event_that_is_none_is_not_understood(services: Services, client: httpx.AsyncClient) -> None:
    secret = services.settings.razorpay_webhook_secret.get_secret_value()
    answer = await client.post(
        "/api/v1/webhooks/razorpay", content=b"[]", headers={"X-Razorpay-Signature": hex_hmac(b"[]", secret)}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "payload_not_understood")
