"""Receipts: each kept once, whether or not its message is known yet."""

from db.sql import fetch
from db.transaction import in_transaction
from domain.identifiers import new_id
from domain.messaging.receipts import Delivery, Receipt, furthest


async def keep_receipts(receipts: list[Receipt]) -> None:
    """Commit receipts and move their messages forward."""

    async def work() -> None:
        for receipt in receipts:
            await queue_for(receipt.provider, receipt.provider_message_id)
            await fetch(
                "INSERT INTO message_receipts (id, provider, provider_message_id, delivery) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT DO NOTHING",
                *(new_id(), receipt.provider, receipt.provider_message_id, receipt.delivery.value),
            )
            await apply_receipts(receipt.provider, receipt.provider_message_id)

    await in_transaction(work)


async def queue_for(provider: str, provider_message_id: str) -> None:
    """Be the only transaction that writes about this message: of a receipt and the provider's answer at the same
    time, the later one sees the other."""
    await fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"receipt:{provider}:{provider_message_id}")


async def apply_receipts(provider: str, provider_message_id: str) -> None:
    """Let a message show the furthest of its receipts. Call it after `queue_for`, in the same transaction."""
    rows = await fetch(
        "SELECT delivery FROM message_receipts WHERE provider = $1 AND provider_message_id = $2",
        *(provider, provider_message_id),
    )
    delivery = furthest([Delivery(row["delivery"]) for row in rows])
    if delivery:
        await fetch(
            "UPDATE outgoing_messages SET delivery = $2 WHERE provider_message_id = $1",
            *(f"{provider}:{provider_message_id}", delivery.value),
        )
