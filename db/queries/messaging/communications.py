"""Messages to many: what is said, and one row for each person and way, in one transaction."""

from typing import Any

import msgspec

from db.queries.audit import record_audit
from db.queries.messaging.telling import queue_messages
from db.sql import as_json, fetch, fetch_one
from db.transaction import in_transaction
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from domain.messaging.telling import Category, Channel


class NewCommunication(msgspec.Struct, frozen=True, kw_only=True):
    """`communication.send` of the brief."""

    sender_id: str
    key: str
    request_hash: str
    category: Category
    recipients: tuple[str, ...]
    """User ids."""
    channels: tuple[Channel, ...]
    title: str
    body: str
    metadata: dict[str, str]


class Communication(msgspec.Struct, frozen=True, kw_only=True):
    """What was committed: its id and its rows of every channel."""

    id: str
    message_ids: tuple[str, ...]


async def commit_communication(new: NewCommunication) -> Communication:
    """Write it, or find it by its sender's key.

    Raises `BusinessRefusalError` with `idempotency_key_reused` or `recipient_unknown`; then nothing is written.
    """

    async def work() -> Communication:
        written = await fetch(
            "INSERT INTO communications (id, user_id, key, request_hash, category, title, body, metadata)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (user_id, key) DO NOTHING RETURNING id",
            *(new_id(), new.sender_id, new.key, new.request_hash),
            *(new.category.value, new.title, new.body, as_json(new.metadata)),
        )
        if not written:
            return await _known(new)
        communication_id: str = written[0]["id"]
        recipients = sorted(set(new.recipients))
        found = await fetch("SELECT id FROM users WHERE id = ANY($1)", recipients)
        if len(found) != len(recipients):
            raise BusinessRefusalError("recipient_unknown")
        ids: list[str] = []
        for user_id in recipients:
            queued = await queue_messages(
                user_id,
                f"communication:{communication_id}:{user_id}",
                "communication",
                {"communicationId": communication_id},
                channels=new.channels,
                category=new.category,
            )
            ids += [*queued.emails, *queued.notices]
        await record_audit(
            "communication.queued", "communication", communication_id, actor_id=new.sender_id, messages=len(ids)
        )
        return Communication(id=communication_id, message_ids=tuple(ids))

    return await in_transaction(work)


async def _known(new: NewCommunication) -> Communication:
    row: Any = await fetch_one(
        "SELECT id, request_hash FROM communications WHERE user_id = $1 AND key = $2", new.sender_id, new.key
    )
    if row["request_hash"] != new.request_hash:
        raise BusinessRefusalError("idempotency_key_reused")
    rows = await fetch(
        "SELECT id FROM outgoing_messages WHERE template = 'communication' AND params ->> 'communicationId' = $1"
        " ORDER BY id",
        row["id"],
    )
    return Communication(id=row["id"], message_ids=tuple(message["id"] for message in rows))
