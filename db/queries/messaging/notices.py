"""Messages over channels that know no idempotency: read, claimed before the call, marked after it."""

from datetime import timedelta

import msgspec

from db.queries.messaging.receipts import apply_receipts, queue_for
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.messaging.notices import Device, NoticeRow
from domain.messaging.quiet_hours import QuietHours
from domain.messaging.telling import Category, Channel

_ROW = """
SELECT m.id, m.status, m.channel, m.category, m.template, u.disabled_at IS NOT NULL AS is_disabled,
       extract(epoch FROM now() - m.claimed_at)::float8 AS claim_seconds,
       u.name, u.locale, u.contact_channels, u.consents,
       coalesce(p.opt_outs ? (m.category || ':' || m.channel), FALSE) AS is_unwanted,
       d.kind, d.token, d.p256dh, d.auth, d.disabled_at IS NOT NULL AS device_is_disabled,
       CASE m.template
         WHEN 'enrollment-confirmation' THEN (
           SELECT json_build_object('course', c.title, 'course_slug', c.slug, 'has_ended', t.ended_at IS NOT NULL)
           FROM entitlements t JOIN courses c ON c.id = t.course_id
           WHERE t.reason = 'purchase' AND t.source_id = m.params ->> 'orderId' AND t.user_id = m.user_id)
         WHEN 'dispute-lost' THEN (
           SELECT json_build_object('course', c.title, 'course_slug', c.slug) FROM courses c
           WHERE c.id = m.params ->> 'courseId')
         WHEN 'assignment-graded' THEN (
           SELECT json_build_object('course_slug', c.slug, 'lesson', l.title, 'score', g.score::text,
                                    'has_passed', g.has_passed, 'asks_again', g.asks_again)
           FROM assignment_gradings g JOIN assignment_submissions s ON s.id = g.submission_id
           JOIN course_lessons l ON l.id = s.lesson_id JOIN course_enrollments e ON e.id = s.enrollment_id
           JOIN courses c ON c.id = e."courseId" WHERE g.id = m.params ->> 'gradingId' AND e."userId" = m.user_id)
         WHEN 'communication' THEN (
           SELECT json_build_object('title', s.title, 'body', s.body)
           FROM communications s WHERE s.id = m.params ->> 'communicationId')
       END AS facts
FROM outgoing_messages m JOIN users u ON u.id = m.user_id LEFT JOIN message_preferences p ON p.user_id = u.id
-- A device that another person registered meanwhile is not this message's any more.
LEFT JOIN devices d ON d.id = m.device_id AND d.user_id = m.user_id
WHERE m.id = $1
"""


async def read_notice(message_id: str) -> NoticeRow | None:
    """A row of any channel with what it says; `None` when there is none."""
    row = await fetch_one(_ROW, message_id)
    if row is None:
        return None
    device = Device(kind=row["kind"], token=row["token"], p256dh=row["p256dh"], auth=row["auth"])
    return NoticeRow(
        id=row["id"],
        status=row["status"],
        channel=Channel(row["channel"]),
        category=Category(row["category"]),
        template=row["template"],
        is_disabled=row["is_disabled"],
        is_unwanted=row["is_unwanted"],
        claim_seconds=row["claim_seconds"],
        name=row["name"],
        locale=row["locale"],
        contact_channels=msgspec.json.decode(row["contact_channels"]),
        consents=msgspec.json.decode(row["consents"]),
        device=device if row["kind"] else None,
        device_is_disabled=row["device_is_disabled"],
        facts=msgspec.json.decode(row["facts"]) if row["facts"] else None,
    )


async def read_quiet_hours(message_id: str) -> QuietHours | None:
    """The wish of the person whom a message goes to."""
    row = await fetch_one(
        "SELECT p.quiet_since, p.quiet_until, u.time_zone FROM outgoing_messages m JOIN users u ON u.id = m.user_id"
        " JOIN message_preferences p ON p.user_id = u.id"
        " WHERE m.id = $1 AND p.quiet_since IS NOT NULL AND p.quiet_until IS NOT NULL",
        message_id,
    )
    if row is None:
        return None
    return QuietHours(since=row["quiet_since"], until=row["quiet_until"], time_zone=row["time_zone"])


async def claim(message_id: str) -> bool:
    """Take a queued row for one call; committed before the call. `False` when somebody else has it."""
    rows = await fetch(
        "UPDATE outgoing_messages SET status = 'claimed', claimed_at = now() WHERE id = $1 AND status = 'queued'"
        " RETURNING id",
        message_id,
    )
    return bool(rows)


async def give_back(message_id: str) -> None:
    """The provider was not reached: nothing was accepted, so it may be tried again."""
    await fetch("UPDATE outgoing_messages SET status = 'queued' WHERE id = $1 AND status = 'claimed'", message_id)


async def mark_accepted(message_id: str, provider: str, provider_message_id: str) -> None:
    """The provider took it; receipts that were quicker than this are applied."""

    async def work() -> None:
        await queue_for(provider, provider_message_id)
        await fetch(
            "UPDATE outgoing_messages SET status = 'sent', sent_at = now(), failure = NULL, provider_message_id = $2"
            " WHERE id = $1 AND status IN ('claimed', 'unknown')",
            *(message_id, f"{provider}:{provider_message_id}"),
        )
        await apply_receipts(provider, provider_message_id)

    await in_transaction(work)


async def mark_unknown(message_id: str, failure: str) -> bool:
    """It may have been sent or not, and is left so; whether it was claimed until now."""
    rows = await fetch(
        "UPDATE outgoing_messages SET status = 'unknown', failure = $2 WHERE id = $1 AND status = 'claimed'"
        " RETURNING id",
        *(message_id, failure),
    )
    return bool(rows)


async def mark_refused(message_id: str, failure: str) -> None:
    """It will not be sent; `failure` is a stable word."""
    await fetch(
        "UPDATE outgoing_messages SET status = 'failed', failure = $2"
        " WHERE id = $1 AND status IN ('queued', 'claimed')",
        *(message_id, failure),
    )


async def disable_address(message_id: str) -> None:
    """The provider says that the address is gone: the device is, or the channel's consent with its number."""
    await fetch(
        "UPDATE devices SET disabled_at = now() WHERE disabled_at IS NULL"
        " AND id = (SELECT device_id FROM outgoing_messages WHERE id = $1)",
        message_id,
    )
    await fetch(
        "UPDATE users u SET consents = u.consents - m.channel, contact_channels = u.contact_channels - m.channel"
        " FROM outgoing_messages m WHERE m.id = $1 AND u.id = m.user_id AND m.channel IN ('sms', 'whatsapp')",
        message_id,
    )


async def notices_without_story(older_than: timedelta, limit: int) -> list[str]:
    """Rows whose story may never have been started, each offered once an hour; a claim that is left lying, too."""
    rows = await fetch(
        """UPDATE outgoing_messages SET relayed_at = now() WHERE id IN (
             SELECT id FROM outgoing_messages
             WHERE status IN ('queued', 'claimed') AND (channel <> 'email' OR template = 'communication')
             AND created_at < now() - $1::interval
             AND (relayed_at IS NULL OR relayed_at < now() - interval '1 hour')
             ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id""",
        *(older_than, limit),
    )
    return [row["id"] for row in rows]
