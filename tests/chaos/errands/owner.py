"""Errands of somebody who owns the course already."""

from tests.chaos.errands.errand import PREPARED_WITHIN_SECONDS, Errand
from tests.chaos.verdicts.purchase import story_ended


class OwnersErrand(Errand):
    """Begins with a whole purchase that nothing disturbs."""

    @property
    def order_id(self) -> str:
        """The order that was paid."""
        assert self.buyer.order_id is not None
        return self.buyer.order_id

    async def prepare(self) -> None:
        self.buyer.start()
        await self.buyer.finished(PREPARED_WITHIN_SECONDS)
        await story_ended(self.academy, self.buyer, PREPARED_WITHIN_SECONDS)

    async def leave(self) -> None:
        await self.buyer.leave()
        await super().leave()
