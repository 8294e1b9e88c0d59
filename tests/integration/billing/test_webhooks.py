"""Stripe's webhooks: signature, commit, answer, delivery; doubled, forged, foreign and reconciled ones."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

from activities.sweeps import Sweeps
from bootstrap import Services
from db.engine import DB
from db.queries.business_numbers import business_numbers
from db.sql import fetch
from domain.billing.purchase import OrderStatus, PurchasePolicy
from domain.errors import OutageError
from domain.identifiers import new_id
from tests.integration.billing.stripe_events import post_event, signed_event
from tests.integration.conftest import NewPerson
from tests.leaks.lines import written
from tests.workflow.conftest import PATIENCE, Academy, Bought, eventually, one, running, worker_temporal

__all__ = ["worker_temporal"]

POLICY = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=300)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def academy(services: Services, worker_temporal: Client, new_person: NewPerson) -> AsyncIterator[Academy]:
    """A worker whose stories do not ask by themselves during a test."""
    async with running(Academy(services, worker_temporal, POLICY, new_person)) as ready:
        yield ready


async def paid(academy: Academy) -> tuple[Bought, dict[str, Any]]:
    """An order paid at the provider, and the charge, whose webhook has not come."""
    bought = await academy.buy(await academy.course())
    return bought, await academy.at_provider(f"pay/{bought.payment_id}")


async def test_a_webhook_enrolls(academy: Academy, services: Services, client: httpx.AsyncClient) -> None:
    bought, intent = await paid(academy)
    assert (await post_event(client, services, "payment_intent.succeeded", intent)).status_code == 200
    assert await bought.handle.result() == OrderStatus.ENROLLED
    event = await eventually(
        "SELECT body, status FROM provider_events WHERE order_id = $1 AND status = 'delivered'", bought.order.order_id
    )
    assert "secret" not in event["body"], "what pays is not kept"


async def test_a_doubled_event_is_kept_and_delivered_once(
    academy: Academy, services: Services, client: httpx.AsyncClient
) -> None:
    bought, intent = await paid(academy)
    event_id = f"evt_{new_id()}"
    answers = await asyncio.gather(
        *(post_event(client, services, "payment_intent.succeeded", intent, event_id=event_id) for _ in range(4))
    )
    assert {a.status_code for a in answers} == {200}
    assert await bought.handle.result() == OrderStatus.ENROLLED
    await one("SELECT FROM provider_events WHERE event_id = $1", event_id)
    await one("SELECT FROM payments WHERE order_id = $1", bought.order.order_id)


async def test_a_doubled_event_is_delivered_again_only_while_it_was_not(
    academy: Academy, services: Services, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought, intent = await paid(academy)
    event_id = f"evt_{new_id()}"

    async def tell() -> Any:
        assert (
            await post_event(client, services, "payment_intent.succeeded", intent, event_id=event_id)
        ).status_code == 200
        return await one("SELECT status, attempts FROM provider_events WHERE event_id = $1", event_id)

    async def cut_off(*_args: object) -> None:
        raise OutageError("temporal")

    with monkeypatch.context() as outage:
        outage.setattr(services.stories, "tell_purchase", cut_off)
        await tell()
        assert (await one("SELECT status FROM provider_events WHERE event_id = $1", event_id))["status"] == "received"
    await tell()
    assert await bought.handle.result() == OrderStatus.ENROLLED
    first = await eventually(
        "SELECT status, attempts FROM provider_events WHERE event_id = $1 AND status = 'delivered'", event_id
    )
    calls: list[object] = []
    monkeypatch.setattr(services.stories, "tell_late_payment", calls.append)
    monkeypatch.setattr(services.stories, "tell_purchase", calls.append)
    assert tuple(await tell()) == tuple(first), "what was delivered is not delivered again"
    assert calls == []


async def test_what_is_not_signed_by_the_provider_is_refused_and_not_kept(
    academy: Academy, services: Services, client: httpx.AsyncClient
) -> None:
    _, intent = await paid(academy)
    secret = services.settings.stripe_webhook_secret.get_secret_value()
    body, headers = signed_event("payment_intent.succeeded", intent, secret)
    forged = [
        (body.replace(b"succeeded", b"processed"), headers),
        (body, {**headers, "Stripe-Signature": "t=1,v1=00"}),
        (body, {"Content-Type": "application/json"}),
        signed_event("payment_intent.succeeded", intent, "whsec_of_somebody_else"),
        signed_event("payment_intent.succeeded", intent, secret, age_seconds=301),
        (b"", headers),
    ]
    before = await one("SELECT count(*) AS n FROM provider_events")
    for raw, header in forged:
        answer = await client.post("/api/v1/webhooks/stripe", content=raw, headers=header)
        assert (answer.status_code, answer.json()["code"]) == (400, "signature_refused")
    assert await one("SELECT count(*) AS n FROM provider_events") == before


async def test_a_signed_event_that_is_none_is_said_so(services: Services, client: httpx.AsyncClient) -> None:
    from stripe import WebhookSignature

    secret = services.settings.stripe_webhook_secret.get_secret_value()
    header = WebhookSignature.generate_signature_header("[]", secret)
    answer = await client.post("/api/v1/webhooks/stripe", content=b"[]", headers={"Stripe-Signature": header})
    assert (answer.status_code, answer.json()["code"]) == (422, "payload_not_understood")


async def test_an_event_of_no_order_of_ours_is_kept_as_unmatched(
    academy: Academy, services: Services, client: httpx.AsyncClient
) -> None:
    _, intent = await paid(academy)
    foreign = {**intent, "id": f"pi_{new_id()}", "metadata": {}}
    event_id = f"evt_{new_id()}"
    answer = await post_event(client, services, "payment_intent.succeeded", foreign, event_id=event_id)
    assert answer.status_code == 200
    await eventually("SELECT FROM provider_events WHERE event_id = $1 AND status = 'unmatched'", event_id)


async def test_money_of_no_order_of_ours_is_alarmed_once_and_stays_counted(
    academy: Academy, services: Services
) -> None:
    payment_id = await academy.captured_at_provider(new_id(), 118_000)
    sweeps = Sweeps({"stripe": services.providers["stripe"]}, academy.services.delivery, academy.stories)

    async def alarms_of_a_walk() -> list[str]:
        with written() as lines:
            await academy.in_activity(sweeps.reconcile)
        row = await one("SELECT id, status FROM provider_events WHERE payment_id = $1", payment_id)
        assert row["status"] == "unmatched"
        return [line["event"] for line in lines() if line.get("event_row") == row["id"]]

    assert await alarms_of_a_walk() == ["alarm_book_names_nothing_of_ours", "alarm_event_unmatched"]
    assert await alarms_of_a_walk() == []
    assert [n.value for n in await business_numbers() if (n.name, n.state) == ("provider_events", "unmatched")] >= [1]
    # Brought anew, as settling a payment does with early news of it, and it fits as little as before.
    await fetch("UPDATE provider_events SET status = 'received' WHERE payment_id = $1", payment_id)
    assert "alarm_event_unmatched" in await alarms_of_a_walk()
    assert await alarms_of_a_walk() == []


async def test_events_that_tell_nothing_new_are_ignored_and_cost_the_story_nothing(
    academy: Academy, services: Services, client: httpx.AsyncClient
) -> None:
    bought = await academy.buy(await academy.course())
    declined = await academy.at_provider(f"decline/{bought.payment_id}")
    for kind in ("payment_intent.created", "payment_intent.payment_failed", "customer.created"):
        event_id = f"evt_{new_id()}"
        assert (await post_event(client, services, kind, declined, event_id=event_id)).status_code == 200
        await eventually("SELECT FROM provider_events WHERE event_id = $1 AND status = 'ignored'", event_id)
    history = await bought.handle.fetch_history()
    assert not any(e.HasField("workflow_execution_signaled_event_attributes") for e in history.events)


async def test_postgresql_down_answers_503(
    services: Services, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        """A pool whose server is away."""

        async def fetch(self, *_arguments: object) -> None:
            raise ConnectionRefusedError

    monkeypatch.setattr(DB, "pool", Gone())
    answer = await post_event(client, services, "payment_intent.succeeded", _INTENT)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")


async def test_the_reconciliation_settles_what_no_webhook_told(academy: Academy, services: Services) -> None:
    bought, _ = await paid(academy)
    sweeps = Sweeps(services.providers, academy.services.delivery, academy.stories)

    await academy.in_activity(sweeps.reconcile)

    assert await bought.handle.result() == OrderStatus.ENROLLED
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while (await academy.in_activity(sweeps.reconcile)).started:
            pass  # other tests' orders are being settled; what our tables have is not started again


async def test_the_reconciliation_starts_a_late_payment_for_a_closed_order(
    academy: Academy, services: Services
) -> None:
    bought = await academy.buy(await academy.course())
    assert await bought.handle.execute_update("abandon") == OrderStatus.ABANDONED
    await academy.captured_at_provider(bought.order.order_id, 118_000)

    await academy.in_activity(Sweeps(services.providers, academy.services.delivery, academy.stories).reconcile)

    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'enrolled'", bought.order.order_id)


_INTENT = {
    "id": "pi_of_the_test",
    "object": "payment_intent",
    "amount": 100,
    "amount_received": 100,
    "currency": "inr",
    "status": "succeeded",
    "created": 1_790_000_000,
    "metadata": {},
    "client_secret": None,
}
