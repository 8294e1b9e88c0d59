"""What happened, what is to be told, and what providers told us."""

from piccolo.columns import Text
from piccolo.constraints import Unique
from piccolo.table import Table

from db.columns import (
    created_now,
    integer,
    json,
    optional_json,
    optional_moment,
    optional_text,
    primary_key,
    reference,
    text,
)
from db.engine import DB
from db.tables.identity import User
from db.tables.messaging import Device


class AuditEvent(Table, tablename="audit_events", db=DB):
    """Who did what to what; append-only (a trigger refuses changes). `action` is a brief word: `course.enrolled`."""

    id = primary_key()
    at = created_now()
    action = text()
    actor_id = optional_text()
    """The person; null when a story acted by itself."""
    subject_type = text()
    subject_id = text()
    details = optional_json()
    """Ids and amounts only."""


class OutgoingMessage(Table, tablename="outgoing_messages", db=DB):
    """A message to one person over one channel, written in the transaction that causes it."""

    id = primary_key()
    dedupe_key = text()
    """What it is about: at most one message per key."""
    user_id = reference(User)
    channel = text()
    template = text()
    params = json()
    status = text()
    """queued, claimed, sent, failed or unknown (docs/stories/notice.md)."""
    failure = optional_text()
    created_at = created_now()
    sent_at = optional_moment()
    category = Text(null=False, default="transactional")
    """`domain.messaging.telling.Category`."""
    device_id = reference(Device, null=True)
    claimed_at = optional_moment()
    provider_message_id = optional_text()
    delivery = optional_text()
    """The last receipt: `domain.messaging.receipts.Delivery`."""
    relayed_at = optional_moment()
    """When the relay last started its story."""

    outgoing_messages_dedupe_key = Unique([dedupe_key])


class ProviderEvent(Table, tablename="provider_events", db=DB):
    """A verified webhook, committed before it is answered. Payer details are not kept: only our own words of it."""

    id = primary_key()
    provider = text()
    event_id = text()
    event_type = text()
    order_id = optional_text()
    payment_id = optional_text()
    refund_id = optional_text()
    body = json()
    """`domain.billing.payments.ProviderEvent`."""
    status = text()
    """received, delivered, unmatched or ignored."""
    attempts = integer()
    received_at = created_now()
    delivered_at = optional_moment()

    provider_events_provider_event_key = Unique([provider, event_id])
