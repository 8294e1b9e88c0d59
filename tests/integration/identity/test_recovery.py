"""Addresses verified, passwords reset and changed: over HTTP, with the mails that a worker would send."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from temporalio.testing import ActivityEnvironment

from activities.messages import Messages
from bootstrap import Services, activities_of
from db.queries.identity.accounts import open_session
from db.sql import fetch, fetch_one
from db.transaction import transaction
from domain.errors import BusinessRefusalError, OutageError
from domain.identifiers import message_workflow_id, new_id
from domain.identity.email_links import LinkPurpose, LinkTokens
from domain.identity.signing_keys import signing_keys
from stack.embedded import EmbeddedStack
from tests.integration.conftest import PASSWORD, NewPerson, Person, bearer, client_of
from tests.integration.identity.test_sessions import lives, log_in, session_of

AUTH = "/api/v1/auth"
NEW = "quite another few words"


class Mails:
    """What a person's inbox holds, after what is queued for them was sent."""

    def __init__(self, services: Services, port: int) -> None:
        self._send = cast(Messages, _owner_of(activities_of(services), "send_message")).send
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20)

    async def of(self, email: str) -> list[Any]:
        """The mails in the order of their rows; each is sent here, as the story would."""
        rows = await fetch(
            "SELECT m.id FROM outgoing_messages m JOIN users u ON u.id = m.user_id WHERE u.email = $1 ORDER BY m.id",
            email,
        )
        for row in rows:
            await ActivityEnvironment().run(self._send, row["id"])
        by_id = {mail["messageId"].strip("<>").partition("@")[0]: mail for mail in await self._listed(email)}
        return [
            (await self._http.get(f"/api/messages/{by_id[r['id']]['id']}")).json() for r in rows if r["id"] in by_id
        ]

    async def token(self, email: str) -> str:
        """The token in the newest mail with a link."""
        texts = [mail["text"] for mail in await self.of(email)]
        return [found[1] for text in texts if (found := re.search(r"#token=(\S+)", text))][-1]

    async def close(self) -> None:
        await self._http.aclose()

    async def _listed(self, email: str) -> list[Any]:
        found: list[Any] = (await self._http.get("/api/messages", params={"to": email})).json()
        return found


def _owner_of(activities: list[Any], name: str) -> Any:
    return next(a.__self__ for a in activities if a.__temporal_activity_definition.name == name)


@pytest_asyncio.fixture(loop_scope="session")
async def mails(services: Services, servers: EmbeddedStack) -> AsyncIterator[Mails]:
    opened = Mails(services, servers.settings.inbox_port)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """From an address of each test's own, since requests for mails are counted."""
    async with client_of(app, f"2001:db8::{new_id()[-4:]}:{new_id()[-4:]}") as client:
        yield client


async def ask_for_reset(client: httpx.AsyncClient, email: str) -> httpx.Response:
    return await client.post(f"{AUTH}/password-resets", json={"email": email})


async def reset(client: httpx.AsyncClient, token: str, password: str = NEW) -> tuple[int, str]:
    answer = await client.post(f"{AUTH}/password-resets/confirm", json={"token": token, "password": password})
    return answer.status_code, answer.json()["code"] if answer.content else ""


async def verify(client: httpx.AsyncClient, token: str) -> tuple[int, str]:
    answer = await client.post(f"{AUTH}/email-verifications/confirm", json={"token": token})
    return answer.status_code, answer.json()["code"] if answer.content else ""


async def can_log_in(client: httpx.AsyncClient, person: Person, password: str) -> bool:
    answer = await client.post(f"{AUTH}/login", json={"email": person.email, "password": password})
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


async def verified_at(email: str) -> Any:
    row = await fetch_one("SELECT email_verified_at FROM users WHERE email = $1", email)
    assert row is not None
    return row["email_verified_at"]


def links_of(services: Services) -> LinkTokens:
    return LinkTokens(signing_keys(services.settings.jwt_keys.get_secret_value()).values())


REFUSED = (400, "link_refused")


