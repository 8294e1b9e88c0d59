"""Money asked back while the provider says no, Temporal is down, or the start is lost or overtaken."""

from dataclasses import replace
from typing import Any

import pytest

from activities.delivery import EventDelivery
from activities.sweeps import Sweeps
from api.app import create_app
from bootstrap import Services, connect_temporal
from db.sql import fetch
from domain.billing.payments import ProviderRefund
from domain.billing.refund import RefundRef
from domain.identifiers import new_id, refund_workflow_id
from gateways.temporal.stories import Stories
from tests.conftest import free_ports
from tests.integration.billing.refunds.asking import Asker, access_ended, done, enrolled, given_back
from tests.integration.billing.refunds.conftest import POLICY
from tests.integration.billing.stripe_events import post_event
from tests.integration.conftest import Person, client_of
from tests.workflow.conftest import Academy, eventually


async def test_the_providers_no_waits_for_a_person_and_is_tried_again(
    academy: Academy, services: Services, buyer: Asker
) -> None:
    bought = await enrolled(academy, buyer)
    await academy.at_provider("faults", refunds={"mode": "pending"})
    refund = (await buyer.ask(bought.order.order_id)).json()
    made = await eventually(
        "SELECT provider_refund_id AS id FROM refunds WHERE id = $1 AND status = 'submitted'", refund["id"]
    )
    await academy.clear_faults()
    failed = await academy.at_provider(f"refunds/{made['id']}/fail")
    assert (await post_event(buyer.client, services, "refund.failed", failed)).status_code == 200
    await eventually("SELECT FROM refunds WHERE id = $1 AND attention = 'refund_failed'", refund["id"])
    shown = (await buyer.get(f"purchases/{bought.order.order_id}/refunds/{refund['id']}")).json()
    assert shown["status"] == "needs_attention"
    assert (await buyer.get(f"purchases/{bought.order.order_id}")).json()["status"] == "needs_attention"
    assert not await access_ended(bought)
    again = await buyer.ask(bought.order.order_id)
    assert again.json()["code"] == "nothing_to_refund", "it is still on its way"

    story = academy.services.temporal.get_workflow_handle(refund_workflow_id(refund["id"]))
    assert await story.execute_update("retry") == "refund_failed"

    await done(academy, refund["id"])
    assert await given_back(academy, bought) == [118_000]
    assert (await buyer.get(f"purchases/{bought.order.order_id}")).json()["status"] == "refunded"


async def test_temporal_down_answers_503_and_nothing_is_half_done(
    academy: Academy, services: Services, buyer: Asker
) -> None:
    bought, key = await enrolled(academy, buyer), new_id()
    settings = services.settings.model_copy(update={"temporal_address": f"127.0.0.1:{next(free_ports())}"})
    stories = Stories(await connect_temporal(settings, services.codec, lazy=True), POLICY)
    cut_off = replace(services, stories=stories, delivery=EventDelivery(stories))
    async with client_of(create_app(cut_off)) as client:
        buyer_there = Asker(client, Person(buyer.id, "", ()), buyer.headers["Authorization"].removeprefix("Bearer "))
        answer = await buyer_there.ask(bought.order.order_id, key)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert await fetch("SELECT FROM refunds WHERE order_id = $1", bought.order.order_id) == []
    assert await fetch("SELECT FROM idempotency_keys WHERE key = $1", key) == []

    again = await buyer.ask(bought.order.order_id, key)
    assert again.status_code == 201
    await done(academy, again.json()["id"])


async def test_a_refund_whose_start_was_lost_is_started_by_the_relay(
    academy: Academy, services: Services, buyer: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = await enrolled(academy, buyer)

    async def lost(*_: Any) -> None:
        from domain.errors import OutageError

        raise OutageError("temporal")

    with monkeypatch.context() as patched:
        patched.setattr(Stories, "tell_refund", lost)
        answer = await buyer.ask(bought.order.order_id)
    assert (answer.status_code, answer.json()["status"]) == (201, "requested")
    await fetch("UPDATE refunds SET created_at = now() - interval '1 minute' WHERE id = $1", answer.json()["id"])

    await academy.in_activity(Sweeps(services.providers, academy.services.delivery, academy.stories).relay)

    await done(academy, answer.json()["id"])


async def test_a_start_that_the_relay_was_quicker_with_is_no_error(
    academy: Academy, buyer: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = await enrolled(academy, buyer)
    tell = Stories.tell_refund

    async def overtaken(stories: Stories, refund: RefundRef, news: ProviderRefund | None) -> None:
        await tell(stories, refund, news)
        await academy.services.temporal.get_workflow_handle(refund_workflow_id(refund.refund_id)).result()
        await tell(stories, refund, news)

    with monkeypatch.context() as patched:
        patched.setattr(Stories, "tell_refund", overtaken)
        answer = await buyer.ask(bought.order.order_id)

    assert (answer.status_code, answer.json()["status"]) == (201, "succeeded")
