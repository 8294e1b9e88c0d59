"""A purchase tells over three channels; what cannot go at once has a story of its own; quiet hours are a timer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus

from db.queries.messaging.notices import mark_accepted
from db.queries.messaging.receipts import keep_receipts
from db.sql import fetch
from domain.identifiers import new_id, notice_workflow_id
from domain.messaging.receipts import Delivery, Receipt
from domain.messaging.telling import Channel
from tests.integration.conftest import Person
from tests.integration.messaging.phones import (
    Phones,
    communication_to,
    message,
    quiet_for_seconds,
    with_device,
    with_phone,
)
from tests.workflow.conftest import Academy, eventually, one


@pytest_asyncio.fixture(loop_scope="session")
async def phones(academy: Academy) -> AsyncIterator[Phones]:
    opened = Phones(academy.services.settings.inbox_port)
    yield opened
    await opened.close()


async def enrolled(academy: Academy, *, asleep: bool = False) -> tuple[Person, str, str, list[Any]]:
    """Somebody with a phone who took a free course; their number, their device's token, and the purchase's history."""
    person = await academy.new_person()
    number = await with_phone(person, Channel.WHATSAPP)
    _, token = await with_device(person, "fcm")
    if asleep:
        await quiet_for_seconds(person, 3600)
    bought = await academy.buy(await academy.course(price=None, isFree=True, title="Doṣa Basics"), person.id)
    await bought.handle.result()
    return person, number, token, list((await bought.handle.fetch_history()).events)


def notices_started(events: list[Any]) -> int:
    """Stories of single messages."""
    return sum(event.HasField("start_child_workflow_execution_initiated_event_attributes") for event in events)


async def status_of(person: Person, channel: Channel) -> str:
    row = await one("SELECT status FROM outgoing_messages WHERE user_id = $1 AND channel = $2", person.id, channel)
    return str(row["status"])


async def test_an_enrollment_is_told_by_mail_whatsapp_and_push(academy: Academy, phones: Phones) -> None:
    person, number, token, events = await enrolled(academy)
    row = await one("SELECT array_agg(status) AS statuses FROM outgoing_messages WHERE user_id = $1", person.id)
    assert row["statuses"] == ["sent"] * 3, "all of them before the purchase's end"
    assert notices_started(events) == 0
    [by_whatsapp] = await phones.taken(number)
    assert by_whatsapp["title"] == "enrollment_confirmation (en)"
    assert "Doṣa Basics" in by_whatsapp["text"]
    [by_push] = await phones.taken(token)
    assert by_push["title"] == "Welcome to Doṣa Basics"


async def test_a_dead_channel_holds_up_neither_the_purchase_nor_the_others(academy: Academy, phones: Phones) -> None:
    await phones.fault("whatsapp", "busy", times=100)
    person, number, token, events = await enrolled(academy)  # the purchase has ended
    assert (await status_of(person, Channel.EMAIL), await status_of(person, Channel.PUSH)) == ("sent", "sent")
    assert len(await phones.taken(token)) == 1
    assert await phones.taken(number) == []
    assert await status_of(person, Channel.WHATSAPP) in ("queued", "claimed")
    assert notices_started(events) == 1
    await phones.mend()
    await eventually(
        "SELECT FROM outgoing_messages WHERE user_id = $1 AND channel = 'whatsapp' AND status = 'sent'", person.id
    )
    assert len(await phones.taken(number)) == 1


async def test_a_buyer_who_sleeps_is_told_by_mail_only(academy: Academy, phones: Phones) -> None:
    person, number, token, events = await enrolled(academy, asleep=True)
    assert await status_of(person, Channel.EMAIL) == "sent"
    assert [await status_of(person, channel) for channel in (Channel.WHATSAPP, Channel.PUSH)] == ["queued"] * 2
    assert await phones.taken(number) + await phones.taken(token) == []
    assert notices_started(events) == 2


async def test_an_sms_waits_for_the_end_of_the_quiet_hours(academy: Academy, phones: Phones) -> None:
    person = await academy.new_person()
    number = await with_phone(person, Channel.SMS)
    await quiet_for_seconds(person, 5)
    row = await one("SELECT quiet_until FROM message_preferences WHERE user_id = $1", person.id)
    [message_id] = (await communication_to(person, Channel.SMS)).notices
    await academy.stories.tell_notice(message_id)
    handle = academy.services.temporal.get_workflow_handle(notice_workflow_id(message_id))
    await handle.result()
    [taken] = await phones.taken(number)
    assert datetime.fromisoformat(taken["receivedAt"]).astimezone(UTC).time() >= row["quiet_until"]
    timers = [e for e in (await handle.fetch_history()).events if e.HasField("timer_fired_event_attributes")]
    assert len(timers) == 1


async def test_transactional_mail_does_not_wait_for_the_morning(academy: Academy) -> None:
    person = await academy.new_person()
    await quiet_for_seconds(person, 3600)
    bought = await academy.buy(await academy.course(price=None, isFree=True), person.id)
    await bought.handle.result()
    assert await status_of(person, Channel.EMAIL) == "sent"


async def test_started_again_and_again_it_is_sent_once(academy: Academy, phones: Phones) -> None:
    person = await academy.new_person()
    number = await with_phone(person, Channel.SMS)
    [message_id] = (await communication_to(person, Channel.SMS)).notices
    handle = academy.services.temporal.get_workflow_handle(notice_workflow_id(message_id))
    for _ in range(3):
        await academy.stories.tell_notice(message_id)
    await handle.result()
    await academy.stories.tell_notice(message_id)
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert len(await phones.taken(number)) == 1
    text = (await handle.fetch_history()).to_json()
    assert number not in text
    assert person.id not in text


async def test_receipts_only_go_forward_and_wait_for_their_message(academy: Academy) -> None:
    person = await academy.new_person()
    await with_phone(person, Channel.SMS)
    [message_id] = (await communication_to(person, Channel.SMS)).notices
    await fetch("UPDATE outgoing_messages SET status = 'claimed' WHERE id = $1", message_id)
    sid = new_id()

    async def told(delivery: Delivery) -> str | None:
        await keep_receipts([Receipt(provider="twilio", provider_message_id=sid, delivery=delivery)])
        delivered: str | None = (await message(message_id))["delivery"]
        return delivered

    assert await told(Delivery.DELIVERED) is None  # quicker than the provider's own answer
    await mark_accepted(message_id, "twilio", sid)
    assert (await message(message_id))["delivery"] == "delivered"
    assert await told(Delivery.SENT) == "delivered"
    assert await told(Delivery.READ) == "read"
    assert await told(Delivery.UNDELIVERED) == "read"
    assert await told(Delivery.READ) == "read"
    kept = await one("SELECT count(*) AS n FROM message_receipts WHERE provider_message_id = $1", sid)
    assert kept["n"] == 4
