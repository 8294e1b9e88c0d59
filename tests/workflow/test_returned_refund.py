"""A refund that had succeeded and that the payer's bank sent back: owed, in the books and to a person's eyes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from activities.refunds import Refunds
from activities.sweeps import Sweeps
from bootstrap import Services
from db.queries.billing.disputes import adopt_dispute, follow_dispute
from db.queries.billing.refund_requests import RefundWish, request_refund
from db.queries.billing.refunds import record_refund
from db.queries.billing.returned_refunds import return_refund
from db.sql import fetch
from domain.billing.payments import DisputeState, ProviderDispute, ProviderEvent, RefundState
from domain.billing.purchase import PurchasePolicy
from domain.billing.refund import RefundAttentionInput, RefundRef, SubmitRefundInput
from domain.billing.refund_policy import RefundPolicy
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id, refund_workflow_id
from domain.messaging.delivery import Destination
from tests.integration.conftest import NewPerson
from tests.workflow.conftest import Academy, Bought, eventually, one, running

ANYTIME = RefundPolicy(window_days=14, max_watched_percent=100)


@pytest_asyncio.fixture(loop_scope="session", params=["stripe", "razorpay"])
async def either(
    request: pytest.FixtureRequest, services: Services, worker_temporal: Client, new_person: NewPerson
) -> AsyncIterator[Academy]:
    """A worker whose stories ask the provider every second, with each provider."""
    policy = PurchasePolicy(expires_after_seconds=60, first_poll_seconds=1, longest_poll_seconds=1)
    made = Academy(services, worker_temporal, policy, new_person, provider=request.param)
    async with running(made) as ready:
        yield ready


def wish(bought: Bought) -> RefundWish:
    """All of it, decided by the academy."""
    return RefundWish(
        user_id=bought.order.user_id,
        route=f"/api/v1/purchases/{bought.order.order_id}/refunds",
        key=new_id(),
        request_hash="of-the-test",
        order_id=bought.order.order_id,
        is_admin=True,
    )


async def refunded(academy: Academy) -> tuple[Bought, str]:
    """A paid order of 1180 rupees whose money went back whole; and its refund."""
    bought = await academy.buy(await academy.course(instructorId=(await academy.new_person()).id))
    await academy.at_provider(f"pay/{bought.payment_id}")
    assert await bought.handle.result() == "enrolled"
    refund_id = await request_refund(wish(bought), ANYTIME)
    await academy.stories.tell_refund(RefundRef(refund_id), None)
    assert await story(academy, refund_id).result() == "succeeded"
    return bought, refund_id


async def sent_back(academy: Academy, refund_id: str) -> Destination:
    """The payer's bank sends it back, and the webhook comes."""
    row = await one("SELECT provider_refund_id AS id FROM refunds WHERE id = $1", refund_id)
    await academy.at_provider(f"refunds/{row['id']}/fail")
    return await deliver(academy, row["id"])


async def deliver(academy: Academy, provider_refund_id: str) -> Destination:
    """News of the refund as the provider has it now."""
    refund = await academy.services.providers[academy.provider].read_refund(provider_refund_id)
    event = ProviderEvent(provider=academy.provider, event_id=new_id(), event_type="refund.x", refund=refund)
    return await academy.services.delivery.deliver(event)


def story(academy: Academy, refund_id: str) -> WorkflowHandle[Any, Any]:
    return academy.services.temporal.get_workflow_handle(refund_workflow_id(refund_id))


async def owed(refund_id: str) -> str:
    """The refund that replaces it, once its story waits for a person."""
    row = await eventually("SELECT id FROM refunds WHERE replaces = $1 AND attention = 'refund_returned'", refund_id)
    return str(row["id"])


async def books(bought: Bought) -> dict[str, str]:
    """Every account that is not empty."""
    rows = await fetch(
        "SELECT account_id, sum(amount) AS sum FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id"
        " WHERE p.order_id = $1 GROUP BY account_id HAVING sum(amount) <> 0",
        bought.order.order_id,
    )
    return {row["account_id"]: str(row["sum"]) for row in rows}


