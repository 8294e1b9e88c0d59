"""What identity forgets, and what it must not."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

import activities.cleanup
from activities.cleanup import Cleanup
from bootstrap import Services
from db.queries.identity.email_links import queue_verification
from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.retention import KEPT_FOR
from tests.integration.conftest import NewPerson, Person

LONG_AGO = KEPT_FOR + timedelta(hours=1)
NOT_YET = KEPT_FOR - timedelta(hours=1)


async def session(person: Person, *, expired: timedelta = -timedelta(days=1), ended: timedelta | None = None) -> str:
    """A session that expired so long ago (negative: will expire), and may have been ended; with a used token."""
    session_id = new_id()
    await fetch(
        "INSERT INTO auth_sessions (id, user_id, expires_at, revoked_at)"
        " VALUES ($1, $2, now() - $3::interval, now() - $4::interval)",
        *(session_id, person.id, expired, ended),
    )
    await token(session_id, timedelta(0))
    return session_id


async def token(session_id: str, used: timedelta | None) -> str:
    token_id = new_id()
    await fetch(
        "INSERT INTO refresh_tokens (id, session_id, token_hash, issued_at, used_at)"
        " VALUES ($1, $2, $1, now() - coalesce($3::interval, interval '1 year'), now() - $3::interval)",
        *(token_id, session_id, used),
    )
    return token_id


async def link(person: Person, expired: timedelta, *, mail: str) -> str:
    """A link that expired so long ago, and how its mail stands."""
    message_id = await queue_verification(person.id)
    [row] = await fetch("SELECT params ->> 'linkId' AS id FROM outgoing_messages WHERE id = $1", message_id)
    await fetch("UPDATE email_links SET expires_at = now() - $2::interval WHERE id = $1", row["id"], expired)
    await fetch("UPDATE outgoing_messages SET status = $2 WHERE id = $1", message_id, mail)
    return str(row["id"])


async def left(table: str, ids: list[str]) -> list[bool]:
    rows = await fetch(f"SELECT id FROM {table} WHERE id = ANY($1)", ids)
    found = {row["id"] for row in rows}
    return [each in found for each in ids]


async def clean() -> Any:
    return await ActivityEnvironment().run(Cleanup().identity)


async def test_what_ended_long_ago_is_gone_and_nothing_else(services: Services, new_person: NewPerson) -> None:
    person = await new_person()
    sessions = [
        await session(person),
        await session(person, expired=NOT_YET),
        await session(person, ended=NOT_YET),
        await session(person, expired=LONG_AGO),
        await session(person, ended=LONG_AGO),
    ]
    tokens = [
        await token(sessions[0], None),  # unused: it prolongs the session
        await token(sessions[0], NOT_YET),
        await token(sessions[0], LONG_AGO),
        await token(sessions[3], None),
    ]
    links = [
        await link(person, NOT_YET, mail="sent"),
        await link(person, LONG_AGO, mail="queued"),
        await link(person, LONG_AGO, mail="sent"),
    ]
    await fetch(
        "INSERT INTO audit_events (id, action, subject_type, subject_id, details)"
        " VALUES ($1, 'session.revoked', 'session', $2, '{}')",
        *(new_id(), sessions[4]),
    )

    report = await clean()

    assert await left("auth_sessions", sessions) == [True, True, True, False, False]
    assert await left("refresh_tokens", tokens) == [True, True, False, False]
    assert await left("email_links", links) == [True, True, False]
    assert report.seen >= 4
    assert len(await fetch("SELECT FROM audit_events WHERE subject_id = $1", sessions[4])) == 1
    assert (await clean()).seen == 0
    await fetch("UPDATE outgoing_messages SET status = 'failed' WHERE user_id = $1", person.id)


async def test_more_than_a_batch_goes_in_one_run(
    services: Services, new_person: NewPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.cleanup, "BATCH", 2)
    person = await new_person()
    sessions = [await session(person, expired=LONG_AGO) for _ in range(5)]
    await clean()
    assert await left("auth_sessions", sessions) == [False] * 5
