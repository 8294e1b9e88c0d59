"""The relay of undelivered events and lost starts, and the walk over the provider's book."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import structlog
from temporalio import activity

from activities.delivery import EventDelivery
from db.queries.billing.provider_events import commit_event, facts_about, undelivered_events, with_order
from db.queries.billing.purchases import orders_without_story
from db.queries.billing.refunds import refunds_without_submission
from db.queries.learning.completion import complete_lesson, completions_without_story
from db.queries.learning.quiz_attempts import attempts_overdue
from db.queries.learning.quiz_regrading import voids_without_story
from db.queries.learning.watching import watched_and_not_completed
from db.queries.messaging.messages import messages_without_story
from db.queries.messaging.notices import notices_without_story
from db.transaction import in_transaction
from domain.billing.payments import PaymentState, ProviderEvent, RefundState
from domain.errors import OutageError
from domain.messaging.delivery import Destination, destination_of
from domain.stories import StoryClosedError
from gateways.payments.protocol import PaymentProvider
from gateways.temporal.stories import Stories

log = structlog.get_logger()

RECONCILED_DAYS = 7
"""How far back the provider's book is compared with ours."""

UNDELIVERED_FOR = timedelta(seconds=10)
"""A webhook's own delivery gets this long before the relay repeats it."""

NEVER_STARTED_FOR = timedelta(seconds=30)
"""The request that placed an order, or queued a message, gets this long to start its story."""

OVERDUE_FOR = timedelta(hours=1)
"""An order still open so long after its expiry has no story, or waits for a slow payment; asking is harmless."""

BATCH = 500


class SweepReport(msgspec.Struct, frozen=True, rename="camel"):
    """What a sweep saw and what it set going."""

    seen: int = 0
    started: int = 0


