"""The audit trail: append-only, ids and amounts only. Each event is a log line, too, once it is committed."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog

from db.sql import as_json, fetch
from db.transaction import after_commit
from domain.identifiers import new_id

log = structlog.get_logger()


class Audit(msgspec.Struct, frozen=True):
    """One event of the trail."""

    action: str
    subject_type: str
    subject_id: str
    actor_id: str | None = None
    details: Mapping[str, Any] = {}


async def record_audit(
    action: str, subject_type: str, subject_id: str, *, actor_id: str | None = None, **details: Any
) -> None:
    """Append one event to the audit trail, in the current transaction where there is one."""
    await record_audits([Audit(action, subject_type, subject_id, actor_id=actor_id, details=details)])


async def record_audits(audits: Sequence[Audit]) -> None:
    """Append events in one statement."""
    await fetch(
        "INSERT INTO audit_events (id, action, actor_id, subject_type, subject_id, details)"
        " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[])",
        [new_id() for _ in audits],
        [audit.action for audit in audits],
        [audit.actor_id for audit in audits],
        [audit.subject_type for audit in audits],
        [audit.subject_id for audit in audits],
        [as_json(audit.details) for audit in audits],
    )
    for audit in audits:
        after_commit(lambda event=audit: log.info(event.action, **_fields(event)))  # type: ignore[misc]


def _fields(audit: Audit) -> dict[str, Any]:
    """An event by the names that log lines have: `paymentId` is `payment_id`, the subject is `order_id`."""
    details = {field_name(name): value for name, value in audit.details.items()}
    return {"user_id": audit.actor_id, f"{audit.subject_type}_id": audit.subject_id, **details}


def field_name(name: str) -> str:
    """The name in log lines of a detail that the trail has in camel case."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
