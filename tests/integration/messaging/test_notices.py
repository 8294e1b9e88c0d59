"""SMS, WhatsApp and push over the real wire: once, or unknown, and never a second time by itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.testing import ActivityEnvironment

from activities.notices import Notices
from bootstrap import Services
from db.queries.messaging.notices import claim, notices_without_story
from db.sql import fetch
from domain.errors import OutageError
from domain.identifiers import new_id
from domain.messaging.telling import Channel
from stack.embedded import EmbeddedStack
from tests.integration.conftest import NewPerson, Person
from tests.integration.messaging.phones import (
    Phones,
    communication_to,
    message,
    quiet_for_seconds,
    with_device,
    with_phone,
)

CHANNELS = ["twilio", "whatsapp", "fcm", "webpush"]


@pytest_asyncio.fixture(loop_scope="session")
async def phones(servers: EmbeddedStack) -> AsyncIterator[Phones]:
    opened = Phones(servers.settings.inbox_port)
    yield opened
    await opened.close()


@pytest.fixture
def notices(services: Services) -> Notices:
    return Notices(services.channels, public_base_url="https://academy.example")


async def send(notices: Notices, message_id: str) -> None:
    await ActivityEnvironment().run(notices.send, message_id)


async def queued(provider: str, person: Person, phones: Phones) -> tuple[str, str]:
    """A message of somebody over a provider's channel, and the address that it goes to."""
    if provider in ("twilio", "whatsapp"):
        channel = Channel.SMS if provider == "twilio" else Channel.WHATSAPP
        address = await with_phone(person, channel)
    else:
        channel = Channel.PUSH
        _, address = await with_device(person, provider, await phones.subscription() if provider == "webpush" else None)
    rows = await communication_to(person, channel)
    return rows.notices[0], address


@pytest.mark.parametrize("provider", CHANNELS)
async def test_it_arrives_once_with_its_words(
    provider: str, notices: Notices, phones: Phones, new_person: NewPerson
) -> None:
    message_id, address = await queued(provider, await new_person(), phones)
    for _ in range(3):
        await send(notices, message_id)
    [taken] = await phones.taken(address)
    assert "Continue learning" in taken["title"] + taken["text"] or provider == "twilio"
    assert "The next lesson waits." in taken["text"]
    row = await message(message_id)
    assert (row["status"], row["provider_message_id"]) == ("sent", f"{provider}:{taken['id']}")


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WHATSAPP])
async def test_the_longest_that_may_be_told_is_shortened_and_arrives(
    channel: Channel, notices: Notices, phones: Phones, new_person: NewPerson
) -> None:
    person = await new_person()
    number = await with_phone(person, channel)
    rows = await communication_to(person, channel, title="T" * 120, body="ब" * 4000)
    await send(notices, rows.notices[0])
    [taken] = await phones.taken(number)
    assert taken["text"].endswith("ब" * 399 + "…")


@pytest.mark.parametrize("provider", CHANNELS)
@pytest.mark.parametrize("fault", ["error_before", "error_after", "hang_after"])
async def test_an_unknown_outcome_stays_unknown_and_is_never_sent_again(
    provider: str, fault: str, notices: Notices, phones: Phones, new_person: NewPerson
) -> None:
    message_id, address = await queued(provider, await new_person(), phones)
    await phones.fault(provider, fault)
    for _ in range(3):
        await send(notices, message_id)
    row = await message(message_id)
    assert (row["status"], row["failure"]) == ("unknown", "no_answer")
    assert len(await phones.taken(address)) == (0 if fault == "error_before" else 1)


@pytest.mark.parametrize("provider", CHANNELS)
@pytest.mark.parametrize("fault", ["busy", "account"])
async def test_who_took_nothing_is_asked_again(
    provider: str, fault: str, notices: Notices, phones: Phones, new_person: NewPerson
) -> None:
    """An account that is refused is ours to mend: no address suffers for it."""
    message_id, address = await queued(provider, await new_person(), phones)
    await phones.fault(provider, fault)
    with pytest.raises(OutageError):
        await send(notices, message_id)
    assert (await message(message_id))["status"] == "queued"
    await send(notices, message_id)
    assert len(await phones.taken(address)) == 1


@pytest.mark.parametrize(
    ("provider", "fault"), [*((provider, "gone") for provider in CHANNELS), ("fcm", "foreign"), ("webpush", "foreign")]
)
async def test_an_address_that_is_gone_or_not_ours_gets_nothing_more(
    provider: str, fault: str, notices: Notices, phones: Phones, new_person: NewPerson
) -> None:
    person = await new_person()
    message_id, _ = await queued(provider, person, phones)
    await phones.fault(provider, fault)
    await send(notices, message_id)
    row = await message(message_id)
    assert (row["status"], row["failure"]) == ("failed", "address_gone")
    assert (await communication_to(person, *Channel)).notices == ()


