"""Migrations go forward from empty, and from the states after the first and the last but one, with rows in them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from db.migrations import __file__ as migrations
from stack.embedded import EmbeddedStack
from stack.process import PROJECT

IDS = sorted(
    line.split('"')[1]
    for path in Path(migrations).parent.glob("academy_*.py")
    for line in path.read_text().splitlines()
    if line.startswith("ID = ")
)

ONE_STEP = """
import asyncio, sys
from piccolo.apps.migrations.commands.forwards import run_forwards
from db.engine import connect, disconnect

async def main():
    await connect(sys.argv[1], pool_size=1)
    result = await run_forwards(app_name="academy", migration_id=sys.argv[2])
    await disconnect()
    sys.exit(not result.success)

asyncio.run(main())
"""

ROWS = """
INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents)
VALUES ('u', 'u@people.example', '', 'Test Person', '{Student}', 'en', 'Asia/Kolkata', '{}', '{}');
INSERT INTO courses (id, slug, title, category, level) VALUES ('c', 'c', 'C', 'yoga', 'beginner');
INSERT INTO orders (id, user_id, course_id, status, provider, currency, amount, billing, closed_at)
VALUES ('o', 'u', 'c', 'partially_refunded', 'stripe', 'INR', 1180, '{}', now());
INSERT INTO payments (id, order_id, provider, provider_payment_id, amount_minor, amount, currency, applied, captured_at)
VALUES ('p', 'o', 'stripe', 'pi_1', 118000, 1180, 'INR', TRUE, now());
INSERT INTO refunds (id, payment_id, order_id, provider, provider_refund_id, amount_minor, amount, currency, reason,
                     status)
VALUES ('r', 'p', 'o', 'stripe', 're_1', 100, 1, 'INR', 'at_provider', 'succeeded');
INSERT INTO ledger_postings (id, event_key, order_id) VALUES ('l', 'refund:r', 'o');
INSERT INTO ledger_entries (id, posting_id, account_id, amount, currency)
VALUES ('l1', 'l', 'platform_revenue', 1, 'INR'), ('l2', 'l', 'provider_clearing', -1, 'INR');
"""
"""What an academy of the first release may have: a person, a sale, a refund, their books."""

SCHEMA = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema IN ('public', 'health') ORDER BY 1, 2
"""


@pytest_asyncio.fixture(loop_scope="session")
async def empty_database(servers: EmbeddedStack) -> AsyncIterator[str]:
    """The address of a database of this test's own."""
    parts = urlsplit(servers.settings.database_url)
    server = await asyncpg.connect(servers.settings.database_url)
    await server.execute("CREATE DATABASE migrated")
    yield urlunsplit(parts._replace(path="/migrated"))
    await server.execute("DROP DATABASE migrated WITH (FORCE)")
    await server.close()


async def run(database_url: str, *arguments: str) -> None:
    """A job in a process of its own: the pool of this one belongs to other tests."""
    environment = {**os.environ, "APP_ENV": "test", "DATABASE_URL": database_url}
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=environment, cwd=PROJECT)
    assert await process.wait() == 0


async def schema_of(database_url: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(database_url)
    try:
        return [tuple(row) for row in await connection.fetch(SCHEMA)]
    finally:
        await connection.close()


@pytest.mark.parametrize("state_before", [IDS[0], IDS[-2]], ids=["the first", "the last but one"])
async def test_migrations_go_forward_from_an_earlier_state(
    servers: EmbeddedStack, empty_database: str, state_before: str
) -> None:
    await run(empty_database, "-c", ONE_STEP, empty_database, state_before)
    connection = await asyncpg.connect(empty_database)
    await connection.execute(ROWS)
    before = await schema_of(empty_database)

    await run(empty_database, "-m", "db.migrate")

    after = await schema_of(empty_database)
    assert after == await schema_of(servers.settings.database_url), "the same as from empty"
    assert before != after
    refund = await connection.fetchrow("SELECT * FROM refunds")
    assert (refund["id"], refund["status"], refund["end_access"], refund["requested_by"]) == (
        *("r", "succeeded", False, None),
    )
    assert await connection.fetchval("SELECT sum(amount) FROM ledger_entries") == 0
    await run(empty_database, "-m", "db.migrate")
    assert await schema_of(empty_database) == after, "a second time changes nothing"
    await connection.close()
