"""Preferences, devices, and unsubscribing by one click."""

import random
import string
from typing import Any

import httpx
import pytest
from litestar import Litestar

from bootstrap import Services
from db.sql import fetch, fetch_one
from domain.identity.signing_keys import signing_keys
from domain.messaging.telling import Category, Channel
from domain.messaging.unsubscribe import UnsubscribeTokens
from tests.integration.conftest import NewPerson, bearer, token_of
from tests.integration.messaging.phones import communication_to

PREFERENCES = "/api/v1/me/preferences"
DEVICES = "/api/v1/me/devices"
WISH: dict[str, Any] = {
    "phoneNumber": "+919812345678",
    "consents": ["whatsapp"],
    "email": True,
    "optOuts": [{"category": "marketing", "channel": "email"}],
    "quietHours": {"since": "22:00", "until": "07:30"},
    "locale": "hi",
    "timeZone": "Asia/Kolkata",
}


async def test_what_is_put_is_what_one_gets_and_what_counts(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    person = await new_person()
    headers = bearer(await token_of(app, person))
    before = (await client.get(PREFERENCES, headers=headers)).json()
    assert (before["phoneNumber"], before["consents"], before["quietHours"]) == (None, [], None)
    answer = await client.put(PREFERENCES, json=WISH, headers=headers)
    assert (answer.status_code, answer.json()) == (200, WISH)
    assert (await client.get(PREFERENCES, headers=headers)).json() == WISH
    rows = await communication_to(person, *Channel, category=Category.MARKETING)
    assert (len(rows.emails), len(rows.notices)) == (0, 1)  # WhatsApp alone


async def test_a_consent_keeps_its_moment_until_the_number_changes(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    person = await new_person()
    headers = bearer(await token_of(app, person))

    async def consent(**changes: Any) -> str | None:
        assert (await client.put(PREFERENCES, json=WISH | changes, headers=headers)).status_code == 200
        row = await fetch_one("SELECT consents ->> 'whatsapp' AS at FROM users WHERE id = $1", person.id)
        assert row is not None
        at: str | None = row["at"]
        return at

    before = "2020-01-01T00:00:00+00:00"
    assert (await consent()) is not None
    await fetch("UPDATE users SET consents = jsonb_build_object('whatsapp', $2::text) WHERE id = $1", person.id, before)
    assert await consent(locale="en") == before
    assert (await consent(phoneNumber="+919812345679") or "") > before
    assert await consent(consents=[]) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeZone": "Mars/Olympus"},
        {"timeZone": "../etc/passwd"},
        {"phoneNumber": None},
        {"phoneNumber": "98123"},
        {"quietHours": {"since": "24:00", "until": "07:00"}},
        {"optOuts": [{"category": "transactional", "channel": "email"}]},
        {"consents": ["email"]},
        {"locale": "<b>"},
    ],
)
async def test_what_makes_no_sense_is_refused(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson, wrong: dict[str, Any]
) -> None:
    headers = bearer(await token_of(app, await new_person()))
    answer = await client.put(PREFERENCES, json=WISH | wrong, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text


async def test_devices_are_registered_once_and_belong_to_who_came_last(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    one, other = await new_person(), await new_person()
    ones, others = bearer(await token_of(app, one)), bearer(await token_of(app, other))
    body = {"fcmToken": f"token-of-{one.id}"}
    first = await client.post(DEVICES, json=body, headers=ones)
    assert first.status_code == 201, first.text
    again = await client.post(DEVICES, json=body, headers=ones)
    assert again.json()["id"] == first.json()["id"]
    queued = await communication_to(one, Channel.PUSH)
    assert len(queued.notices) == 1
    assert (await client.delete(f"{DEVICES}/{first.json()['id']}", headers=others)).status_code == 404
    await client.post(DEVICES, json=body, headers=others)  # the phone changed hands
    assert (await client.get(DEVICES, headers=ones)).json()["items"] == []
    assert (await communication_to(one, Channel.PUSH)).notices == ()
    assert (await client.delete(f"{DEVICES}/{first.json()['id']}", headers=others)).status_code == 204
    assert (await client.get(DEVICES, headers=others)).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fcmToken": "a b"},
        {"subscription": {"endpoint": "http://169.254.169.254/", "keys": {"p256dh": "A" * 87, "auth": "A" * 22}}},
        {"subscription": {"endpoint": "https://intranet/", "keys": {"p256dh": "A" * 87, "auth": "A" * 22}}},
    ],
)
async def test_a_device_that_is_none_is_refused(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson, body: dict[str, Any]
) -> None:
    headers = bearer(await token_of(app, await new_person()))
    answer = await client.post(DEVICES, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text


async def test_the_longest_token_fits_its_index(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    """Of random characters: those of a real token cannot be compressed either."""
    headers = bearer(await token_of(app, await new_person()))
    token = "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=2_000))
    assert (await client.post(DEVICES, json={"fcmToken": token}, headers=headers)).status_code == 201
    assert (await client.post(DEVICES, json={"fcmToken": token * 2}, headers=headers)).status_code == 422


async def opt_outs(user_id: str) -> list[str]:
    rows = await fetch(
        "SELECT jsonb_array_elements_text(opt_outs) AS out FROM message_preferences WHERE user_id = $1", user_id
    )
    return [row["out"] for row in rows]


async def test_one_click_unsubscribes_without_a_login_and_a_look_changes_nothing(
    client: httpx.AsyncClient, services: Services, new_person: NewPerson
) -> None:
    person = await new_person()
    await fetch("UPDATE users SET email_verified_at = now() WHERE id = $1", person.id)
    tokens = UnsubscribeTokens(signing_keys(services.settings.jwt_keys.get_secret_value()).values())
    path = f"/api/v1/unsubscribe/{tokens.issue(person.id, Category.REMINDER)}"
    page = await client.get(path)
    assert page.status_code == 200
    assert '<form method="post">' in page.text
    assert await opt_outs(person.id) == []
    for _ in range(2):
        answer = await client.post(path, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200, answer.text
    assert await opt_outs(person.id) == ["reminder:email"]
    assert (await communication_to(person, Channel.EMAIL, category=Category.REMINDER)).emails == ()
    assert len((await communication_to(person, Channel.EMAIL, category=Category.MARKETING)).emails) == 1


async def test_a_forged_link_does_nothing(client: httpx.AsyncClient, services: Services, new_person: NewPerson) -> None:
    person = await new_person()
    tokens = UnsubscribeTokens(signing_keys(services.settings.jwt_keys.get_secret_value()).values())
    good = tokens.issue(person.id, Category.REMINDER)
    foreign = UnsubscribeTokens(["another secret of at least 32 bytes!"]).issue(person.id, Category.REMINDER)
    for bad in (foreign, good.replace("reminder", "marketing"), good[:-1], "x", f"{person.id}.transactional.x"):
        assert (await client.post(f"/api/v1/unsubscribe/{bad}")).status_code == 404
    assert await opt_outs(person.id) == []
