"""`db.transaction` on real failures. The pool has one connection: if that leaked, nothing would work afterwards."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from db.engine import DB, connect, disconnect
from db.queries.audit import record_audit
from db.sql import fetch
from db.transaction import SERIALIZATION_TRIES, NestedTransactionError, in_transaction, transaction
from domain.identifiers import new_id
from stack.embedded import EmbeddedStack
from tests.leaks.lines import written

TABLES = """
CREATE SCHEMA tried;
CREATE TABLE tried.parents (id int PRIMARY KEY, note text);
CREATE TABLE tried.children (parent_id int REFERENCES tried.parents DEFERRABLE INITIALLY DEFERRED);
INSERT INTO tried.parents VALUES (1, 'first');
CREATE TABLE tried.fatal (id int);
CREATE FUNCTION tried.die() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER dies_at_commit AFTER INSERT ON tried.fatal DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION tried.die();
"""
SECOND = "INSERT INTO tried.parents VALUES (2, 'second')"


@pytest_asyncio.fixture(loop_scope="session")
async def beside(servers: EmbeddedStack) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the pool of one, and the tables of these tests."""
    before = DB.pool
    connection = await asyncpg.connect(servers.settings.database_url)
    await connection.execute(TABLES)
    await connect(servers.settings.database_url, 1)
    yield connection
    await disconnect()
    await connection.execute("DROP SCHEMA tried CASCADE")
    await connection.close()
    DB.pool = before


@pytest_asyncio.fixture(loop_scope="session")
async def complaints(beside: asyncpg.Connection) -> AsyncIterator[list[Any]]:
    """What the event loop was told to complain about: asyncpg reports unclean releases there."""
    heard: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: heard.append(context))
    yield heard
    loop.set_exception_handler(None)


async def test_an_audit_event_is_a_line_once_it_is_committed(beside: asyncpg.Connection) -> None:
    undone, done = new_id(), new_id()

    async def work(subject: str, *, fails: bool) -> None:
        async with transaction():
            await record_audit("order.tried", "order", subject, amountMinor=7)
            assert lines() == []
            if fails:
                raise LookupError

    with written() as lines:
        with pytest.raises(LookupError):
            await work(undone, fails=True)
        await work(done, fails=False)
    (line,) = lines()
    assert (line["event"], line["order_id"], line["amount_minor"]) == ("order.tried", done, 7)


async def notes() -> list[str]:
    """Read through the pool; fails within seconds when its connection is gone."""
    async with asyncio.timeout(5):
        return [row["note"] for row in await fetch("SELECT note FROM tried.parents ORDER BY id")]


async def commit(*statements: str) -> None:
    """One transaction of these statements."""
    async with transaction():
        for statement in statements:
            await fetch(statement)


async def test_what_is_committed_stays(beside: asyncpg.Connection, complaints: list[Any]) -> None:
    await commit(SECOND)
    assert await notes() == ["first", "second"]
    assert complaints == []


async def test_an_error_inside_rolls_back_cleanly(beside: asyncpg.Connection, complaints: list[Any]) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await commit(SECOND, "SELECT 1/0")
    assert await notes() == ["first"]
    assert complaints == []


async def test_a_commit_that_a_deferred_constraint_refuses(beside: asyncpg.Connection, complaints: list[Any]) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await commit(SECOND, "INSERT INTO tried.children VALUES (99)")
    assert await notes() == ["first"]
    assert DB.current_transaction.get() is None
    assert complaints == []


async def test_a_connection_killed_while_it_commits(beside: asyncpg.Connection, complaints: list[Any]) -> None:
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await commit(SECOND, "INSERT INTO tried.fatal VALUES (1)")
    assert await notes() == ["first"]
    assert complaints == []


async def test_a_connection_killed_before_the_commit(beside: asyncpg.Connection, complaints: list[Any]) -> None:
    async def killed() -> None:
        async with transaction():
            (row,) = await fetch("SELECT pg_backend_pid() AS pid")
            await beside.execute("SELECT pg_terminate_backend($1, 5000)", row["pid"])

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await killed()
    assert await notes() == ["first"]
    assert complaints == []


async def test_a_cancelled_statement(beside: asyncpg.Connection, complaints: list[Any]) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(commit(SECOND, "SELECT pg_sleep(30)"), 0.2)
    assert await notes() == ["first"]
    assert complaints == []


async def test_a_transaction_inside_another_is_refused(beside: asyncpg.Connection) -> None:
    async with transaction():
        with pytest.raises(NestedTransactionError):
            async with transaction():
                pass
        with pytest.raises(NestedTransactionError):
            await in_transaction(notes)
        await fetch("INSERT INTO tried.parents VALUES (2, 'the outer one goes on')")
    assert await notes() == ["first", "the outer one goes on"]


async def test_a_serialization_failure_is_tried_again(beside: asyncpg.Connection, complaints: list[Any]) -> None:
    tries = 0

    async def work() -> str:
        nonlocal tries
        tries += 1
        await fetch("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        (row,) = await fetch("SELECT note FROM tried.parents WHERE id = 1")
        if tries == 1:
            await beside.execute("UPDATE tried.parents SET note = 'changed meanwhile' WHERE id = 1")
        await fetch("UPDATE tried.parents SET note = note || '!' WHERE id = 1")
        return str(row["note"])

    assert await in_transaction(work) == "changed meanwhile"
    assert tries == 2
    assert await notes() == ["changed meanwhile!"]
    assert complaints == []


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_trying_again_has_an_end(beside: asyncpg.Connection, code: str) -> None:
    tries = 0

    async def work() -> None:
        nonlocal tries
        tries += 1
        await fetch(f"DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '{code}'; END $$")

    with pytest.raises(asyncpg.TransactionRollbackError):
        await in_transaction(work)
    assert tries == SERIALIZATION_TRIES
    assert await notes() == ["first"]
