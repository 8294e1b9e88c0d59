"""Asking for refunds over HTTP, and what has become of the money afterwards."""

import asyncio
from typing import Any

import httpx
from litestar import Litestar

from db.sql import fetch
from domain.identifiers import new_id, refund_workflow_id
from tests.integration.conftest import Person, bearer, token_of
from tests.workflow.conftest import PATIENCE, Academy, Bought, one


class Asker:
    """Somebody signed in who asks for refunds over HTTP."""

    def __init__(self, client: httpx.AsyncClient, person: Person, token: str) -> None:
        self.client = client
        self.id = person.id
        self.headers = bearer(token)

    async def ask(self, order_id: str, key: str | None = None, **body: Any) -> httpx.Response:
        headers = {**self.headers, "Idempotency-Key": key or new_id()}
        return await self.client.post(f"/api/v1/purchases/{order_id}/refunds", json=body, headers=headers, timeout=20)

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(f"/api/v1/{path}", headers=self.headers)


async def asker(app: Litestar, client: httpx.AsyncClient, person: Person) -> Asker:
    return Asker(client, person, await token_of(app, person))


async def enrolled(academy: Academy, buyer: Asker) -> Bought:
    """A course of 1180 rupees, paid."""
    course = await academy.course(instructorId=(await academy.new_person()).id)
    bought = await academy.buy(course, buyer.id)
    await academy.at_provider(f"pay/{bought.payment_id}")
    assert await bought.handle.result() == "enrolled"
    return bought


async def given_back(academy: Academy, bought: Bought) -> list[int]:
    """What the provider's own book has sent back of the order's charges."""
    charges = await academy.book(bought.order.order_id)
    return sorted(r["amount"] for c in charges for r in c["refunds"] if r["status"] == "succeeded")


async def access_ended(bought: Bought) -> bool:
    row = await one("SELECT ended_at FROM entitlements WHERE source_id = $1", bought.order.order_id)
    enrollment = await one('SELECT status FROM course_enrollments WHERE "userId" = $1', bought.order.user_id)
    assert (row["ended_at"] is not None) == (enrollment["status"] == "cancelled")
    return row["ended_at"] is not None


async def books(bought: Bought) -> dict[str, Any]:
    """The balance of every account by this order's postings."""
    rows = await fetch(
        "SELECT account_id, sum(amount) AS sum FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id"
        " WHERE p.order_id = $1 GROUP BY account_id",
        bought.order.order_id,
    )
    return {row["account_id"]: str(row["sum"]) for row in rows}


async def done(academy: Academy, refund_id: str) -> None:
    """Until the refund's story has ended."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        story = academy.services.temporal.get_workflow_handle(refund_workflow_id(refund_id))
        assert await story.result() == "succeeded"