async def standing(bought: Bought) -> tuple[Any, ...]:
    """Order, what it waits for, why access ended, credit notes."""
    row = await one(
        "SELECT o.status, o.attention, t.ended_reason, (SELECT count(*) FROM credit_notes c JOIN invoices i"
        " ON i.id = c.invoice_id WHERE i.order_id = o.id) AS notes"
        " FROM orders o JOIN entitlements t ON t.source_id = o.id WHERE o.id = $1",
        bought.order.order_id,
    )
    return tuple(row.values())


async def test_it_waits_for_a_person_and_goes_out_again(either: Academy) -> None:
    bought, refund_id = await refunded(either)
    assert await books(bought) == {}

    assert await sent_back(either, refund_id) is Destination.RETURNED_REFUND

    again = await owed(refund_id)
    assert await standing(bought) == ("refunded", "refund:refund_returned", "refunded", 1)
    assert await books(bought) == {"provider_clearing": "1180.00", "refunds_payable": "-1180.00"}
    assert (await one("SELECT status FROM refunds WHERE id = $1", refund_id))["status"] == "returned"
    with pytest.raises(BusinessRefusalError, match="nothing_to_refund"):
        await request_refund(wish(bought), ANYTIME)
    row = await one("SELECT provider_refund_id AS id FROM refunds WHERE id = $1", refund_id)
    assert await deliver(either, row["id"]) is Destination.NOTHING, "doubled news"

    assert await story(either, again).execute_update("retry") == "refund_returned"

    assert await story(either, again).result() == "succeeded"
    assert await standing(bought) == ("refunded", None, "refunded", 1), "one credit note: the supply ended once"
    assert await books(bought) == {}
    mails = await fetch(
        "SELECT FROM outgoing_messages WHERE user_id = $1 AND template = 'refund-confirmation'", bought.order.user_id
    )
    assert len(mails) == 2
    sent = [r["status"] for c in await either.book(bought.order.order_id) for r in c["refunds"]]
    assert sorted(sent) in (["failed", "succeeded"], ["failed", "processed"])


async def test_steps_that_run_again_after_it_came_back_see_that_it_had_succeeded(either: Academy) -> None:
    """A lost workflow task runs them again: the refund that came back has another row, and this one is over."""
    bought, refund_id = await refunded(either)
    await sent_back(either, refund_id)
    await owed(refund_id)
    steps = Refunds(either.services.providers)

    again = await either.in_activity(lambda: steps.submit(SubmitRefundInput(refund_id, 1)))
    await either.in_activity(lambda: steps.record(refund_id))
    await either.in_activity(lambda: steps.note_attention(RefundAttentionInput(refund_id, "refund_failed", "re_x")))

    assert again.state is RefundState.SUCCEEDED
    row = await one("SELECT status, attention, provider_refund_id AS id FROM refunds WHERE id = $1", refund_id)
    assert tuple(row.values()) == ("returned", None, again.provider_refund_id)
    sent = [r["status"] for c in await either.book(bought.order.order_id) for r in c["refunds"]]
    assert sent == ["failed"], "nothing was asked of the provider"


async def test_it_may_come_back_a_second_time(academy: Academy) -> None:
    bought, refund_id = await refunded(academy)
    await sent_back(academy, refund_id)
    again = await owed(refund_id)
    await story(academy, again).execute_update("retry")
    assert await story(academy, again).result() == "succeeded"

    assert await sent_back(academy, again) is Destination.RETURNED_REFUND

    third = await owed(again)
    assert await books(bought) == {"provider_clearing": "1180.00", "refunds_payable": "-1180.00"}
    assert await story(academy, third).execute_update("give_up") == "refund_returned"
    assert await story(academy, third).result() == "failed"
    assert await standing(bought) == ("refunded", None, "refunded", 1)
    assert (await books(bought))["refunds_payable"] == "-1180.00", "whoever pays it otherwise books it otherwise"
    with pytest.raises(BusinessRefusalError):
        await request_refund(wish(bought), ANYTIME)


async def test_a_refund_at_the_dashboard_pays_what_is_owed(academy: Academy) -> None:
    bought, refund_id = await refunded(academy)
    await sent_back(academy, refund_id)
    again = await owed(refund_id)

    made = await academy.at_provider(f"refund-at-dashboard/{bought.payment_id}")
    await deliver(academy, made["id"])

    assert await story(academy, again).result() == "succeeded"
    assert await books(bought) == {}
    assert (await standing(bought))[:2] == ("refunded", None)


