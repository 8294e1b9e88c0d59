"""The one way to open a transaction."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TypeVar

import asyncpg

from db.engine import DB

T = TypeVar("T")

_afterwards: ContextVar[list[Callable[[], None]]] = ContextVar("afterwards")
"""What the current transaction leaves to be done once it is committed."""

SERIALIZATION_TRIES = 5
"""How often work is done again after 40001 (serialization failure) or 40P01 (deadlock)."""


class NestedTransactionError(RuntimeError):
    """A transaction was opened inside another; Piccolo would silently join them."""


@asynccontextmanager
async def transaction() -> AsyncIterator[None]:
    """BEGIN … COMMIT on one pooled connection, which goes back to the pool whatever fails, COMMIT included.

    Piccolo leaks the connection of a failed COMMIT; here it is terminated if it is not idle. Do not `gather` or
    spawn tasks inside. Raises `NestedTransactionError`.
    """
    if DB.current_transaction.get() is not None:
        raise NestedTransactionError
    piccolo_transaction = DB.transaction(allow_nested=False)
    pool = DB.pool
    if pool is None:
        raise RuntimeError("connect() was not called")
    connection = await pool.acquire()
    try:
        piccolo_transaction.connection = connection
        piccolo_transaction.transaction = connection.transaction()
        await piccolo_transaction.transaction.start()
        token = DB.current_transaction.set(piccolo_transaction)
        afterwards = _afterwards.set([])
        try:
            yield
            await piccolo_transaction.transaction.commit()
            for act in _afterwards.get():
                act()
        except BaseException:
            await _roll_back(connection, piccolo_transaction.transaction)
            raise
        finally:
            _afterwards.reset(afterwards)
            DB.current_transaction.reset(token)
    finally:
        await pool.release(connection)


async def _roll_back(connection: asyncpg.Connection, begun: asyncpg.transaction.Transaction) -> None:
    # By asyncpg's own object: a bare ROLLBACK leaves the connection believing that it is still in a transaction,
    # which its release then reports as an error and rolls back once more.
    try:
        if not connection.is_closed() and connection.is_in_transaction():
            await begun.rollback()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        # InterfaceError: the pool has taken a dead connection back already. InternalClientError: the server has just
        # said its last word on it and not yet hung up.
        with contextlib.suppress(asyncpg.InterfaceError):
            connection.terminate()


def after_commit(act: Callable[[], None]) -> None:
    """Do something that cannot fail once the current transaction is committed; at once where there is none."""
    if DB.current_transaction.get() is None:
        act()
    else:
        _afterwards.get().append(act)


async def in_transaction(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` in a transaction of its own, again after a serialization failure or a deadlock."""
    for _ in range(SERIALIZATION_TRIES - 1):
        try:
            async with transaction():
                return await work()
        except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
            continue
    async with transaction():
        return await work()
