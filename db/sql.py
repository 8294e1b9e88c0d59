"""Plain SQL on the current transaction's connection, or on one from the pool: for hot paths and for what a query
builder does not say well. Ordinary reads and writes use the tables' own queries."""

from typing import Any, TypeVar, cast

import msgspec

from db.engine import DB

T = TypeVar("T")


async def fetch(sql: str, *arguments: Any) -> list[Any]:
    """The rows of a statement with `$1`-style parameters, as asyncpg records."""
    current = DB.current_transaction.get()
    if current is not None:
        return cast(list[Any], await current.connection.fetch(sql, *arguments))
    if DB.pool is None:
        raise RuntimeError("connect() was not called")
    return cast(list[Any], await DB.pool.fetch(sql, *arguments))


async def fetch_one(sql: str, *arguments: Any) -> Any | None:
    """The first row, or `None`."""
    rows = await fetch(sql, *arguments)
    return rows[0] if rows else None


async def fetch_as(row_type: type[T], sql: str, *arguments: Any) -> list[T]:
    """The rows as structs whose fields are named like the columns."""
    return [msgspec.convert(dict(row), row_type) for row in await fetch(sql, *arguments)]


def as_json(value: Any) -> str:
    """A value for a `jsonb` parameter."""
    return msgspec.json.encode(value).decode()
