"""A dispute's news: doubled, overtaken, lost, or come before its payment was settled."""

from activities.sweeps import Sweeps
from db.queries.billing.provider_events import commit_event, mark_event
from db.sql import fetch
from domain.billing.payments import DisputeState, ProviderDispute, ProviderEvent
from domain.identifiers import new_id
from domain.messaging.delivery import Destination
from tests.workflow.conftest import Academy, eventually, one
from tests.workflow.disputes import deliver, end, enrolled, read, standing, step


async def test_news_doubled_and_in_any_order_is_followed_once(academy: Academy) -> None:
    bought = await enrolled(academy)
    dispute_id: str = (await academy.at_provider(f"dispute/{bought.payment_id}"))["id"]
    opened = await read(academy, dispute_id)
    await academy.at_provider(f"disputes/{dispute_id}/lose")
    lost = await read(academy, dispute_id)

    for news in (lost, opened, lost, opened):
        await deliver(academy, news)

    assert await end(academy, dispute_id) == DisputeState.LOST
    for news, destination in ((opened, Destination.NOTHING), (lost, Destination.NOTHING)):
        assert await deliver(academy, news) is destination
    await one("SELECT FROM disputes WHERE order_id = $1", bought.order.order_id)
    await one(
        "SELECT FROM ledger_postings WHERE order_id = $1 AND event_key LIKE 'dispute:%:chargeback'",
        bought.order.order_id,
    )
    assert (await standing(bought))["books"] == {}


async def test_without_any_webhook_the_reconciliation_finds_it_and_the_story_asks(academy: Academy) -> None:
    bought = await enrolled(academy)
    dispute_id: str = (await academy.at_provider(f"dispute/{bought.payment_id}"))["id"]
    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)
    await academy.in_activity(sweeps.reconcile)
    await eventually("SELECT FROM disputes WHERE provider_dispute_id = $1 AND state = 'needs_response'", dispute_id)

    await academy.at_provider(f"disputes/{dispute_id}/lose")

    assert await end(academy, dispute_id) == DisputeState.LOST


async def test_a_dispute_before_its_payment_is_settled_is_found_afterwards(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    await academy.at_provider(f"pay/{bought.payment_id}")
    dispute_id: str = (await academy.at_provider(f"dispute/{bought.payment_id}"))["id"]
    early = await read(academy, dispute_id)
    if not await fetch("SELECT FROM payments WHERE order_id = $1", bought.order.order_id):
        assert await deliver(academy, early) is Destination.UNMATCHED
    assert await bought.handle.result() == "enrolled"

    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)
    await academy.in_activity(sweeps.reconcile)

    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'disputed'", bought.order.order_id)
    await step(academy, dispute_id, "win")
    assert await end(academy, dispute_id) == DisputeState.WON
    assert (await standing(bought))["order"] == "enrolled"


async def test_a_dispute_that_came_too_early_is_brought_again_by_the_relay(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    payment = await academy.pay_without_webhook(bought)
    early = ProviderDispute(
        provider="stripe",
        dispute_id=f"du_{bought.order.order_id}",
        payment_id=payment.payment_id,
        state=DisputeState.NEEDS_RESPONSE,
        amount_minor=118_000,
        currency="INR",
        created_at=(await one("SELECT now() AS now"))["now"],
    )
    event = ProviderEvent(provider="stripe", event_id=new_id(), event_type="charge.dispute.created", dispute=early)
    stored = await commit_event(event)
    # As it stood before the money was settled.
    await mark_event(stored.id, "unmatched")
    assert await bought.handle.result() == "enrolled"

    await eventually("SELECT FROM provider_events WHERE id = $1 AND status IN ('received', 'delivered')", stored.id)
    await fetch("UPDATE provider_events SET received_at = now() - interval '1 minute' WHERE id = $1", stored.id)
    await academy.in_activity(Sweeps(academy.services.providers, academy.services.delivery, academy.stories).relay)

    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'disputed'", bought.order.order_id)