async def test_without_a_webhook_the_reconciliation_hears_of_it(either: Academy) -> None:
    bought, refund_id = await refunded(either)
    row = await one("SELECT provider_refund_id AS id FROM refunds WHERE id = $1", refund_id)
    await either.at_provider(f"refunds/{row['id']}/fail")
    sweeps = Sweeps(either.services.providers, either.services.delivery, either.stories)

    await either.in_activity(sweeps.reconcile)

    await owed(refund_id)
    await either.in_activity(sweeps.reconcile)
    assert len(await fetch("SELECT FROM refunds WHERE order_id = $1", bought.order.order_id)) == 2


async def test_a_lost_start_is_repeated_and_asks_before_it_pays(academy: Academy) -> None:
    bought, refund_id = await refunded(academy)
    again = await return_refund(refund_id)
    assert again is not None
    assert await return_refund(refund_id) == again
    await fetch("UPDATE refunds SET created_at = now() - interval '1 minute' WHERE id = $1", again.refund_id)
    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)

    await academy.in_activity(sweeps.relay)

    assert await owed(refund_id) == again.refund_id
    sent = [r["status"] for c in await academy.book(bought.order.order_id) for r in c["refunds"]]
    assert sent == ["succeeded"], "nothing was asked of the provider"


@pytest.mark.parametrize("lost_first", [True, False])
async def test_nothing_is_owed_of_what_a_chargeback_took_too(academy: Academy, lost_first: bool) -> None:
    bought = await academy.buy(await academy.course(instructorId=(await academy.new_person()).id))
    await academy.at_provider(f"pay/{bought.payment_id}")
    assert await bought.handle.result() == "enrolled"
    refund_id = await request_refund(wish(bought), ANYTIME)

    async def lose() -> None:
        dispute = ProviderDispute(
            provider="stripe",
            dispute_id=f"du_{refund_id}",
            payment_id=bought.payment_id,
            state=DisputeState.LOST,
            amount_minor=59_000,
            currency="INR",
            created_at=(await one("SELECT now() AS now"))["now"],
        )
        dispute_id = await adopt_dispute(dispute)
        assert dispute_id is not None
        await follow_dispute(dispute_id, dispute)

    if lost_first:
        await lose()
        await record_refund(refund_id)
    else:
        await record_refund(refund_id)
        await lose()
    assert await books(bought) == {"provider_clearing": "-590.00", "chargeback_losses": "590.00"}
    noted = await one(
        "SELECT sum(c.total) AS total, sum(c.tax) AS tax, count(*) AS notes FROM credit_notes c JOIN invoices i"
        " ON i.id = c.invoice_id WHERE i.order_id = $1",
        bought.order.order_id,
    )
    notes = 2 if lost_first else 1
    assert (str(noted["total"]), str(noted["tax"]), noted["notes"]) == ("1180.00", "180.00", notes), "never more"

    again = await return_refund(refund_id)

    assert again is not None
    row = await one("SELECT amount_minor FROM refunds WHERE id = $1", again.refund_id)
    assert row["amount_minor"] == 59_000, "half of it the payer got from their bank"
    assert await books(bought) == {"provider_clearing": "590.00", "refunds_payable": "-590.00"}
    await record_refund(again.refund_id)
    assert await books(bought) == {}


async def test_news_for_a_story_that_has_ended_raises_an_alarm(
    academy: Academy, caplog: pytest.LogCaptureFixture
) -> None:
    _, refund_id = await refunded(academy)
    row = await one("SELECT provider_refund_id AS id FROM refunds WHERE id = $1", refund_id)
    for status in ("submitted", "failed"):  # as if it had ended without an end, and as if a person had given it up
        await fetch("UPDATE refunds SET status = $2 WHERE id = $1", refund_id, status)
        assert await deliver(academy, row["id"]) is Destination.UNMATCHED
    await fetch(
        "UPDATE refunds SET status = 'requested', created_at = now() - interval '1 minute' WHERE id = $1", refund_id
    )
    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)
    await academy.in_activity(sweeps.relay)
    assert "alarm_refund_without_story" in caplog.text
    await fetch("UPDATE refunds SET status = 'succeeded' WHERE id = $1", refund_id)
