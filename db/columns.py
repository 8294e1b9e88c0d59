"""Shorthands for the columns we use most. Piccolo's own defaults bite ('' and 0), so each says null and default."""

from typing import Any

from piccolo.columns import JSONB, Boolean, ForeignKey, Integer, Numeric, Text, Timestamp, Timestamptz
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.columns.defaults.timestamp import TimestampNow
from piccolo.columns.defaults.timestamptz import TimestamptzNow


def primary_key() -> Text:
    """`id TEXT PRIMARY KEY`, a UUIDv7 that the writer supplies."""
    return Text(primary_key=True, null=False, default=None)


def text(name: str | None = None, **more: Any) -> Text:
    """`TEXT NOT NULL` without a default."""
    return Text(null=False, default=None, db_column_name=name, **more)


def optional_text(name: str | None = None, default: str | None = None, **more: Any) -> Text:
    """`TEXT`, nullable."""
    return Text(null=True, default=default, db_column_name=name, **more)


def integer(name: str | None = None) -> Integer:
    """`INTEGER NOT NULL` without a default."""
    return Integer(null=False, default=None, db_column_name=name)


def optional_integer(name: str | None = None, default: int | None = None) -> Integer:
    """`INTEGER`, nullable."""
    return Integer(null=True, default=default, db_column_name=name)


def optional_boolean(name: str | None = None, default: bool | None = None) -> Boolean:
    """`BOOLEAN`, nullable."""
    return Boolean(null=True, default=default, db_column_name=name)


def boolean(*, default: bool) -> Boolean:
    """`BOOLEAN NOT NULL` with a default."""
    return Boolean(null=False, default=default)


def money(name: str | None = None) -> Numeric:
    """`NUMERIC(14,2) NOT NULL`: an amount in the row's currency."""
    return Numeric(digits=(14, 2), null=False, default=None, db_column_name=name)


def brief_price(name: str) -> Numeric:
    """`DECIMAL(10,2)`, nullable, as in the brief."""
    return Numeric(digits=(10, 2), null=True, default=None, db_column_name=name)


def optional_json(name: str | None = None) -> JSONB:
    """`JSONB`, nullable."""
    return JSONB(null=True, default=None, db_column_name=name)


def json(name: str | None = None) -> JSONB:
    """`JSONB NOT NULL` without a default."""
    return JSONB(null=False, default=None, db_column_name=name)


def brief_time(name: str) -> Timestamp:
    """`TIMESTAMP`, nullable, UTC without a zone, as in the brief."""
    return Timestamp(null=True, default=None, db_column_name=name)


def brief_now(name: str) -> Timestamp:
    """`TIMESTAMP DEFAULT NOW()`, nullable, as in the brief; sessions are in UTC."""
    return Timestamp(null=True, default=TimestampNow(), db_column_name=name)


def moment(name: str | None = None, **more: Any) -> Timestamptz:
    """`TIMESTAMPTZ NOT NULL` without a default."""
    return Timestamptz(null=False, default=None, db_column_name=name, **more)


def optional_moment(name: str | None = None) -> Timestamptz:
    """`TIMESTAMPTZ`, nullable."""
    return Timestamptz(null=True, default=None, db_column_name=name)


def created_now() -> Timestamptz:
    """`TIMESTAMPTZ NOT NULL DEFAULT now()`."""
    return Timestamptz(null=False, default=TimestamptzNow())


def reference(table: Any, name: str | None = None, *, null: bool = False, cascade: bool = False) -> ForeignKey[Any]:
    """A foreign key; without `cascade` a referenced row cannot be deleted."""
    return ForeignKey(
        table,
        null=null,
        default=None,
        db_column_name=name,
        on_delete=OnDelete.cascade if cascade else OnDelete.no_action,
        on_update=OnUpdate.no_action,
    )
