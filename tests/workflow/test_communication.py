"""`communication.send`: each recipient once over each channel that they allow, over HTTP to the inbox."""

from typing import Any

import httpx
from litestar import Litestar

from db.queries.messaging.preferences import opt_out
from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.roles import Role
from domain.messaging.telling import Category, Channel
from tests.integration.conftest import Person, bearer, token_of
from tests.integration.messaging.phones import Phones, quiet_for_seconds, with_phone
from tests.workflow.conftest import Academy, eventually, one

PATH = "/api/v1/communications"


def body_to(*people: Person, **changes: Any) -> dict[str, Any]:
    return {
        "category": "reminder",
        "recipients": [{"userId": person.id} for person in people],
        "channels": ["email", "sms"],
        "title": "Continue learning",
        "body": "The next lesson <waits>.\nSee you there.",
        "metadata": {"courseId": new_id()},
        **changes,
    }


async def headers_of(app: Litestar, academy: Academy) -> dict[str, str]:
    return bearer(await token_of(app, await academy.new_person(Role.SUPER_ADMIN))) | {"Idempotency-Key": new_id()}


async def rows_of(person: Person) -> list[tuple[str, str]]:
    rows = await fetch("SELECT channel, status FROM outgoing_messages WHERE user_id = $1 ORDER BY channel", person.id)
    return [(row["channel"], row["status"]) for row in rows]


async def test_each_recipient_gets_it_once_over_what_they_allow(
    app: Litestar, client: httpx.AsyncClient, academy: Academy
) -> None:
    reader, caller, nobody = [await academy.new_person() for _ in range(3)]
    number = await with_phone(caller, Channel.SMS)
    await opt_out(nobody.id, Category.REMINDER, Channel.EMAIL)
    headers = await headers_of(app, academy)
    answers = [await client.post(PATH, json=body_to(reader, caller, nobody), headers=headers)]
    assert answers[0].status_code == 202, answers[0].text
    assert answers[0].json()["messages"] == 3
    answers.append(await client.post(PATH, json=body_to(reader), headers=headers))
    assert (answers[1].status_code, answers[1].json()["code"]) == (422, "idempotency_key_reused")
    for person, count in ((reader, 1), (caller, 2)):
        await eventually(
            "SELECT FROM outgoing_messages WHERE user_id = $1 HAVING count(*) = $2 AND bool_and(status = 'sent')",
            *(person.id, count),
        )
    assert await rows_of(nobody) == []
    settings = academy.services.settings
    phones = Phones(settings.inbox_port)
    assert len(await phones.taken(number)) == 1
    await phones.close()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.inbox_port}") as inbox:
        [mail] = (await inbox.get("/api/messages", params={"to": reader.email})).json()
        whole = (await inbox.get(f"/api/messages/{mail['id']}")).json()
    sent = dict(whole["headers"])
    assert whole["subject"] == "Continue learning"
    assert "The next lesson &lt;waits&gt;." in whole["html"]
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = sent["List-Unsubscribe"].strip("<>")
    assert link.startswith(settings.public_base_url)
    assert (await client.post(link.removeprefix(settings.public_base_url))).status_code == 200


async def test_the_same_request_again_answers_the_same(
    app: Litestar, client: httpx.AsyncClient, academy: Academy
) -> None:
    person = await academy.new_person()
    headers, body = await headers_of(app, academy), body_to(person)
    first, again = [(await client.post(PATH, json=body, headers=headers)).json() for _ in range(2)]
    assert first == again
    assert len(await rows_of(person)) == 1


async def test_an_unknown_recipient_stops_all(app: Litestar, client: httpx.AsyncClient, academy: Academy) -> None:
    person, ghost = await academy.new_person(), Person(new_id(), "", ())
    headers = await headers_of(app, academy)
    answer = await client.post(PATH, json=body_to(person, ghost), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "recipient_unknown")
    assert await rows_of(person) == []
    assert (await client.post(PATH, json=body_to(person), headers=headers)).status_code == 202  # the key is free


async def test_a_mail_that_can_wait_waits_and_an_opt_out_meanwhile_counts(
    app: Litestar, client: httpx.AsyncClient, academy: Academy
) -> None:
    person = await academy.new_person()
    await quiet_for_seconds(person, 4)
    answer = await client.post(PATH, json=body_to(person), headers=await headers_of(app, academy))
    assert answer.status_code == 202
    assert await rows_of(person) == [("email", "queued")]
    await opt_out(person.id, Category.REMINDER, Channel.EMAIL)
    await eventually("SELECT FROM outgoing_messages WHERE user_id = $1 AND status = 'failed'", person.id)
    row = await one("SELECT failure FROM outgoing_messages WHERE user_id = $1", person.id)
    assert row["failure"] == "opted_out"


async def test_marketing_goes_to_verified_addresses_only_also_when_it_waited(
    app: Litestar, client: httpx.AsyncClient, academy: Academy
) -> None:
    known, stranger, changed = [await academy.new_person() for _ in range(3)]
    verify = "UPDATE users SET email_verified_at = CASE WHEN $2 THEN now() END WHERE id = $1"
    for person in (known, changed):
        await fetch(verify, person.id, True)
    await fetch(verify, stranger.id, False)
    await quiet_for_seconds(changed, 4)
    body = body_to(known, stranger, changed, category="marketing", channels=["email"])
    answer = await client.post(PATH, json=body, headers=await headers_of(app, academy))
    assert (answer.status_code, answer.json()["messages"]) == (202, 2), answer.text
    assert await rows_of(stranger) == []
    await fetch(verify, changed.id, False)
    await eventually("SELECT FROM outgoing_messages WHERE user_id = $1 AND status = 'sent'", known.id)
    row = await eventually("SELECT failure FROM outgoing_messages WHERE user_id = $1 AND status = 'failed'", changed.id)
    assert row["failure"] == "address_unverified"
    body = body_to(stranger, category="transactional", channels=["email"])
    assert (await client.post(PATH, json=body, headers=await headers_of(app, academy))).json()["messages"] == 1


async def test_an_address_that_is_not_the_accounts_stops_all(
    app: Litestar, client: httpx.AsyncClient, academy: Academy
) -> None:
    person, other = [await academy.new_person() for _ in range(2)]
    number = await with_phone(person, Channel.SMS)
    headers = await headers_of(app, academy)
    own = {"userId": person.id, "email": person.email.upper(), "phoneNumber": number}
    for wrong in ({**own, "email": other.email}, {**own, "phoneNumber": "+919999999998"}):
        answer = await client.post(PATH, json=body_to(other, recipients=[own, wrong]), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "recipient_address_differs")
        assert other.email not in answer.text
    for raw in ({"email": person.email}, {**own, "phoneNumber": "12345"}, {**own, "email": "a b@example.com"}):
        answer = await client.post(PATH, json=body_to(other, recipients=[raw]), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert await rows_of(person) == []
    answer = await client.post(PATH, json=body_to(other, recipients=[own]), headers=headers)
    assert (answer.status_code, answer.json()["messages"]) == (202, 2)
