"""How the business stands, as numbers for operators: counts by state, never a person or a course."""

import msgspec

from db.sql import fetch_as


class BusinessNumber(msgspec.Struct, frozen=True):
    """One number: of what (`orders`, `refunds`, …), in which state."""

    name: str
    state: str
    value: float


async def business_numbers() -> list[BusinessNumber]:
    """All numbers, from one statement and so of one moment."""
    return await fetch_as(
        BusinessNumber,
        """
        SELECT 'orders' AS name, status AS state, count(*)::float8 AS value FROM orders GROUP BY status
        UNION ALL SELECT 'refunds', status, count(*) FROM refunds GROUP BY status
        UNION ALL SELECT 'messages', status, count(*) FROM outgoing_messages GROUP BY status
        UNION ALL SELECT 'provider_events', status, count(*) FROM provider_events GROUP BY status
        UNION ALL SELECT 'waiting_for_a_person', 'open', count(*) FROM orders WHERE attention IS NOT NULL
        UNION ALL SELECT 'undelivered_events', 'open', count(*) FROM provider_events WHERE delivered_at IS NULL
        UNION ALL SELECT 'settle_seconds_of_the_last_hour', 'median', coalesce(percentile_cont(0.5) WITHIN GROUP
            (ORDER BY extract(epoch FROM p.created_at - told.at)), 0) FROM payments p JOIN LATERAL (
                SELECT min(e.received_at) AS at FROM provider_events e
                WHERE e.order_id = p.order_id AND e.payment_id = p.provider_payment_id
                AND e.body -> 'payment' ->> 'state' IN ('authorized', 'succeeded')) told ON told.at < p.created_at
            WHERE p.created_at > now() - interval '1 hour'
        """,
    )
