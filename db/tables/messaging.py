"""Ways to people, what they wish, and what became of messages."""

from piccolo.columns import ForeignKey, Time
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.constraints import Unique
from piccolo.table import Table

from db.columns import created_now, json, optional_moment, optional_text, primary_key, reference, text
from db.engine import DB
from db.tables.identity import User


class Device(Table, tablename="devices", db=DB):
    """A phone or a browser that takes push messages."""

    id = primary_key()
    user_id = reference(User)
    kind = text()
    """`fcm` or `webpush`."""
    token = text()
    """FCM's registration token, or the endpoint of the browser's subscription."""
    p256dh = optional_text()
    auth = optional_text()
    created_at = created_now()
    disabled_at = optional_moment()
    """Its owner, or the push service, said that it is gone."""

    devices_kind_token_key = Unique([kind, token])


class MessagePreference(Table, tablename="message_preferences", db=DB):
    """What a person wishes; without a row: everything, at any hour."""

    user_id = ForeignKey(
        User,
        primary_key=True,
        null=False,
        default=None,
        on_delete=OnDelete.no_action,
        on_update=OnUpdate.no_action,
    )
    quiet_since = Time(null=True, default=None)
    quiet_until = Time(null=True, default=None)
    opt_outs = json()
    """`domain.messaging.telling.opt_out_key`s."""
    updated_at = created_now()


class Communication(Table, tablename="communications", db=DB):
    """A message to many (`communication.send` of the brief): what it says; its rows say who got it."""

    id = primary_key()
    user_id = reference(User)
    """Who sent it."""
    key = text()
    request_hash = text()
    category = text()
    title = text()
    body = text()
    metadata = json()
    created_at = created_now()

    communications_user_key = Unique([user_id, key])


class MessageReceipt(Table, tablename="message_receipts", db=DB):
    """What a provider told of a message, matched or not."""

    id = primary_key()
    provider = text()
    provider_message_id = text()
    delivery = text()
    received_at = created_now()

    message_receipts_once = Unique([provider, provider_message_id, delivery])
