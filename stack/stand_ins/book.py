"""A provider's durable book in SQLite: objects, stored answers, webhook deliveries, refunds to settle later.

Writes of one turn of the event loop share one commit; nothing is answered before `committed()`. WAL with
`synchronous=NORMAL` survives a killed process (not a power cut).
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

Json = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
    root TEXT NOT NULL, order_id TEXT, idempotency_key TEXT, body BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_root ON objects (root, kind);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL,
    request_id TEXT NOT NULL, stored_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY, event_id TEXT NOT NULL, event_type TEXT NOT NULL, sort TEXT NOT NULL,
    state TEXT NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    statuses TEXT NOT NULL DEFAULT '[]', body BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_pending ON deliveries (due) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event_id);
CREATE TABLE IF NOT EXISTS later_refunds (refund TEXT PRIMARY KEY, due REAL NOT NULL) STRICT;
"""

KEY_LIFETIME_SECONDS = 24 * 60 * 60
"""How long Stripe remembers an idempotency key (https://docs.stripe.com/api/idempotent_requests)."""


class StoredAnswer(msgspec.Struct, frozen=True):
    """What was answered to the first request under a key."""

    fingerprint: str
    status: int
    body: bytes
    request_id: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook to send, or already sent. `sort` is `genuine` or a way of forging (webhooks.py)."""

    seq: int
    event_id: str
    event_type: str
    sort: str
    state: str
    due: float
    attempts: int
    statuses: list[str]
    body: bytes


class Book:
    """All that this provider knows. Used from one event loop only."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sql = sqlite3.connect(path, isolation_level=None)
        self._sql.execute("PRAGMA journal_mode=WAL")
        self._sql.execute("PRAGMA synchronous=NORMAL")
        self._sql.execute("PRAGMA wal_autocheckpoint=4000")
        if any(row[1] == "payment_intent" for row in self._sql.execute("PRAGMA table_info(objects)")):
            # A developer's book from before there were two providers.
            self._sql.execute("ALTER TABLE objects RENAME COLUMN payment_intent TO root")
        self._sql.executescript(SCHEMA)
        self._commit: asyncio.Future[None] | None = None
        self._after_commit: list[Callable[[], None]] = []

    def close(self) -> None:
        """Commit what is open and close the file."""
        if self._commit is not None:
            self._commit_now()
        self._sql.close()

    @contextmanager
    def operation(self) -> Iterator[None]:
        """One all-or-nothing change; it is durable once `committed()` returns."""
        if self._commit is None:
            loop = asyncio.get_running_loop()
            self._sql.execute("BEGIN IMMEDIATE")
            self._commit = loop.create_future()
            loop.call_soon(self._commit_now)
        planned = len(self._after_commit)
        self._sql.execute("SAVEPOINT operation")
        try:
            yield
        except BaseException:
            self._sql.execute("ROLLBACK TO operation")
            del self._after_commit[planned:]
            raise
        finally:
            self._sql.execute("RELEASE operation")

    async def committed(self) -> None:
        """Wait until everything written so far is durable."""
        if self._commit is not None:
            await asyncio.shield(self._commit)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run `action` once the running operation is durable; never when it is undone."""
        self._after_commit.append(action)

    def _commit_now(self) -> None:
        commit = self._commit
        if commit is None:
            return
        self._commit = None
        actions, self._after_commit = self._after_commit, []
        try:
            self._sql.execute("COMMIT")
        except sqlite3.Error as error:  # a full disk: whoever waits answers 500, and nothing happened
            self._sql.rollback()
            commit.set_exception(error)
            return
        commit.set_result(None)
        for action in actions:
            action()

    def insert(
        self, kind: str, thing: Json, *, root: str, order_id: str | None = None, created: int, key: str | None = None
    ) -> None:
        """Write a new object, with the idempotency key that made it.

        `root` is the object that a purchase begins with, itself or the one that this belongs to; `order_id` is the
        shop's own order.
        """
        self._sql.execute(
            "INSERT INTO objects (id, kind, created, root, order_id, idempotency_key, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                thing["id"],
                kind,
                created,
                root,
                order_id,
                key,
                msgspec.json.encode(thing),
            ),
        )

    def update(self, thing: Json) -> None:
        """Overwrite an object that exists."""
        self._sql.execute("UPDATE objects SET body = ? WHERE id = ?", (msgspec.json.encode(thing), thing["id"]))

    def get(self, kind: str, wanted: str) -> Json | None:
        """The object, or `None`."""
        row = self._sql.execute("SELECT body FROM objects WHERE id = ? AND kind = ?", (wanted, kind)).fetchone()
        return None if row is None else _json(row[0])

    def position(self, kind: str, wanted: str) -> int | None:
        """Where the object stands in the order of creation."""
        row = self._sql.execute("SELECT seq FROM objects WHERE id = ? AND kind = ?", (wanted, kind)).fetchone()
        return None if row is None else int(row[0])

    def page(self, kind: str, conditions: list[tuple[str, object]], limit: int, *, forward: bool) -> list[Json]:
        """Up to `limit` objects under SQL conditions of ours, newest first (`forward`: those nearest above)."""
        where = " AND ".join(["kind = ?", *(text for text, _ in conditions)])
        rows = self._sql.execute(
            f"SELECT body FROM objects WHERE {where} ORDER BY seq {'ASC' if forward else 'DESC'} LIMIT ?",  # noqa: S608
            (kind, *(value for _, value in conditions), limit),
        ).fetchall()
        found = [_json(row[0]) for row in rows]
        return found[::-1] if forward else found

    def everything(self, kind: str, order_id: str | None = None) -> list[Json]:
        """Every object oldest first, each with its `idempotency_key`; of one of the shop's orders when it is named."""
        of_order = " AND root IN (SELECT root FROM objects WHERE order_id = ?)" if order_id is not None else ""
        rows = self._sql.execute(
            f"SELECT body, idempotency_key FROM objects WHERE kind = ?{of_order} ORDER BY seq",  # noqa: S608
            (kind,) if order_id is None else (kind, order_id),
        )
        return [{**_json(body), "idempotency_key": key} for body, key in rows]

    def answer(self, key: str) -> StoredAnswer | None:
        """What this key was answered, unless that was more than 24 hours ago."""
        row = self._sql.execute(
            "SELECT fingerprint, status, body, request_id FROM answers WHERE key = ? AND stored_at > ?",
            (key, time.time() - KEY_LIFETIME_SECONDS),
        ).fetchone()
        return None if row is None else StoredAnswer(*row)

    def store_answer(self, key: str, answer: StoredAnswer) -> None:
        """Remember the first answer under a key."""
        self._sql.execute(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
            (key, answer.fingerprint, answer.status, answer.body, answer.request_id, time.time()),
        )

    def prune_answers(self, older_than_seconds: float) -> int:
        """Forget keys; how many."""
        return self._sql.execute(
            "DELETE FROM answers WHERE stored_at <= ?", (time.time() - older_than_seconds,)
        ).rowcount

    def add_delivery(
        self, event_id: str, event_type: str, body: bytes, *, sort: str, state: str, due: float
    ) -> Delivery:
        """Put a webhook in the queue (or, with the state `dropped`, only on record)."""
        seq = self._sql.execute(
            "INSERT INTO deliveries (event_id, event_type, sort, state, due, body) VALUES (?, ?, ?, ?, ?, ?)",
            (event_id, event_type, sort, state, due, body),
        ).lastrowid
        return Delivery(
            seq=seq or 0,
            event_id=event_id,
            event_type=event_type,
            sort=sort,
            state=state,
            due=due,
            attempts=0,
            statuses=[],
            body=body,
        )

    def record_attempt(self, delivery: Delivery) -> None:
        """Write how the last attempt of a delivery went."""
        self._sql.execute(
            "UPDATE deliveries SET state = ?, due = ?, attempts = ?, statuses = ? WHERE seq = ?",
            (
                delivery.state,
                delivery.due,
                delivery.attempts,
                msgspec.json.encode(delivery.statuses).decode(),
                delivery.seq,
            ),
        )

    def deliveries(self, *, event_id: str | None = None, pending_only: bool = False) -> list[Delivery]:
        """Webhooks in the order they were planned."""
        rows = self._sql.execute(
            "SELECT seq, event_id, event_type, sort, state, due, attempts, statuses, body FROM deliveries"
            " WHERE (?1 IS NULL OR event_id = ?1) AND (?2 = 0 OR state = 'pending') ORDER BY seq",
            (event_id, int(pending_only)),
        )
        return [
            Delivery(
                seq=row[0],
                event_id=row[1],
                event_type=row[2],
                sort=row[3],
                state=row[4],
                due=row[5],
                attempts=row[6],
                statuses=msgspec.json.decode(row[7], type=list[str]),
                body=row[8],
            )
            for row in rows
        ]

    def fail_later(self, refund: str, due: float) -> None:
        """Note that a refund will fail at `due` (seconds of the epoch)."""
        self._sql.execute("INSERT OR REPLACE INTO later_refunds VALUES (?, ?)", (refund, due))

    def forget_later(self, refund: str) -> None:
        """The refund has moved on."""
        self._sql.execute("DELETE FROM later_refunds WHERE refund = ?", (refund,))

    def later_refunds(self) -> list[tuple[str, float]]:
        """Refunds that will fail, with their times."""
        return self._sql.execute("SELECT refund, due FROM later_refunds").fetchall()


def _json(body: bytes) -> Json:
    return msgspec.json.decode(body, type=dict)
