"""Bringing provider events to the stories that they concern: used by the webhook, the relay and the reconciliation."""

import contextlib

import structlog

from db.queries.billing.disputes import adopt_dispute
from db.queries.billing.provider_events import facts_about, is_unmatched, mark_event, read_event, refund_of
from db.queries.billing.purchases import read_order_ref
from db.queries.billing.refunds import adopt_refund
from db.queries.billing.returned_refunds import return_refund
from domain.billing.payments import PaymentState, ProviderEvent, ProviderRefund
from domain.messaging.delivery import Destination, destination_of
from domain.stories import StoryClosedError
from gateways.temporal.stories import Stories

log = structlog.get_logger()


class EventDelivery:
    """Delivers committed events, each at least once; the stories make a second time harmless."""

    def __init__(self, stories: Stories) -> None:
        self._stories = stories

    async def deliver_stored(self, row_id: str) -> None:
        """Deliver a committed event by its row. Raises as `deliver` does."""
        event = await read_event(row_id)
        if event is not None:
            await self.deliver_and_mark(row_id, event)

    async def deliver_and_mark(self, row_id: str, event: ProviderEvent) -> None:
        """Deliver a committed event and record what became of it. Raises as `deliver` does.

        One that fits nothing is alarmed when that is first found, and again only if the relay had brought it anew:
        the reconciliation meets it every ten minutes for a week, and an alarm that repeats is ignored. The number
        `academy_provider_events{state="unmatched"}` goes on counting it.
        """
        destination = await self.deliver(event)
        if destination is Destination.UNMATCHED and not await is_unmatched(row_id):
            log.error("alarm_event_unmatched", event_row=row_id)
        status = {Destination.UNMATCHED: "unmatched", Destination.NOTHING: "ignored"}.get(destination, "delivered")
        await mark_event(row_id, status)

    async def deliver(self, event: ProviderEvent) -> Destination:
        """Bring an event to its story and say which one it was. Raises `OutageError` when Temporal is down."""
        destination = destination_of(event, await facts_about(event))
        if event.payment is not None:
            await self._deliver_payment(event, destination)
        elif event.refund is not None:
            return await self._deliver_refund(event, event.refund, destination)
        elif destination is Destination.DISPUTE and event.dispute is not None:
            dispute_id = await adopt_dispute(event.dispute)
            if dispute_id is not None:
                await self._stories.tell_dispute(dispute_id, event.dispute)
        return destination

    async def _deliver_refund(
        self, event: ProviderEvent, refund: ProviderRefund, destination: Destination
    ) -> Destination:
        if destination is Destination.RETURNED_REFUND:
            await self._deliver_return(event)
            return destination
        ours = None
        if destination is Destination.REFUND:
            ours = await refund_of(event)
        elif destination is Destination.FOREIGN_REFUND:
            ours = await adopt_refund(refund)
        if ours is None:
            return destination
        try:
            await self._stories.tell_refund(ours, refund)
        except StoryClosedError:
            # It ended between our look and our signal. What its row says now decides; a row that waits for a story
            # that is over is for a person.
            now = destination_of(event, await facts_about(event))
            if now is Destination.RETURNED_REFUND:
                await self._deliver_return(event)
            return Destination.UNMATCHED if now is Destination.REFUND else now
        return destination

    async def _deliver_return(self, event: ProviderEvent) -> None:
        refund = await refund_of(event)
        if refund is None:
            return
        owed = await return_refund(refund.refund_id)
        log.error("alarm_refund_returned", refund_id=refund.refund_id)
        if owed is not None:
            with contextlib.suppress(StoryClosedError):  # news doubled: what was owed has its end already
                await self._stories.tell_refund(owed, None)

    async def _deliver_payment(self, event: ProviderEvent, destination: Destination) -> None:
        payment = event.payment
        if payment is None or payment.order_id is None:
            return None
        if destination is Destination.PURCHASE:
            try:
                return await self._stories.tell_purchase(payment.order_id, payment)
            except StoryClosedError:
                # Its story ended between our look and our signal, or an operator terminated it.
                if payment.state not in (PaymentState.SUCCEEDED, PaymentState.AUTHORIZED):
                    return None
                destination = Destination.LATE_PAYMENT
        if destination is Destination.LATE_PAYMENT:
            order = await read_order_ref(payment.order_id)
            if order is not None:
                await self._stories.tell_late_payment(order, payment)
        return None
