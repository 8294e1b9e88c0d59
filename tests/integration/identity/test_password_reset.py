"""Passwords reset: over HTTP, with the mails that a worker would send."""

import asyncio
import re

import httpx
import pytest

from bootstrap import Services
from db.sql import fetch, fetch_one
from domain.identity.email_links import LinkPurpose, LinkTokens
from tests.integration.conftest import PASSWORD, NewPerson
from tests.integration.identity.conftest import AUTH, Mails
from tests.integration.identity.recovering import (
    NEW,
    REFUSED,
    ask_for_reset,
    can_log_in,
    links_of,
    reset,
    verified_at,
)
from tests.integration.identity.test_sessions import lives, log_in


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
