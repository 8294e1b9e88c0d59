"""An academy that sells by one provider: nothing is bought by the other, and nobody is believed in its name."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest_asyncio
from litestar import Litestar
from temporalio.client import Client

from api.app import create_app
from bootstrap import Services
from db.sql import fetch
from domain.billing.purchase import PurchasePolicy
from domain.identifiers import new_id
from stack.stand_ins.razorpay.events import hex_hmac
from tests.integration.billing.stripe_events import post_event
from tests.integration.conftest import NewPerson, bearer, client_of, token_of
from tests.workflow.conftest import Academy, running, worker_temporal

__all__ = ["worker_temporal"]

BILLING = {"name": "Test Person", "state": "KL", "postalCode": "682001", "country": "IN"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def academy(services: Services, worker_temporal: Client, new_person: NewPerson) -> AsyncIterator[Academy]:
    """A worker; stories ask the provider by themselves only after 30 s."""
    policy = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=300)
    async with running(Academy(services, worker_temporal, policy, new_person, provider="razorpay")) as ready:
        yield ready


async def without(services: Services, off: str) -> AsyncIterator[httpx.AsyncClient]:
    """The API of an academy that has no keys of this provider."""
    on = {name: provider for name, provider in services.providers.items() if name != off}
    async with client_of(create_app(replace(services, providers=on))) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def without_stripe(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    async for client in without(services, "stripe"):
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def without_razorpay(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    async for client in without(services, "razorpay"):
        yield client


async def buy(client: httpx.AsyncClient, course_id: str, provider: str, headers: dict[str, str]) -> httpx.Response:
    body = {"provider": provider, "billing": BILLING}
    return await client.post(f"/api/v1/courses/{course_id}/purchases", json=body, headers=headers, timeout=20)


async def test_nothing_is_bought_by_it_and_the_answer_names_the_other(
    academy: Academy, app: Litestar, client: httpx.AsyncClient, without_stripe: httpx.AsyncClient
) -> None:
    person = await academy.new_person()
    course_id = await academy.course()
    headers = {**bearer(await token_of(app, person)), "Idempotency-Key": new_id()}

    refused = await buy(without_stripe, course_id, "stripe", headers)

    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, "validation_failed")
    assert problem["errors"] == [{"field": "provider", "message": "The academy sells by razorpay only."}]
    assert await fetch("SELECT FROM orders WHERE user_id = $1", person.id) == [], "before anything was written"
    begun = await buy(client, course_id, "stripe", headers)
    assert begun.status_code == 201, begun.text
    again = await buy(without_stripe, course_id, "stripe", headers)
    assert (again.status_code, again.json()["id"]) == (201, begun.json()["id"]), "what began before goes on"


async def test_webhooks_signed_with_a_secret_that_stands_in_our_code_are_refused(
    services: Services, without_stripe: httpx.AsyncClient, without_razorpay: httpx.AsyncClient
) -> None:
    event_id = f"evt_{new_id()}"
    answer = await post_event(without_stripe, services, "charge.dispute.created", {}, event_id=event_id)
    assert (answer.status_code, answer.json()["code"]) == (400, "signature_refused")
    body = b'{"event": "payment.captured", "payload": {}}'
    signed = hex_hmac(body, services.settings.razorpay_webhook_secret.get_secret_value())
    headers = {"X-Razorpay-Signature": signed, "x-razorpay-event-id": event_id}
    answer = await without_razorpay.post("/api/v1/webhooks/razorpay", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "signature_refused")
    assert await fetch("SELECT FROM provider_events WHERE event_id = $1", event_id) == []


async def test_a_confirmation_signed_with_such_a_secret_is_refused(
    academy: Academy,
    services: Services,
    app: Litestar,
    client: httpx.AsyncClient,
    without_razorpay: httpx.AsyncClient,
) -> None:
    headers = {**bearer(await token_of(app, await academy.new_person())), "Idempotency-Key": new_id()}
    purchase: dict[str, Any] = (await buy(client, await academy.course(), "razorpay", headers)).json()
    order_id = purchase["checkout"]["razorpayOrderId"]
    secret = services.settings.razorpay_key_secret.get_secret_value()
    said = {
        "razorpayOrderId": order_id,
        "razorpayPaymentId": "pay_invented",
        "razorpaySignature": hex_hmac(f"{order_id}|pay_invented".encode(), secret),
    }
    path = f"/api/v1/purchases/{purchase['id']}/confirmations"
    assert (await client.post(path, json=said, headers=headers)).status_code == 202

    answer = await without_razorpay.post(path, json=said, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "confirmation_refused")
