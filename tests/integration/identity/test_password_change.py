"""Passwords changed by whoever is signed in; changes, resets and logins at the same time."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from db.queries.identity.accounts import open_session
from db.sql import fetch, fetch_one
from db.transaction import transaction
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from tests.integration.conftest import PASSWORD, NewPerson, bearer
from tests.integration.identity.conftest import AUTH, Mails
from tests.integration.identity.recovering import (
    NEW,
    REFUSED,
    ask_for_reset,
    can_log_in,
    reset,
)
from tests.integration.identity.test_sessions import lives, log_in, session_of


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
