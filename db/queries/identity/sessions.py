"""A person's own sessions: seen, and ended by them. Each end is one statement with its line in the audit trail."""

from datetime import datetime

import msgspec

from db.sql import fetch, fetch_as
from domain.identifiers import new_id


class LivingSession(msgspec.Struct, frozen=True):
    """A session that can still be used."""

    id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    device: str | None


async def living_sessions(user_id: str) -> list[LivingSession]:
    """The person's sessions, the one used last before the others."""
    return await fetch_as(
        LivingSession,
        """SELECT id, created_at, last_used_at, expires_at, device FROM auth_sessions
           WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()
           ORDER BY last_used_at DESC, id DESC""",
        user_id,
    )


async def end_session(user_id: str, session_id: str) -> bool:
    """End one of the person's sessions; whether it is theirs. One that has ended stays as it is."""
    known = await fetch("SELECT 1 FROM auth_sessions WHERE id = $1 AND user_id = $2", session_id, user_id)
    if known:
        await fetch(_END.format(which="s.id = $2"), user_id, session_id, "ended_by_owner", new_id())
    return bool(known)


async def end_other_sessions(user_id: str, kept_session_id: str | None, reason: str) -> None:
    """End all of the person's sessions but one, or all; `reason` is a stable word."""
    await fetch(_END.format(which="s.id IS DISTINCT FROM $2"), user_id, kept_session_id, reason, new_id())


_END = """
WITH ended AS (
    UPDATE auth_sessions s SET revoked_at = now(), revoked_reason = $3
    WHERE s.user_id = $1 AND {which} AND s.revoked_at IS NULL
    RETURNING s.id
)
INSERT INTO audit_events (id, action, actor_id, subject_type, subject_id, details)
SELECT $4, 'session.revoked', $1, 'user', $1, jsonb_build_object('reason', $3::text, 'sessions', jsonb_agg(id))
FROM ended HAVING count(*) > 0
"""
