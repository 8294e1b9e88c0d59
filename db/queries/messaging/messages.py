"""Outgoing messages: what a queued one says, and how it ended."""

from datetime import datetime, timedelta

import msgspec

from db.sql import fetch, fetch_one
from domain.messaging.mail_facts import (
    AssignmentGradedFacts,
    CommunicationFacts,
    DisputeLostFacts,
    EnrollmentFacts,
    LinkFacts,
    MailFacts,
    PasswordChangedFacts,
    Reader,
    RefundFacts,
)
from domain.messaging.telling import Category


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """An e-mail to be written: its row, the person it goes to, and what it says."""

    id: str
    status: str
    """queued, sent or failed."""
    created_at: datetime
    email: str
    is_disabled: bool
    """Whether the person's account is closed."""
    reader: Reader
    facts: MailFacts
    user_id: str
    category: Category
    is_unwanted: bool
    """The person opted out of it after it was queued."""
    is_unverified: bool
    """It is marketing, and nobody has shown that the address is theirs (any more)."""


TOLD_ALONE = ("email-verification", "password-reset", "password-changed", "assignment-graded")
"""Templates of messages with a story of their own."""


async def read_message(message_id: str) -> MessageRow | None:
    """An e-mail by its row's id, in one statement; `None` when there is no such e-mail.

    Raises `LookupError` when its template is none of ours or something that it speaks of is missing.
    """
    row = await fetch_one(_MESSAGE, message_id)
    if row is None:
        return None
    return MessageRow(
        id=row["id"],
        status=row["status"],
        created_at=row["created_at"],
        email=row["email"],
        is_disabled=row["is_disabled"],
        reader=Reader(name=row["name"], locale=row["locale"], time_zone=row["time_zone"]),
        facts=_facts(row["template"], row["facts"]),
        user_id=row["user_id"],
        category=Category(row["category"]),
        is_unwanted=row["is_unwanted"],
        is_unverified=row["is_unverified"],
    )


async def messages_without_story(older_than: timedelta, limit: int) -> list[str]:
    """Queued messages that no story of an order or a refund tells, and whose own may never have been started."""
    rows = await fetch(
        """SELECT id FROM outgoing_messages
           WHERE status = 'queued' AND created_at < now() - $1::interval AND template = ANY($2)
           ORDER BY created_at LIMIT $3""",
        *(older_than, list(TOLD_ALONE), limit),
    )
    return [row["id"] for row in rows]


async def mark_sent(message_id: str) -> None:
    """The mail server took it."""
    await fetch("UPDATE outgoing_messages SET status = 'sent', sent_at = now() WHERE id = $1", message_id)


async def mark_failed(message_id: str, failure: str) -> None:
    """It will not be sent; `failure` is a stable word. A sent one stays sent."""
    await fetch(
        "UPDATE outgoing_messages SET status = 'failed', failure = $2 WHERE id = $1 AND status = 'queued'",
        message_id,
        failure,
    )


def _facts(template: str, facts: str | None) -> MailFacts:
    if facts is None:
        raise LookupError("a message's template is unknown, or what it speaks of is missing")
    return msgspec.json.decode(facts, type=_FACTS[template])


_FACTS: dict[str, type[MailFacts]] = {
    "enrollment-confirmation": EnrollmentFacts,
    "refund-confirmation": RefundFacts,
    "dispute-lost": DisputeLostFacts,
    "email-verification": LinkFacts,
    "password-reset": LinkFacts,
    "password-changed": PasswordChangedFacts,
    "communication": CommunicationFacts,
    "assignment-graded": AssignmentGradedFacts,
}

_ENROLLMENT = """
SELECT json_build_object(
    'order_id', o.id, 'course_title', c.title, 'course_slug', c.slug, 'since', t.since, 'until', t.until,
    'has_ended', t.ended_at IS NOT NULL, 'amount', i.total, 'tax', i.tax, 'currency', i.currency,
    'modules', (
        SELECT coalesce(json_agg(json_build_object(
            'title', d.title, 'minutes', d."estimatedDuration", 'lessons', (
                SELECT coalesce(json_agg(json_build_object('title', l.title, 'minutes',
                           coalesce(l."estimatedDuration", ceil(l."videoDuration" / 60.0)::int))
                       ORDER BY l."order", l.id), '[]')
                FROM course_lessons l WHERE l."moduleId" = d.id)) ORDER BY d."order", d.id), '[]')
        FROM course_modules d WHERE d."courseId" = c.id))
FROM orders o
JOIN courses c ON c.id = m.params ->> 'courseId'
JOIN invoices i ON i.order_id = o.id
JOIN entitlements t ON t.reason = 'purchase' AND t.source_id = o.id AND t.user_id = m.user_id AND t.course_id = c.id
WHERE o.id = m.params ->> 'orderId'
"""

