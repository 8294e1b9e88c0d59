"""What must be true of a purchase, by everybody's own books."""

from temporalio.client import WorkflowExecutionStatus

from domain.identifiers import purchase_workflow_id
from tests.chaos.academy import Academy
from tests.chaos.buyer import Buyer
from tests.chaos.verdicts.books import judge_access, judge_ledger, judge_messages, only_order, paid_once
from tests.chaos.waiting import until


async def story_ended(academy: Academy, buyer: Buyer, seconds: float) -> None:
    """Wait until the story is closed and its message is sent."""

    async def look() -> bool:
        handle = academy.temporal.get_workflow_handle(purchase_workflow_id(str(buyer.order_id)))
        if (await handle.describe()).status is not WorkflowExecutionStatus.COMPLETED:
            return False
        return bool(
            await academy.sql(
                "SELECT FROM outgoing_messages WHERE user_id = $1 HAVING bool_and(status = 'sent')", buyer.user_id
            )
        )

    await until(look, f"order {buyer.order_id}: story closed, message sent", seconds)


async def judge(academy: Academy, buyer: Buyer, ends_as: str) -> None:
    """One charge, one enrollment, one sale in the ledger, one message; or one full refund."""
    order_id = await only_order(academy, buyer, ends_as)
    charge, book = await paid_once(academy, order_id)
    enrolled = ends_as == "enrolled"
    given_back = [(refund["amount"], refund["status"]) for refund in book["refunds"]]
    assert given_back == ([] if enrolled else [(charge["amount_captured"], "succeeded")])
    if enrolled:
        await judge_access(academy, buyer, order_id, None)
    else:
        assert not await academy.sql("SELECT FROM entitlements WHERE user_id = $1", buyer.user_id)
        assert not await academy.sql('SELECT FROM course_enrollments WHERE "userId" = $1', buyer.user_id)
    payments = await academy.sql("SELECT id, applied FROM payments WHERE order_id = $1", order_id)
    assert [row["applied"] for row in payments] == [enrolled]
    refunds = await academy.sql("SELECT id FROM refunds WHERE order_id = $1", order_id)
    (payment_id,) = [row["id"] for row in payments]
    first = f"payment:{payment_id}:{'sale' if enrolled else 'unapplied'}"
    await judge_ledger(academy, order_id, [first, *(f"refund:{row['id']}" for row in refunds)])
    about = [f"order:{order_id}:enrolled"] if enrolled else [f"refund:{row['id']}" for row in refunds]
    await judge_messages(academy, buyer, *about)
