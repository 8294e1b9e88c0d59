"""The audit trail: append-only, ids and amounts only."""

from typing import Any

from db.sql import as_json, fetch
from domain.identifiers import new_id


async def record_audit(
    action: str, subject_type: str, subject_id: str, *, actor_id: str | None = None, **details: Any
) -> None:
    """Append one event to the audit trail, in the current transaction where there is one."""
    await fetch(
        "INSERT INTO audit_events (id, action, actor_id, subject_type, subject_id, details)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        new_id(),
        action,
        actor_id,
        subject_type,
        subject_id,
        as_json(details),
    )
