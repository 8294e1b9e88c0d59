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


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """A person, and the addresses that the sender has of them, if any: to be compared, never to be used."""

    user_id: str
    email: str | None = None
    phone_number: str | None = None


class NewCommunication(msgspec.Struct, frozen=True, kw_only=True):
    """`communication.send` of the brief."""

    sender_id: str
    key: str
    request_hash: str
    category: Category
    recipients: tuple[Recipient, ...]
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

    Raises `BusinessRefusalError` with `idempotency_key_reused`, `recipient_unknown` or `recipient_address_differs`;
    then nothing is written.
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
        recipients = await _checked(new.recipients)
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


async def _checked(recipients: tuple[Recipient, ...]) -> list[str]:
    """The ids, each once. A number or an address that is not the account's is a sign of another person, or of a
    program whose copy is old: better nobody is told than somebody else."""
    ids = sorted({recipient.user_id for recipient in recipients})
    rows = await fetch("SELECT id, email, contact_channels FROM users WHERE id = ANY($1)", ids)
    people = {row["id"]: row for row in rows}
    if len(people) != len(ids):
        raise BusinessRefusalError("recipient_unknown")
    for recipient in recipients:
        row = people[recipient.user_id]
        numbers = msgspec.json.decode(row["contact_channels"]).values()
        is_other_email = recipient.email is not None and recipient.email.casefold() != row["email"].casefold()
        if is_other_email or (recipient.phone_number is not None and recipient.phone_number not in numbers):
            raise BusinessRefusalError("recipient_address_differs")
    return ids


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
