"""Delivery receipts: what providers tell of a message after they took it; pure."""

from enum import StrEnum

import msgspec


class Delivery(StrEnum):
    """How far a message has come, in our words."""

    SENT = "sent"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    READ = "read"


RANK = [Delivery.SENT, Delivery.UNDELIVERED, Delivery.DELIVERED, Delivery.READ]
"""A later word of this list stands against an earlier one, in whichever order they arrive: who has it, has it."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One verified receipt."""

    provider: str
    provider_message_id: str
    delivery: Delivery


def furthest(receipts: list[Delivery]) -> Delivery | None:
    """What they say together."""
    return max(receipts, key=RANK.index, default=None)