_REFUND = """
SELECT json_build_object(
    'order_id', r.order_id, 'course_title', c.title, 'course_slug', c.slug, 'amount', r.amount,
    'currency', r.currency, 'reason', r.reason, 'refunded_at', r.succeeded_at, 'had_enrolled', p.applied,
    'access_ended', EXISTS (
        SELECT FROM entitlements t WHERE t.reason = 'purchase' AND t.source_id = r.order_id
        AND t.user_id = m.user_id AND t.course_id = c.id AND t.ended_at IS NOT NULL))
FROM refunds r
JOIN payments p ON p.id = r.payment_id
JOIN courses c ON c.id = m.params ->> 'courseId'
WHERE r.id = m.params ->> 'refundId'
"""

_DISPUTE_LOST = """
SELECT json_build_object('order_id', d.order_id, 'course_title', c.title, 'course_slug', c.slug, 'amount', d.amount,
                         'currency', d.currency, 'lost_at', d.closed_at)
FROM disputes d JOIN courses c ON c.id = m.params ->> 'courseId' WHERE d.id = m.params ->> 'disputeId'
"""

_LINK = """
SELECT json_build_object('link_id', l.id, 'purpose', l.purpose, 'expires_at', l.expires_at,
                         'is_spent', l.used_at IS NOT NULL OR l.email <> u.email)
FROM email_links l WHERE l.id = m.params ->> 'linkId' AND l.user_id = m.user_id
"""

_ASSIGNMENT_GRADED = """
SELECT json_build_object('course_title', c.title, 'course_slug', c.slug, 'lesson_title', l.title, 'score', g.score,
                         'has_passed', g.has_passed, 'asks_again', g.asks_again, 'feedback', g.feedback)
FROM assignment_gradings g JOIN assignment_submissions s ON s.id = g.submission_id
JOIN course_lessons l ON l.id = s.lesson_id JOIN course_enrollments e ON e.id = s.enrollment_id
JOIN courses c ON c.id = e."courseId" WHERE g.id = m.params ->> 'gradingId' AND e."userId" = m.user_id
"""

_MESSAGE = f"""
SELECT m.id, m.template, m.status, m.created_at, u.email, u.disabled_at IS NOT NULL AS is_disabled,
       u.name, u.locale, u.time_zone,
       CASE m.template WHEN 'enrollment-confirmation' THEN ({_ENROLLMENT})
                       WHEN 'refund-confirmation' THEN ({_REFUND})
                       WHEN 'dispute-lost' THEN ({_DISPUTE_LOST})
                       WHEN 'email-verification' THEN ({_LINK})
                       WHEN 'password-reset' THEN ({_LINK})
                       WHEN 'assignment-graded' THEN ({_ASSIGNMENT_GRADED})
                       WHEN 'password-changed' THEN json_build_object('changed_at', m.created_at)
                       WHEN 'communication' THEN (
                         SELECT json_build_object('title', s.title, 'body', s.body) FROM communications s
                         WHERE s.id = m.params ->> 'communicationId') END AS facts,
       m.user_id, m.category, m.category <> 'transactional' AND (
         coalesce(p.opt_outs ? (m.category || ':email'), FALSE)
         OR NOT coalesce((u.contact_channels ->> 'email')::boolean, FALSE)) AS is_unwanted,
       m.category = 'marketing' AND u.email_verified_at IS NULL AS is_unverified
FROM outgoing_messages m JOIN users u ON u.id = m.user_id LEFT JOIN message_preferences p ON p.user_id = u.id
WHERE m.id = $1 AND m.channel = 'email'
"""  # noqa: S608  # constants of this file
