"""Asking for a password's reset: what the answer tells, how often, and whether a mail goes."""

from typing import Any, cast

import httpx
import pytest
from litestar import Litestar
from temporalio.testing import ActivityEnvironment

from bootstrap import Services, activities_of
from db.sql import fetch
from domain.errors import OutageError
from domain.identifiers import message_workflow_id, new_id
from tests.integration.conftest import NewPerson, client_of
from tests.integration.identity.conftest import AUTH, owner_of
from tests.integration.identity.recovering import ask_for_reset


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
    sweeps = owner_of(activities_of(services), "relay_events")
    await ActivityEnvironment().run(sweeps.relay)
    handle = services.temporal.get_workflow_handle(message_workflow_id(row["id"]))
    assert (await handle.describe()).status is not None
    await ActivityEnvironment().run(sweeps.relay)
