"""Rows of identity that mean nothing any more, deleted some at a time: no statement holds many locks for long.

The audit trail keeps what it says of them; nothing here is money, access or consent.
"""

from datetime import timedelta

from db.sql import fetch


async def delete_ended_sessions(kept_for: timedelta, limit: int) -> int:
    """Sessions that expired or were ended so long ago, with all of their refresh tokens; how many."""
    return len(
        await fetch(
            """DELETE FROM auth_sessions WHERE id IN (
                 SELECT id FROM auth_sessions
                 WHERE expires_at < now() - $1::interval OR revoked_at < now() - $1::interval
                 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id""",
            *(kept_for, limit),
        )
    )


async def delete_used_tokens(kept_for: timedelta, limit: int) -> int:
    """Used refresh tokens of sessions that still live; how many. One that comes back so late is only unknown."""
    return len(
        await fetch(
            """DELETE FROM refresh_tokens WHERE id IN (
                 SELECT id FROM refresh_tokens WHERE used_at IS NOT NULL AND issued_at < now() - $1::interval
                 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id""",
            *(kept_for, limit),
        )
    )


async def delete_old_links(kept_for: timedelta, limit: int) -> int:
    """Links that expired so long ago, unless their mail still waits and has to learn why it is not sent; how many."""
    return len(
        await fetch(
            """DELETE FROM email_links WHERE id IN (
                 SELECT id FROM email_links l WHERE expires_at < now() - $1::interval AND NOT EXISTS (
                   SELECT FROM outgoing_messages m
                   WHERE m.dedupe_key = 'link:' || l.id || ':email' AND m.status = 'queued')
                 LIMIT $2 FOR UPDATE OF l SKIP LOCKED) RETURNING id""",
            *(kept_for, limit),
        )
    )