async def test_registering_sends_a_link_that_verifies_the_address(http: httpx.AsyncClient, mails: Mails) -> None:
    email = f"{new_id()}@example.org"
    body = {"email": email, "password": PASSWORD, "name": "Visit evil.example now"}
    registered = await http.post(f"{AUTH}/register", json=body)
    assert (registered.status_code, registered.json()["emailVerifiedAt"]) == (201, None)
    [mail] = await mails.of(email)
    assert mail["subject"] == "Please verify your e-mail"
    assert "evil" not in str(mail), "a stranger's words do not go to whoever owns the address"
    token = await mails.token(email)
    assert await verify(http, token) == (204, "")
    at = await verified_at(email)
    assert at is not None
    assert await verify(http, token) == (204, ""), "mail scanners and double clicks"
    assert await verified_at(email) == at


async def test_another_verification_can_be_asked_for(
    http: httpx.AsyncClient, mails: Mails, new_person: NewPerson
) -> None:
    person = await new_person()
    login = bearer((await log_in(http, person))["accessToken"])
    assert (await http.post(f"{AUTH}/email-verifications", headers=login)).status_code == 202
    assert await verify(http, await mails.token(person.email)) == (204, "")
    assert (await http.get(f"{AUTH}/me", headers=login)).json()["emailVerifiedAt"] is not None
    again = await http.post(f"{AUTH}/email-verifications", headers=login)
    assert (again.status_code, again.json()["code"]) == (409, "email_verified")


async def test_a_link_proves_only_the_address_that_it_was_sent_to(
    http: httpx.AsyncClient, services: Services, mails: Mails, new_person: NewPerson
) -> None:
    person, other = await new_person(), await new_person()
    login = bearer((await log_in(http, person))["accessToken"])
    await http.post(f"{AUTH}/email-verifications", headers=login)
    token = await mails.token(person.email)
    moved = f"{new_id()}@people.example"
    await fetch("UPDATE users SET email = $2 WHERE id = $1", person.id, moved)
    assert await verify(http, token) == REFUSED
    assert await verified_at(moved) is None
    assert await verified_at(other.email) is None
    assert await reset(http, token) == REFUSED, "nor is it a reset"
    assert await verify(http, links_of(services).issue(new_id(), LinkPurpose.VERIFY_EMAIL)) == REFUSED


async def test_a_reset_sets_the_password_once_and_ends_every_session(
    http: httpx.AsyncClient, mails: Mails, new_person: NewPerson
) -> None:
    person = await new_person()
    devices = [await log_in(http, person) for _ in range(2)]
    assert (await ask_for_reset(http, person.email.upper())).status_code == 202
    token = await mails.token(person.email)
    assert await reset(http, token) == (204, "")
    assert [await lives(http, pair) for pair in devices] == [(False, False)] * 2
    assert await can_log_in(http, person, NEW)
    assert not await can_log_in(http, person, PASSWORD)
    assert await verified_at(person.email) is not None, "who reads the mail owns the address"
    assert await reset(http, token, "yet another few words") == REFUSED
    assert await can_log_in(http, person, NEW)

    subjects = [mail["subject"] for mail in await mails.of(person.email)]
    assert subjects == ["Set a new password", "Your password was changed"]
    rows = await fetch(
        "SELECT action, details::text AS d FROM audit_events WHERE subject_id = $1 ORDER BY id", person.id
    )
    assert sorted(row["action"] for row in rows) == ["session.revoked", "user.password_changed"]


async def test_of_two_resets_at_once_one_counts(http: httpx.AsyncClient, mails: Mails, new_person: NewPerson) -> None:
    person = await new_person()
    await ask_for_reset(http, person.email)
    token = await mails.token(person.email)
    passwords = [f"one of several passwords {letter * 3}" for letter in "abcd"]
    answers = await asyncio.gather(*(reset(http, token, password) for password in passwords))
    assert sorted(answers) == [(204, ""), *[REFUSED] * 3]
    winner = passwords[answers.index((204, ""))]
    assert [await can_log_in(http, person, password) for password in passwords] == [p == winner for p in passwords]


