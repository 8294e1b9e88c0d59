"""Buying a course: ordered, then paid."""

from domain.identifiers import purchase_workflow_id
from tests.chaos.academy import Academy
from tests.chaos.buyer import new_buyer
from tests.chaos.errands.errand import Errand
from tests.chaos.verdicts.purchase import judge


class PurchaseErrand(Errand):
    """Seen by the buyer. At Razorpay the bank only authorises, so that capturing is ours."""

    @property
    def told_by(self) -> str:
        return self.buyer.paid_event

    async def prepare(self) -> None:
        """Nothing has to be there."""

    def start(self) -> None:
        self.may_go_on = self.buyer.may_pay
        self.buyer.start(pays=False)

    async def begun(self, seconds: float) -> None:
        await self.buyer.ordered(seconds)

    async def finished(self, seconds: float) -> str:
        return await self.buyer.finished(seconds)

    async def leave(self) -> None:
        await self.buyer.leave()

    async def _run(self) -> None:
        raise NotImplementedError  # the buyer has a task of its own

    async def row(self) -> tuple[str | None, str]:
        order_id, status = await self.buyer.order()
        return (purchase_workflow_id(order_id) if order_id else None), status

    async def theirs(self) -> str:
        order_id, _ = await self.buyer.order()
        intents = (await self.academy.book(order_id))["payment_intents"] if order_id else []
        return intents[-1]["status"] if intents else "-"

    async def message_key(self) -> str | None:
        order_id, _ = await self.buyer.order()
        return f"order:{order_id}:enrolled:email" if self.ends_as == "enrolled" else None

    async def judge(self) -> None:
        await judge(self.academy, self.buyer, self.ends_as)


async def new_purchase(academy: Academy, provider: str) -> Errand:
    """Somebody new who wants the course."""
    buyer = await new_buyer(academy, provider)
    buyer.bank_only_authorizes = provider == "razorpay"
    return PurchaseErrand(academy, buyer, ends_as="enrolled")
