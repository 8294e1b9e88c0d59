"""Queueing messages: one row for each way to a person, in the transaction that causes them."""

from typing import Any

import msgspec

from db.sql import as_json, fetch, fetch_one
from domain.identifiers import new_id
from domain.messaging.telling import Category, Channel, Reachable, ways_to

_REACHABLE = """
SELECT u.contact_channels, u.consents, u.email_verified_at IS NOT NULL AS email_is_verified,
       coalesce(p.opt_outs, '[]') AS opt_outs,
       ARRAY(SELECT d.id FROM devices d WHERE d.user_id = u.id AND d.disabled_at IS NULL ORDER BY d.id) AS device_ids
FROM users u LEFT JOIN message_preferences p ON p.user_id = u.id WHERE u.id = $1
"""


class Queued(msgspec.Struct, frozen=True):
    """Rows that were written."""

    emails: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    """Rows of other channels: each is told by a story of its own."""


async def queue_messages(
    user_id: str,
    about: str,
    template: str,
    params: dict[str, Any],
    *,
    channels: tuple[Channel, ...],
    category: Category = Category.TRANSACTIONAL,
) -> Queued:
    """Queue a message over every way that the person allows, each at most once for what it is `about`."""
    row = await fetch_one(_REACHABLE, user_id)
    if row is None:
        return Queued()
    person = Reachable(
        contact_channels=msgspec.json.decode(row["contact_channels"]),
        consents=msgspec.json.decode(row["consents"]),
        email_is_verified=row["email_is_verified"],
        opt_outs=tuple(msgspec.json.decode(row["opt_outs"])),
        device_ids=tuple(row["device_ids"]),
    )
    ways = ways_to(person, category, channels)
    if not ways:
        return Queued()
    rows = await fetch(
        """
        INSERT INTO outgoing_messages (id, dedupe_key, user_id, channel, device_id, template, params, category, status)
        SELECT way.id, way.dedupe_key, $1, way.channel, way.device_id, $2, $3, $4, 'queued'
        FROM unnest($5::text[], $6::text[], $7::text[], $8::text[]) AS way (id, dedupe_key, channel, device_id)
        ON CONFLICT (dedupe_key) DO NOTHING RETURNING id, channel
        """,
        *(user_id, template, as_json(params), category.value),
        *([new_id() for _ in ways], [way.dedupe_key(about) for way in ways]),
        *([way.channel.value for way in ways], [way.device_id for way in ways]),
    )
    return _sorted(rows)


async def queued_about(about: str) -> Queued:
    """What was queued about something before."""
    rows = await fetch(
        "SELECT id, channel FROM outgoing_messages WHERE starts_with(dedupe_key, $1) ORDER BY id", f"{about}:"
    )
    return _sorted(rows)


def _sorted(rows: list[Any]) -> Queued:
    emails = tuple(row["id"] for row in rows if row["channel"] == Channel.EMAIL)
    return Queued(emails, tuple(row["id"] for row in rows if row["channel"] != Channel.EMAIL))
