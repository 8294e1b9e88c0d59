"""Denying one's payment to the bank: opened, then decided."""

import asyncio
from contextlib import suppress

import asyncpg

from domain.identifiers import dispute_workflow_id
from tests.chaos.academy import Academy
from tests.chaos.buyer import PAUSE_SECONDS, new_buyer
from tests.chaos.errands.errand import Errand
from tests.chaos.errands.owner import OwnersErrand
from tests.chaos.verdicts.given_back import judge_dispute

OPENED = {"stripe": "charge.dispute.created", "razorpay": "payment.dispute.created"}
STEPS = {"won": "win", "lost": "lose"}


class DisputeErrand(OwnersErrand):
    """Nobody of ours begins it, so it is seen in our row."""

    @property
    def told_by(self) -> str:
        return "charge.dispute.closed" if self.buyer.provider == "stripe" else f"payment.dispute.{self.ends_as}"

    async def _run(self) -> None:
        provider, happen = self.buyer.provider, self.academy.happen
        (paid,) = (await self.academy.book(self.order_id))["payment_intents"]
        dispute = await happen(provider, f"dispute/{paid['id']}", told_by=OPENED[provider])
        self._begun.set()
        await self.may_go_on.wait()
        await happen(provider, f"disputes/{dispute['id']}/{STEPS[self.ends_as]}", told_by=self.told_by)
        while self.status != self.ends_as:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                _, self.status = await self.row()
            await asyncio.sleep(PAUSE_SECONDS)

    async def row(self) -> tuple[str | None, str]:
        rows = await self.academy.sql("SELECT id, state FROM disputes WHERE order_id = $1", self.order_id)
        return (dispute_workflow_id(rows[0]["id"]), rows[0]["state"]) if rows else (None, "-")

    async def theirs(self) -> str:
        disputes = (await self.academy.book(self.order_id))["disputes"]
        return disputes[-1]["status"] if disputes else "-"

    async def message_key(self) -> str | None:
        rows = await self.academy.sql("SELECT id FROM disputes WHERE order_id = $1", self.order_id)
        return f"dispute:{rows[0]['id']}:lost:email" if rows and self.ends_as == "lost" else None

    async def judge(self) -> None:
        await judge_dispute(self.academy, self.buyer, self.ends_as)


async def new_dispute(academy: Academy, provider: str, ends_as: str) -> Errand:
    """Somebody new who will deny to have paid."""
    return DisputeErrand(academy, await new_buyer(academy, provider), ends_as=ends_as)
