"""Webhooks with right signatures over spoiled events: 200 or 422, and what was kept can be delivered."""

import copy
import hmac
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import httpx
import pytest

from db.sql import fetch
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from tests.fuzz.good import signed_by_razorpay, signed_by_twilio, signed_by_whatsapp
from tests.fuzz.provider_objects import razorpay_objects, stripe_objects
from tests.fuzz.sending import BASE, Sender
from tests.fuzz.spoiling import NASTY, RAW_BODIES, leaves_of
from tests.fuzz.verdicts import Verdicts
from tests.fuzz.world import World

EVENTS, EVENTS_IN_FULL = 60, 1_500
"""Of each provider."""
Make = Callable[[World, random.Random], tuple[bytes, dict[str, str]]]


def spoiled(value: Any, rng: random.Random) -> Any:
    """A copy with up to three places spoiled or gone."""
    value = copy.deepcopy(value)
    for _ in range(rng.randrange(4)):
        places = list(leaves_of(value))
        if not places:
            break
        container, key = rng.choice(places)
        if isinstance(container, dict) and rng.random() < 0.2:
            container.pop(key, None)
        else:
            container[key] = copy.deepcopy(rng.choice(NASTY))
    return value


def stripe_event(world: World, rng: random.Random) -> tuple[bytes, dict[str, str]]:
    payment_id = rng.choice([world.payment_id, f"pi_{new_id()}"])
    order_id, refund_id = world.any_of("purchase_id", rng), world.any_of("refund_id", rng)
    kind, thing = rng.choice(stripe_objects(order_id, payment_id, refund_id))
    event = {"id": f"evt_{new_id()}", "object": "event", "type": kind, "created": 1, "data": {"object": thing}}
    body = _body(event, rng)
    now = int(time.time())
    secret = world.services.settings.stripe_webhook_secret.get_secret_value()
    signature = hmac.new(secret.encode(), f"{now}.".encode() + body, sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={now},v1={signature}", "Content-Type": "application/json"}


def razorpay_event(world: World, rng: random.Random) -> tuple[bytes, dict[str, str]]:
    charge_id = rng.choice([order for _, order in world.razorpay.values()])
    kind, payload = rng.choice(razorpay_objects(charge_id, f"pay_{new_id()}", world.any_of("refund_id", rng)))
    event = {"event": kind, "contains": list(payload), "payload": payload, "created_at": int(time.time())}
    body = _body(event, rng)
    return body, signed_by_razorpay(world, body)


def whatsapp_receipt(world: World, rng: random.Random) -> tuple[bytes, dict[str, str]]:
    statuses = [{"id": f"wamid.{new_id()}", "status": rng.choice(["sent", "delivered", "read", "failed"])}]
    body = _body({"object": "whatsapp", "entry": [{"changes": [{"value": {"statuses": statuses}}]}]}, rng)
    return body, signed_by_whatsapp(world, body)


def twilio_receipt(world: World, rng: random.Random) -> tuple[bytes, dict[str, str]]:
    fields = [["MessageSid", f"SM{new_id()}"], ["MessageStatus", rng.choice(["sent", "delivered", "failed"])]]
    texts = [(str(name), str(value)) for name, value in (pair for pair in spoiled_texts(fields, rng))]
    parts = signed_by_twilio(world, texts)
    return parts.body, parts.headers


def spoiled_texts(fields: list[list[str]], rng: random.Random) -> list[list[str]]:
    """Form fields of which one may be spoiled; a form holds texts only, and no halves of pairs."""
    values = [value for value in NASTY if isinstance(value, str) and not set(value) & {"\ud800"}]
    if rng.random() < 0.7:
        rng.choice(fields)[rng.randrange(2)] = rng.choice(values)
    return fields


def _body(event: Any, rng: random.Random) -> bytes:
    return json.dumps(spoiled(event, rng)).encode() if rng.random() < 0.9 else rng.choice(RAW_BODIES)


WEBHOOKS: dict[str, Make] = {
    "stripe": stripe_event,
    "razorpay": razorpay_event,
    "whatsapp": whatsapp_receipt,
    "twilio": twilio_receipt,
}


async def test_a_signed_event_is_kept_and_deliverable_or_not_understood(
    world: World, fuzz_seed: int, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    many = EVENTS_IN_FULL if request.config.getoption("--full-fuzz") else EVENTS
    rng, verdicts = random.Random(fuzz_seed), Verdicts()
    sender, codes = Sender(world, verdicts), Counter[str]()
    began = await fetch("SELECT now() AS now")
    for provider, make in WEBHOOKS.items():
        for _ in range(many):
            body, headers = make(world, rng)
            told = f"{provider} {body[:1500]!r}"
            url = f"{BASE}/api/v1/webhooks/{provider}"
            answer = await sender.answer_to(httpx.Request("POST", url, content=body, headers=headers), provider, told)
            code = "raised" if answer is None else answer.json().get("code", "kept")
            codes[f"{provider} {code}"] += 1
            if code not in ("kept", "payload_not_understood", "signature_refused"):
                verdicts.fail(f"{provider}: {code}", told)
    undelivered = await fetch(
        "SELECT id, body FROM provider_events WHERE status = 'received' AND received_at >= $1", began[0]["now"]
    )
    for row in undelivered:
        try:
            await world.services.delivery.deliver_stored(row["id"])
        except BusinessRefusalError as refusal:
            # A business "no" that may become a yes: the relay repeats it with an alarm.
            codes[f"delivery: {refusal.code}"] += 1
        except Exception as error:
            verdicts.fail(f"kept, and cannot be delivered: {type(error).__name__}", str(row["body"]))
    with capsys.disabled():
        print(f"\nfuzz: webhooks, seed {fuzz_seed}: {dict(sorted(codes.items()))}")
    assert not verdicts.failures, f"seed {fuzz_seed}:\n{verdicts.report()}"
    for provider in WEBHOOKS:
        assert codes[f"{provider} kept"], "nothing was kept: are they signed rightly?"
        assert codes[f"{provider} payload_not_understood"], "nothing was spoiled enough"
    assert await stuck_stories(world) == []


async def stuck_stories(world: World) -> list[str]:
    """Running stories whose code raises at each try: a fact that they were told broke them."""
    stuck = []
    async for story in world.services.temporal.list_workflows('ExecutionStatus = "Running"'):
        described = await world.services.temporal.get_workflow_handle(story.id).describe()
        if described.raw_description.pending_workflow_task.attempt > 2:
            stuck.append(f"{story.workflow_type} {story.id}")
    return stuck
