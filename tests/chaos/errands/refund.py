"""Wanting all one's money back: asked for by the buyer, then paid out by the bank."""

import asyncio

from domain.identifiers import refund_workflow_id
from tests.chaos.academy import Academy
from tests.chaos.buyer import PAUSE_SECONDS, new_buyer
from tests.chaos.errands.errand import Errand
from tests.chaos.errands.owner import OwnersErrand
from tests.chaos.verdicts.given_back import judge_refund

PAID_OUT = {"stripe": "refund.updated", "razorpay": "refund.processed"}


class RefundErrand(OwnersErrand):
    """Seen by the buyer, through the API. The provider takes the refund at once; the bank needs its time."""

    @property
    def told_by(self) -> str:
        return PAID_OUT[self.buyer.provider]

    async def prepare(self) -> None:
        await super().prepare()
        await self.academy.provider_faults(refunds={"mode": "pending"})

    async def _run(self) -> None:
        route = f"/api/v1/purchases/{self.order_id}/refunds"
        async with self.buyer.browser() as browser:
            asked = await self.buyer.answered(browser, "POST", route, {})
            self._begun.set()
            await self.may_go_on.wait()
            await self._bank_pays()
            while self.status != self.ends_as:
                self.status = (await self.buyer.answered(browser, "GET", f"{route}/{asked['id']}"))["status"]
                await asyncio.sleep(PAUSE_SECONDS)

    async def _bank_pays(self) -> None:
        while (status := await self.theirs()) != "succeeded":
            if status == "pending":
                (refund,) = (await self.academy.book(self.order_id))["refunds"]
                await self.academy.happen(self.buyer.provider, f"refunds/{refund['id']}/succeed", told_by=self.told_by)
            await asyncio.sleep(PAUSE_SECONDS)

    async def row(self) -> tuple[str | None, str]:
        rows = await self.academy.sql("SELECT id, status FROM refunds WHERE order_id = $1", self.order_id)
        return (refund_workflow_id(rows[0]["id"]), rows[0]["status"]) if rows else (None, "-")

    async def theirs(self) -> str:
        refunds = (await self.academy.book(self.order_id))["refunds"]
        return refunds[-1]["status"] if refunds else "-"

    async def message_key(self) -> str | None:
        rows = await self.academy.sql("SELECT id FROM refunds WHERE order_id = $1", self.order_id)
        return f"refund:{rows[0]['id']}:email" if rows else None

    async def judge(self) -> None:
        await judge_refund(self.academy, self.buyer)


async def new_refund(academy: Academy, provider: str) -> Errand:
    """Somebody new who will want the money back."""
    return RefundErrand(academy, await new_buyer(academy, provider), ends_as="succeeded")