async def test_two_links_used_at_once_are_one_use(http: httpx.AsyncClient, mails: Mails, new_person: NewPerson) -> None:
    for _ in range(3):
        person = await new_person()
        for _ in range(2):
            await ask_for_reset(http, person.email)
        tokens = [re.findall(r"#token=(\S+)", mail["text"])[0] for mail in await mails.of(person.email)]
        assert len(set(tokens)) == 2
        answers = await asyncio.gather(*(reset(http, token) for token in tokens))
        assert sorted(answers) == [(204, ""), REFUSED]


async def test_a_reset_expires_after_half_an_hour(http: httpx.AsyncClient, mails: Mails, new_person: NewPerson) -> None:
    person = await new_person()
    await ask_for_reset(http, person.email)
    token = await mails.token(person.email)
    life = await fetch_one("SELECT expires_at - created_at AS life FROM email_links WHERE user_id = $1", person.id)
    assert life is not None
    assert life["life"].total_seconds() == 1800
    await fetch("UPDATE email_links SET expires_at = now() WHERE user_id = $1", person.id)
    assert await reset(http, token) == REFUSED
    assert await can_log_in(http, person, PASSWORD)


@pytest.mark.parametrize("why", ["another's link id", "another secret", "cut off", "empty", "of an id that is none"])
async def test_forged_links(
    http: httpx.AsyncClient, services: Services, mails: Mails, new_person: NewPerson, why: str
) -> None:
    person, thief = await new_person(), await new_person()
    for somebody in (person, thief):
        await ask_for_reset(http, somebody.email)
    token, own = await mails.token(person.email), await mails.token(thief.email)
    link_id = token.partition(".")[0]
    forged = {
        "another's link id": f"{link_id}.{own.partition('.')[2]}",
        "another secret": LinkTokens(["a secret that is not ours, 32 bytes"]).issue(
            link_id, LinkPurpose.RESET_PASSWORD
        ),
        "cut off": token[:-4],
        "empty": "",
        "of an id that is none": links_of(services).issue("'; --\x00", LinkPurpose.RESET_PASSWORD),
    }[why]
    status, code = await reset(http, forged)
    assert (status, code) in (REFUSED, (400, "bad_request"))
    assert await can_log_in(http, person, PASSWORD)
    assert await reset(http, token) == (204, ""), "the true link still works"


async def test_a_disabled_account_cannot_be_reset(http: httpx.AsyncClient, mails: Mails, new_person: NewPerson) -> None:
    person = await new_person()
    await ask_for_reset(http, person.email)
    token = await mails.token(person.email)
    await fetch("UPDATE users SET disabled_at = now() WHERE id = $1", person.id)
    assert await reset(http, token) == REFUSED
    await ask_for_reset(http, person.email)
    assert len(await fetch("SELECT 1 FROM outgoing_messages WHERE user_id = $1", person.id)) == 1


async def test_a_password_that_cannot_be_taken_does_not_use_the_link_up(
    http: httpx.AsyncClient, mails: Mails, new_person: NewPerson
) -> None:
    person = await new_person()
    await ask_for_reset(http, person.email)
    token = await mails.token(person.email)
    for password in ("short", person.email, "x" * 300):
        assert await reset(http, token, password) == (422, "validation_failed")
    assert await reset(http, token) == (204, "")


