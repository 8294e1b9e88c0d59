"""The schema as the migrations leave it: against the brief's own SQL, against Piccolo's tables, and its guards."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from db.engine import DB, connect, disconnect
from db.sql import fetch, fetch_one
from db.tables import TABLES
from stack.embedded import EmbeddedStack

BRIEF = Path(__file__).parents[4] / "shared" / "brief" / "lms-integration-strategy.md"
ONLY_NAMED = {"instructor_earnings", "course_live_sessions", "course_recommendations"}
STUBS = 'CREATE TABLE "users" ("id" TEXT PRIMARY KEY); CREATE TABLE "clinics" ("id" TEXT PRIMARY KEY);'

COLUMNS = """
SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default, character_maximum_length,
       numeric_precision, numeric_scale, datetime_precision
FROM information_schema.columns WHERE table_schema = $1
"""
CONSTRAINTS = """
SELECT t.relname AS table_name, c.conname AS name, c.contype::text AS kind, pg_get_constraintdef(c.oid) AS definition
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid WHERE t.relnamespace = $1::text::regnamespace
"""

Shape = dict[tuple[str, str], tuple[Any, ...]]


@pytest_asyncio.fixture(loop_scope="session")
async def connection(servers: EmbeddedStack) -> AsyncIterator[asyncpg.Connection]:
    """A connection whose changes never last."""
    connection = await asyncpg.connect(servers.settings.database_url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@asynccontextmanager
async def searching(connection: asyncpg.Connection, schema: str) -> AsyncIterator[None]:
    """Names without a schema mean this one."""
    await connection.execute(f"SET search_path TO {schema}")
    yield
    await connection.execute("SET search_path TO public")


async def columns_of(connection: asyncpg.Connection, schema: str) -> Shape:
    """Every column's type, nullability and default.

    `now()` and CURRENT_TIMESTAMP are one thing, and so are a default of NULL and none.
    """
    shape: Shape = {}
    for row in await connection.fetch(COLUMNS, schema):
        default = re.sub(r"^NULL::.*", "", row["column_default"] or "").replace("CURRENT_TIMESTAMP", "now()")
        shape[row["table_name"], row["column_name"]] = (*row[2:5], default, *row[6:])
    return shape


async def constraints_of(connection: asyncpg.Connection, schema: str) -> set[tuple[str, str, str]]:
    """(table, kind, definition) of keys, checks and foreign keys with their ON DELETE; NOT NULL is with the columns."""
    async with searching(connection, schema):
        rows = await connection.fetch(CONSTRAINTS, schema)
    return {(row["table_name"], row["kind"], row["definition"]) for row in rows if row["kind"] != "n"}


async def indexes_of(connection: asyncpg.Connection, schema: str) -> set[str]:
    """The definitions of the indexes that no constraint made, without the schema's name."""
    rows = await connection.fetch(
        "SELECT indexdef FROM pg_indexes i WHERE schemaname = $1 AND NOT EXISTS (SELECT FROM pg_constraint c"
        " WHERE c.conname = i.indexname AND c.connamespace = $1::text::regnamespace)",
        schema,
    )
    return {row["indexdef"].replace(f" {schema}.", " ") for row in rows}


def brief_sql() -> str:
    """The brief's SQL; its indexes quote no columns, which its tables do: the intent is to index those."""
    if not BRIEF.exists():
        pytest.skip(f"the brief is not at {BRIEF}, so there is nothing to compare with")
    (sql,) = re.findall(r"```sql\n(.*?)```", BRIEF.read_text(), re.DOTALL)

    def quote_columns(found: re.Match[str]) -> str:
        columns = ", ".join(f'"{name.strip()}"' for name in found[2].split(","))
        return f"{found[1]}({columns})"

    return re.sub(r"(CREATE INDEX \w+ ON \w+)\(([^)]*)\)", quote_columns, str(sql))


