"""The step to accounts with sessions that can be told apart, from a database that is in use."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest_asyncio

from db.migrations.script import SQL
from stack.embedded import EmbeddedStack

BEFORE = """
INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents)
VALUES ('u', 'u@people.example', 'hash', 'U', '{Student}', 'en', 'Asia/Kolkata', '{}', '{}');
INSERT INTO auth_sessions (id, user_id, created_at, expires_at) VALUES
  ('used', 'u', '2026-11-01T10:00:00Z', '2027-01-01T10:00:00Z'),
  ('never refreshed', 'u', '2026-11-02T10:00:00Z', '2027-01-01T10:00:00Z');
INSERT INTO refresh_tokens (id, session_id, token_hash, issued_at) VALUES
  ('1', 'used', 'a', '2026-11-01T10:00:00Z'), ('2', 'used', 'b', '2026-11-03T10:00:00Z');
"""


def sql_of(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.glob("*.sql")))


@pytest_asyncio.fixture(loop_scope="session")
async def empty(servers: EmbeddedStack) -> AsyncIterator[asyncpg.Connection]:
    """A database without any table."""
    admin = await asyncpg.connect(servers.settings.database_url)
    await admin.execute("CREATE DATABASE before_sign_in")
    connection = await asyncpg.connect(servers.settings.database_url, database="before_sign_in")
    yield connection
    await connection.close()
    await admin.execute("DROP DATABASE before_sign_in")
    await admin.close()


async def test_sessions_and_users_of_before_go_on(empty: asyncpg.Connection) -> None:
    await empty.execute(sql_of(SQL / "0001"))
    await empty.execute(BEFORE)
    await empty.execute(sql_of(SQL / "0006"))
    used = await empty.fetch("SELECT id, last_used_at::date::text AS day, device FROM auth_sessions ORDER BY id")
    assert [tuple(row) for row in used] == [("never refreshed", "2026-11-02", None), ("used", "2026-11-03", None)]
    user = await empty.fetchrow("SELECT password_hash, password_changed_at, email_verified_at FROM users")
    assert tuple(user) == ("hash", None, None)