class Sweeps:
    """Sets going what was lost on the way."""

    def __init__(
        self,
        providers: Mapping[str, PaymentProvider],
        delivery: EventDelivery,
        stories: Stories,
        *,
        video_complete_percent: int = 90,
    ) -> None:
        self._video_complete_percent = video_complete_percent
        self._providers = providers
        self._delivery = delivery
        self._stories = stories

    @activity.defn(name="relay_events")
    async def relay(self) -> SweepReport:
        """Deliver committed events that were not delivered; start stories that never began."""
        events = await undelivered_events(UNDELIVERED_FOR, BATCH)
        for row_id in events:
            activity.heartbeat()
            try:
                await self._delivery.deliver_stored(row_id)
            except Exception:  # one event that cannot be delivered must not hold up the others
                log.exception("alarm_event_not_delivered", event_row=row_id)
        orders = await orders_without_story(NEVER_STARTED_FOR, OVERDUE_FOR, BATCH)
        for order in orders:
            await self._stories.ensure_purchase(order)
            activity.heartbeat()
        refunds = await refunds_without_submission(NEVER_STARTED_FOR, BATCH)
        for refund in refunds:
            try:
                await self._stories.tell_refund(refund, None)
            except StoryClosedError:
                log.error("alarm_refund_without_story", refund_id=refund.refund_id)
            activity.heartbeat()
        messages = await messages_without_story(NEVER_STARTED_FOR, BATCH)
        for message_id in messages:
            await self._stories.tell_message(message_id)
            activity.heartbeat()
        notices = await notices_without_story(NEVER_STARTED_FOR, BATCH)
        for message_id in notices:
            await self._stories.tell_notice(message_id)
            activity.heartbeat()
        await self._complete_watched()
        completions = await completions_without_story(NEVER_STARTED_FOR, BATCH)
        for enrollment_id in completions:
            await self._stories.tell_completion(enrollment_id)
            activity.heartbeat()
        quizzes = await self._tell_quizzes()
        count = quizzes + len(events) + len(orders) + len(refunds) + len(messages) + len(notices) + len(completions)
        return SweepReport(seen=count, started=count)

    async def _complete_watched(self) -> None:
        """What a killed API left undone: the story of a course that is done by it is started by the next step."""
        for enrollment_id, lesson_id in await watched_and_not_completed(self._video_complete_percent, BATCH):
            with suppress(LookupError):  # the lesson was taken away meanwhile
                await in_transaction(partial(complete_lesson, enrollment_id, lesson_id, percentage=0))
            activity.heartbeat()

    async def _tell_quizzes(self) -> int:
        """Deadlines whose story never began, and regradings that never began; how many."""
        attempts = await attempts_overdue(NEVER_STARTED_FOR, BATCH)
        for attempt_id in attempts:
            await self._stories.tell_quiz_attempt(attempt_id)
            activity.heartbeat()
        voids = await voids_without_story(NEVER_STARTED_FOR, BATCH)
        for void_id in voids:
            await self._stories.tell_quiz_regrade(void_id)
            activity.heartbeat()
        return len(attempts) + len(voids)

    @activity.defn(name="reconcile_payments")
    async def reconcile(self) -> SweepReport:
        """Compare every provider's books of the last days with ours and set going what we lack.

        A book that cannot be read hides no other: they are all read, then it raises `OutageError` with the names of
        those that are missing. The next try reads only these.
        """
        since = datetime.now(UTC) - timedelta(days=RECONCILED_DAYS)
        seen = started = 0
        read, unread = list(activity.info().heartbeat_details), []
        books = [(provider, book) for provider in self._providers.values() for book in BOOKS]
        for provider, book in books:
            name = f"{provider.name}:{book}"
            if name in read:
                continue
            try:
                async for event in BOOKS[book](provider, since):
                    activity.heartbeat(*read)
                    seen += 1
                    try:
                        started += await self._set_going(await with_order(event))
                    except Exception:  # one fact that cannot be followed must not hide the rest of the book
                        log.exception("alarm_book_fact_not_followed", provider=provider.name)
            except Exception:  # one provider's trouble must not hide another's facts, or its own of another kind
                log.exception("alarm_book_not_read", provider=provider.name, book=book)
                unread.append(name)
            else:
                read.append(name)
        activity.heartbeat(*read)
        if unread:
            raise OutageError(f"not read: {', '.join(unread)}")
        return SweepReport(seen=seen, started=started)

    async def _set_going(self, event: ProviderEvent) -> bool:
        """Only what our tables lack becomes an event row; what is known costs one query."""
        destination = destination_of(event, await facts_about(event))
        if destination is Destination.NOTHING:
            return False
        stored = await commit_event(event)
        if destination is Destination.UNMATCHED:
            if not stored.is_delivered:
                log.error("alarm_book_names_nothing_of_ours", event_row=stored.id)
            await self._delivery.deliver_stored(stored.id)
            return False
        await self._delivery.deliver_stored(stored.id)
        return True


async def _payments(provider: PaymentProvider, since: datetime) -> AsyncIterator[ProviderEvent]:
    async for payment in provider.list_payments(since):
        if payment.state in (PaymentState.SUCCEEDED, PaymentState.AUTHORIZED):
            event_id = f"reconcile:{payment.payment_id}:{payment.state}"
            yield ProviderEvent(
                provider=provider.name, event_id=event_id, event_type="reconcile.payment", payment=payment
            )


async def _refunds(provider: PaymentProvider, since: datetime) -> AsyncIterator[ProviderEvent]:
    async for refund in provider.list_refunds(since):
        if refund.state is not RefundState.PENDING:
            event_id = f"reconcile:{refund.provider_refund_id}:{refund.state}"
            yield ProviderEvent(provider=provider.name, event_id=event_id, event_type="reconcile.refund", refund=refund)


async def _disputes(provider: PaymentProvider, since: datetime) -> AsyncIterator[ProviderEvent]:
    async for dispute in provider.list_disputes(since):
        event_id = f"reconcile:{dispute.dispute_id}:{dispute.state}"
        yield ProviderEvent(provider=provider.name, event_id=event_id, event_type="reconcile.dispute", dispute=dispute)


BOOKS: Mapping[str, Callable[[PaymentProvider, datetime], AsyncIterator[ProviderEvent]]] = {
    "payments": _payments,
    "refunds": _refunds,
    "disputes": _disputes,
}
"""A provider's books: the facts that must have an echo in our tables, as events with an id that names the fact."""
