"""A person's own sessions over HTTP: seen, ended one by one and all at once, and what ends with them."""

import asyncio
from typing import Any

import httpx
import jwt
import pytest
from litestar import Litestar

from db.queries.identity.accounts import open_session
from db.sql import fetch, fetch_one
from domain.identifiers import new_id
from tests.integration.conftest import PASSWORD, NewPerson, Person, bearer, client_of

AUTH = "/api/v1/auth"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"


async def log_in(client: httpx.AsyncClient, person: Person, user_agent: str = "curl/8.5.0") -> Any:
    body = {"email": person.email, "password": PASSWORD}
    answer = await client.post(f"{AUTH}/login", json=body, headers={"User-Agent": user_agent})
    assert answer.status_code == 200, answer.text
    return answer.json()


def session_of(pair: Any) -> str:
    return str(jwt.decode(pair["accessToken"], options={"verify_signature": False})["sid"])


async def listed(client: httpx.AsyncClient, pair: Any) -> list[Any]:
    answer = await client.get(f"{AUTH}/sessions", headers=bearer(pair["accessToken"]))
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["items"]
    return found


async def lives(client: httpx.AsyncClient, pair: Any) -> tuple[bool, bool]:
    """Whether the access token is taken, and whether the refresh token is (which uses it up)."""
    me = await client.get(f"{AUTH}/me", headers=bearer(pair["accessToken"]))
    refreshed = await client.post(f"{AUTH}/refresh", json={"refreshToken": pair["refreshToken"]})
    assert {me.status_code, refreshed.status_code} <= {200, 401}
    return me.status_code == 200, refreshed.status_code == 200


async def test_one_sees_where_one_is_logged_in(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    person, other = await new_person(), await new_person()
    first, second = await log_in(client, person, FIREFOX), await log_in(client, person)
    await log_in(client, other)
    ended = await log_in(client, person)
    await client.post(f"{AUTH}/logout", headers=bearer(ended["accessToken"]))
    expired = await log_in(client, person)
    await fetch("UPDATE auth_sessions SET expires_at = now() WHERE id = $1", session_of(expired))

    items = await listed(client, first)
    assert [(item["id"], item["device"], item["isCurrent"]) for item in items] == [
        (session_of(second), "curl", False),
        (session_of(first), "Firefox on Windows", True),
    ]
    assert set(items[0]) == {"id", "createdAt", "lastUsedAt", "expiresAt", "device", "isCurrent"}
    stored = await fetch_one("SELECT s::text AS row FROM auth_sessions s WHERE id = $1", session_of(first))
    assert stored is not None
    assert "Mozilla" not in stored["row"]


async def test_a_refresh_is_a_use(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    person = await new_person()
    first, _ = await log_in(client, person), await log_in(client, person)
    assert [item["isCurrent"] for item in await listed(client, first)] == [False, True]
    await fetch("UPDATE auth_sessions SET last_used_at = now() - interval '1 hour' WHERE user_id = $1", person.id)
    refreshed = await client.post(f"{AUTH}/refresh", json={"refreshToken": first["refreshToken"]})
    items = await listed(client, refreshed.json())
    assert [item["isCurrent"] for item in items] == [True, False]
    assert items[0]["lastUsedAt"] > items[0]["createdAt"]


async def test_an_ended_session_ends_at_once_with_both_its_tokens(
    client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    person = await new_person()
    here, there, third = [await log_in(client, person) for _ in range(3)]
    url = f"{AUTH}/sessions/{session_of(there)}"
    assert (await client.delete(url, headers=bearer(here["accessToken"]))).status_code == 204
    assert await lives(client, there) == (False, False)
    assert (await client.delete(url, headers=bearer(here["accessToken"]))).status_code == 204, "again changes nothing"
    assert await lives(client, here) == (True, True)
    assert await lives(client, third) == (True, True)

    trail = await fetch("SELECT action, details::text AS why FROM audit_events WHERE actor_id = $1", person.id)
    assert [row["action"] for row in trail] == ["session.revoked"]
    assert session_of(there) in trail[0]["why"]
    assert "ended_by_owner" in trail[0]["why"]


async def test_one_may_end_the_session_that_asks(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    pair = await log_in(client, await new_person())
    url = f"{AUTH}/sessions/{session_of(pair)}"
    assert (await client.delete(url, headers=bearer(pair["accessToken"]))).status_code == 204
    assert await lives(client, pair) == (False, False)


@pytest.mark.parametrize("which", ["of somebody else", "unknown", "with a quote", "with a NUL"])
async def test_what_is_not_ones_own_is_not_found(client: httpx.AsyncClient, new_person: NewPerson, which: str) -> None:
    mine, theirs = await log_in(client, await new_person()), await log_in(client, await new_person())
    session_id = {
        "of somebody else": session_of(theirs),
        "unknown": new_id(),
        "with a quote": "x'--",
        "with a NUL": "x%00",
    }[which]
    answer = await client.delete(f"{AUTH}/sessions/{session_id}", headers=bearer(mine["accessToken"]))
    assert answer.status_code == (400 if which == "with a NUL" else 404)
    assert await lives(client, theirs) == (True, True)


async def test_logging_out_everywhere_else(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    person, stranger = await new_person(), await new_person()
    here, *others = [await log_in(client, person) for _ in range(4)]
    foreign = await log_in(client, stranger)
    assert (await client.delete(f"{AUTH}/sessions", headers=bearer(here["accessToken"]))).status_code == 204
    assert [await lives(client, pair) for pair in others] == [(False, False)] * 3
    assert await lives(client, here) == (True, True)
    assert await lives(client, foreign) == (True, True)
    trail = await fetch("SELECT 1 FROM audit_events WHERE actor_id = $1 AND action = 'session.revoked'", person.id)
    assert len(trail) == 1, "one line for all, and none when there is nothing to end"


async def test_a_login_with_the_password_of_before_opens_no_session(
    app: Litestar, new_person: NewPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is changed after a login has found it right and before it opens its session."""
    person = await new_person()
    checked, may_go_on = asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any, **more: Any) -> str:
        checked.set()
        await may_go_on.wait()
        return await open_session(*arguments, **more)

    monkeypatch.setattr("api.identity.sessions.open_session", slow)
    async with client_of(app, "192.0.2.30") as client:
        body = {"email": person.email, "password": PASSWORD}
        login = asyncio.create_task(client.post(f"{AUTH}/login", json=body))
        await checked.wait()
        await fetch("UPDATE users SET password_changed_at = now() WHERE id = $1", person.id)
        may_go_on.set()
        answer = await login
    assert (answer.status_code, answer.json()["code"]) == (401, "credentials_refused")
    assert await fetch("SELECT 1 FROM auth_sessions WHERE user_id = $1", person.id) == []