async def test_the_ten_tables_are_the_briefs(connection: asyncpg.Connection) -> None:
    sql = brief_sql()
    await connection.execute("CREATE SCHEMA brief")
    async with searching(connection, "brief"):
        await connection.execute(STUBS + sql)
    theirs = await columns_of(connection, "brief")
    tables = {table for table, _ in theirs} - {"users", "clinics"}
    assert len(tables) == 10

    ours = await columns_of(connection, "public")
    assert {k: v for k, v in ours.items() if k[0] in tables} == {k: v for k, v in theirs.items() if k[0] in tables}

    their_constraints = {c for c in await constraints_of(connection, "brief") if c[0] in tables}
    assert {c for c in await constraints_of(connection, "public") if c[0] in tables} == their_constraints
    assert {kind for _, kind, _ in their_constraints} == {"p", "u", "c", "f"}
    assert sum("ON DELETE CASCADE" in definition for _, _, definition in their_constraints) == 5

    their_indexes = await indexes_of(connection, "brief")
    assert len(their_indexes) == 10
    assert their_indexes <= await indexes_of(connection, "public")


async def test_the_three_tables_that_the_brief_only_names_exist(connection: asyncpg.Connection) -> None:
    tables = {table for table, _ in await columns_of(connection, "public")}
    assert tables >= ONLY_NAMED


async def test_piccolo_tables_are_the_real_ones(connection: asyncpg.Connection) -> None:
    await connection.execute("CREATE SCHEMA piccolo")
    async with searching(connection, "piccolo"):
        for table in TABLES:
            for statement in table.create_table().ddl:
                await connection.execute(statement)
    theirs = await columns_of(connection, "piccolo")
    ours = await columns_of(connection, "public")
    assert {k: v for k, v in ours.items() if k[0] != "migration"} == theirs

    # Piccolo's own migration table has no model.
    real = {c for c in await constraints_of(connection, "public") if c[0] != "migration"}
    assert await constraints_of(connection, "piccolo") == real


@pytest.mark.parametrize("table", ["audit_events", "ledger_postings", "ledger_entries"])
@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_books_and_audit_trail_only_grow(connection: asyncpg.Connection, table: str, change: str) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
        await connection.execute(change.format(table))


@pytest.mark.parametrize(
    ("entries", "balanced"),
    [
        ([("118.00", "INR"), ("-100.00", "INR"), ("-18.00", "INR")], True),
        ([("118.00", "INR"), ("-118.01", "INR")], False),
        ([("118.00", "INR"), ("-118.00", "USD")], False),
        ([("118.00", "INR")], False),
    ],
)
async def test_a_posting_sums_to_zero_in_each_currency(
    connection: asyncpg.Connection, entries: list[tuple[str, str]], balanced: bool
) -> None:
    await connection.execute("INSERT INTO ledger_postings (id, event_key) VALUES ('p', 'k')")
    rows = ", ".join(
        f"('e{number}', 'p', 'provider_clearing', {amount}, '{currency}')"
        for number, (amount, currency) in enumerate(entries)
    )
    insert = f"INSERT INTO ledger_entries (id, posting_id, account_id, amount, currency) VALUES {rows}"
    if balanced:
        await connection.execute(insert)
    else:
        with pytest.raises(asyncpg.CheckViolationError, match="sum to zero"):
            await connection.execute(insert)


async def test_sessions_are_in_utc_whatever_the_server_says(servers: EmbeddedStack) -> None:
    other = await asyncpg.connect(servers.settings.database_url)
    before = DB.pool
    await other.execute("ALTER ROLE CURRENT_USER SET timezone TO 'Asia/Kolkata'")
    try:
        await connect(servers.settings.database_url, 1)
        zone = await fetch_one("SHOW timezone")
        stored = await fetch("SELECT now()::timestamp = now() AT TIME ZONE 'UTC' AS is_utc")
        await disconnect()
    finally:
        DB.pool = before
        await other.execute("ALTER ROLE CURRENT_USER RESET timezone")
        await other.close()
    assert zone is not None
    assert zone["TimeZone"] == "UTC"
    assert stored[0]["is_utc"]