@pytest.mark.parametrize("provider", CHANNELS)
async def test_a_message_that_is_refused_leaves_its_address_alone(
    provider: str, notices: Notices, phones: Phones, new_person: NewPerson
) -> None:
    person = await new_person()
    message_id, _ = await queued(provider, person, phones)
    await phones.fault(provider, "refuse")
    await send(notices, message_id)
    row = await message(message_id)
    assert (row["status"], row["failure"]) == ("failed", "message_refused")
    assert len((await communication_to(person, *Channel)).notices) == 1


async def test_a_claim_whose_worker_died_becomes_unknown(
    notices: Notices, phones: Phones, new_person: NewPerson
) -> None:
    message_id, address = await queued("twilio", await new_person(), phones)
    assert await claim(message_id)
    with pytest.raises(OutageError):
        await send(notices, message_id)  # the claimer may be calling at this moment
    await fetch("UPDATE outgoing_messages SET claimed_at = now() - interval '31 s' WHERE id = $1", message_id)
    await send(notices, message_id)
    assert (await message(message_id))["status"] == "unknown"
    assert await phones.taken(address) == []


async def test_now_means_what_can_go_and_the_rest_is_named(
    notices: Notices, phones: Phones, new_person: NewPerson
) -> None:
    by_sms, number = await queued("twilio", await new_person(), phones)
    by_push, token = await queued("fcm", await new_person(), phones)
    busy, busy_number = await queued("whatsapp", await new_person(), phones)
    sleeper = await new_person()
    asleep, sleeping_number = await queued("twilio", sleeper, phones)
    await quiet_for_seconds(sleeper, 3600)
    await phones.fault("whatsapp", "busy")
    ids = (by_sms, by_push, busy, asleep, new_id())
    assert await ActivityEnvironment().run(notices.send_now, ids) == (busy, asleep)
    assert [len(await phones.taken(to)) for to in (number, token, busy_number, sleeping_number)] == [1, 1, 0, 0]
    assert await ActivityEnvironment().run(notices.send_now, ids) == (asleep,)
    assert [len(await phones.taken(to)) for to in (number, token, busy_number, sleeping_number)] == [1, 1, 1, 0]


async def test_now_leaves_a_claim_to_a_story_of_its_own(
    notices: Notices, phones: Phones, new_person: NewPerson
) -> None:
    """A worker killed after its claim: the step's next try must not send again, and not end the message either."""
    message_id, number = await queued("twilio", await new_person(), phones)
    assert await claim(message_id)
    assert await ActivityEnvironment().run(notices.send_now, (message_id,)) == (message_id,)
    assert ((await message(message_id))["status"], await phones.taken(number)) == ("claimed", [])


async def test_two_workers_at_once_send_once(notices: Notices, phones: Phones, new_person: NewPerson) -> None:
    for _ in range(5):
        message_id, address = await queued("twilio", await new_person(), phones)
        await asyncio.gather(*(send(notices, message_id) for _ in range(4)), return_exceptions=True)
        assert len(await phones.taken(address)) == 1
        assert (await message(message_id))["status"] == "sent"


async def test_a_consent_taken_back_after_queueing_counts(
    notices: Notices, phones: Phones, new_person: NewPerson
) -> None:
    person = await new_person()
    message_id, address = await queued("whatsapp", person, phones)
    await fetch("UPDATE users SET consents = '{}' WHERE id = $1", person.id)
    await send(notices, message_id)
    assert (await message(message_id))["failure"] == "consent_withdrawn"
    assert await phones.taken(address) == []


async def test_a_channel_that_is_not_set_up_says_so(phones: Phones, new_person: NewPerson) -> None:
    message_id, _ = await queued("twilio", await new_person(), phones)
    await send(Notices({}, public_base_url="https://academy.example"), message_id)
    assert (await message(message_id))["failure"] == "channel_off"


async def test_the_relay_offers_a_lost_start_once_an_hour(phones: Phones, new_person: NewPerson) -> None:
    message_id, _ = await queued("twilio", await new_person(), phones)
    assert message_id not in await notices_without_story(timedelta(hours=1), 500)
    await fetch("UPDATE outgoing_messages SET created_at = now() - interval '2 hours' WHERE id = $1", message_id)
    assert message_id in await notices_without_story(timedelta(hours=1), 500)
    assert message_id not in await notices_without_story(timedelta(hours=1), 500)