async def test_the_answer_does_not_tell_whether_there_is_an_account(
    app: Litestar, new_person: NewPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its structure: the same bytes, sent before the account is looked for, and the same work before that."""
    person, events = await new_person(), list[str]()

    async def look(email: str) -> None:
        events.append("looked")

    monkeypatch.setattr("api.identity.recovery.queue_reset", look)
    answers = []
    for email in (person.email, f"{new_id()}@people.example", "no address at all"):
        events.clear()
        answer = await raw_post(app, f"{AUTH}/password-resets", email, events)
        assert events == ["answered", "looked"]
        answers.append(answer)
    assert answers[0] == answers[1] == answers[2] == (202, b"null")


async def raw_post(app: Litestar, path: str, email: str, events: list[str]) -> tuple[int, bytes]:
    """One request without a client that waits for the whole of it: what is noted when the answer leaves."""
    body = f'{{"email": "{email}"}}'.encode()
    status, sent = 0, b""

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, sent
        status = message.get("status", status)
        sent += message.get("body", b"")
        if message["type"] == "http.response.body" and not message.get("more_body"):
            events.append("answered")

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        "client": (f"2001:db8::{new_id()[-4:]}", 1),
        "server": ("academy.test", 80),
        "state": {},
        "extensions": {},
    }
    await app(cast(Any, scope), receive, send)
    return status, sent


async def test_asking_too_often(app: Litestar, new_person: NewPerson) -> None:
    person, nobody = await new_person(), f"{new_id()}@people.example"
    async with client_of(app, "192.0.2.50") as client:
        for email in (person.email, nobody):
            answers = [await ask_for_reset(client, email) for _ in range(7)]
            assert [answer.status_code for answer in answers] == [202] * 5 + [429] * 2, "the same for both"
            assert 0 < int(answers[-1].headers["retry-after"]) <= 3600
    assert len(await fetch("SELECT 1 FROM outgoing_messages WHERE user_id = $1", person.id)) == 5


async def test_a_reset_opens_a_door_that_failures_have_closed(
    http: httpx.AsyncClient, mails: Mails, new_person: NewPerson
) -> None:
    person = await new_person()
    for _ in range(11):
        answer = await http.post(f"{AUTH}/login", json={"email": person.email, "password": "x" * 300})
    assert answer.status_code == 429
    await ask_for_reset(http, person.email)
    assert await reset(http, await mails.token(person.email)) == (204, "")
    assert await can_log_in(http, person, NEW)


async def test_no_table_holds_a_token(http: httpx.AsyncClient, mails: Mails, new_person: NewPerson) -> None:
    person = await new_person()
    await ask_for_reset(http, person.email)
    secret = (await mails.token(person.email)).partition(".")[2]
    for table in ("email_links", "outgoing_messages", "audit_events", "users"):
        assert await fetch(f"SELECT 1 FROM {table} t WHERE t::text LIKE '%' || $1 || '%'", secret) == []


async def test_a_mail_that_waited_for_too_long_is_not_sent(
    http: httpx.AsyncClient, mails: Mails, new_person: NewPerson
) -> None:
    person = await new_person()
    await ask_for_reset(http, person.email)
    await fetch("UPDATE email_links SET expires_at = now() WHERE user_id = $1", person.id)
    assert await mails.of(person.email) == []
    row = await fetch_one("SELECT status, failure FROM outgoing_messages WHERE user_id = $1", person.id)
    assert row is not None
    assert (row["status"], row["failure"]) == ("failed", "link_expired")


async def test_a_changed_password_keeps_this_session_and_ends_the_others(
    http: httpx.AsyncClient, mails: Mails, new_person: NewPerson
) -> None:
    person = await new_person()
    here, there = await log_in(http, person), await log_in(http, person)
    await ask_for_reset(http, person.email)
    link = await mails.token(person.email)
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    answer = await http.post(f"{AUTH}/password", json=body, headers=bearer(here["accessToken"]))
    assert answer.status_code == 204, answer.text
    assert await lives(http, there) == (False, False)
    assert await lives(http, here) == (True, True)
    assert await can_log_in(http, person, NEW)
    assert not await can_log_in(http, person, PASSWORD)
    assert await reset(http, link) == REFUSED, "a link of before does not outlive it"
    assert [mail["subject"] for mail in await mails.of(person.email)][-1] == "Your password was changed"


async def test_a_stolen_token_cannot_guess_the_password(http: httpx.AsyncClient, new_person: NewPerson) -> None:
    person = await new_person()
    token = bearer((await log_in(http, person))["accessToken"])
    tries = []
    for number in range(12):
        body = {"currentPassword": f"guess number {number}", "newPassword": NEW}
        tries.append((await http.post(f"{AUTH}/password", json=body, headers=token)).status_code)
    assert tries == [422] * 10 + [429] * 2


async def test_two_changes_at_once_are_one(http: httpx.AsyncClient, new_person: NewPerson) -> None:
    person = await new_person()
    token = bearer((await log_in(http, person))["accessToken"])
    bodies = [{"currentPassword": PASSWORD, "newPassword": f"{NEW} {letter}"} for letter in "ab"]
    answers = await asyncio.gather(*(http.post(f"{AUTH}/password", json=body, headers=token) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [204, 422]


async def test_an_account_of_another_issuer_has_no_password_to_reset(
    http: httpx.AsyncClient, new_person: NewPerson
) -> None:
    person = await new_person()
    await fetch("UPDATE users SET password_hash = NULL WHERE id = $1", person.id)
    assert (await ask_for_reset(http, person.email)).status_code == 202
    assert await fetch("SELECT 1 FROM outgoing_messages WHERE user_id = $1", person.id) == []


async def test_without_temporal_the_mail_is_left_to_the_relay(
    http: httpx.AsyncClient, services: Services, new_person: NewPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await new_person()

    async def down(_self: object, message_id: str) -> None:
        raise OutageError("temporal")

    with monkeypatch.context() as patched:
        patched.setattr("gateways.temporal.stories.Stories.tell_message", down)
        assert (await ask_for_reset(http, person.email)).status_code == 202
    [row] = await fetch("SELECT id FROM outgoing_messages WHERE user_id = $1", person.id)
    await fetch("UPDATE outgoing_messages SET created_at = now() - interval '1 hour' WHERE id = $1", row["id"])
    sweeps = _owner_of(activities_of(services), "relay_events")
    await ActivityEnvironment().run(sweeps.relay)
    handle = services.temporal.get_workflow_handle(message_workflow_id(row["id"]))
    assert (await handle.describe()).status is not None
    await ActivityEnvironment().run(sweeps.relay)


async def test_a_session_that_ended_changes_no_password(http: httpx.AsyncClient, new_person: NewPerson) -> None:
    person = await new_person()
    pair = await log_in(http, person)
    await http.delete(f"{AUTH}/sessions/{session_of(pair)}", headers=bearer(pair["accessToken"]))
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    answer = await http.post(f"{AUTH}/password", json=body, headers=bearer(pair["accessToken"]))
    assert answer.status_code == 401
    assert await can_log_in(http, person, PASSWORD)


async def until_something_waits_for(lock: str) -> None:
    """Until a statement with these words waits for another's lock."""
    async with asyncio.timeout(10):
        while not await fetch(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1", f"%{lock}%"
        ):
            await asyncio.sleep(0.01)


async def test_a_login_waits_for_a_reset_under_way_and_opens_nothing(new_person: NewPerson) -> None:
    person, end = await new_person(), datetime.now(UTC) + timedelta(days=1)
    holds, waits = asyncio.Event(), asyncio.Event()

    async def under_way() -> None:
        async with transaction():
            await fetch("UPDATE users SET password_changed_at = now() WHERE id = $1", person.id)
            holds.set()
            await waits.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(under_way())
        await holds.wait()
        login = group.create_task(refusal_of(open_session(person.id, new_id(), end)))
        await until_something_waits_for("FOR SHARE")
        waits.set()
    assert login.result() == "credentials_refused"
    assert await fetch("SELECT 1 FROM auth_sessions WHERE user_id = $1", person.id) == []


async def test_a_reset_waits_for_a_login_under_way_and_ends_it(
    http: httpx.AsyncClient, mails: Mails, new_person: NewPerson
) -> None:
    person, end = await new_person(), datetime.now(UTC) + timedelta(days=1)
    await ask_for_reset(http, person.email)
    token = await mails.token(person.email)
    holds, waits = asyncio.Event(), asyncio.Event()

    async def under_way() -> str:
        async with transaction():
            session_id = await open_session(person.id, new_id(), end)
            holds.set()
            await waits.wait()
        return session_id

    async with asyncio.TaskGroup() as group:
        opened = group.create_task(under_way())
        await holds.wait()
        done = group.create_task(reset(http, token))
        await until_something_waits_for("UPDATE users")
        waits.set()
    assert done.result() == (204, "")
    row = await fetch_one("SELECT revoked_reason FROM auth_sessions WHERE id = $1", opened.result())
    assert row is not None
    assert row["revoked_reason"] == "password_reset"


async def refusal_of(work: Awaitable[object]) -> str:
    """The code of the refusal that this ends with."""
    with pytest.raises(BusinessRefusalError) as refusal:
        await work
    return refusal.value.code
