"""Gaps that the history does not show: something was done, and whoever has to write it down does not know yet."""

from collections.abc import Awaitable, Callable, Sequence

from tests.chaos.academy import Academy
from tests.chaos.buyer import Buyer
from tests.chaos.stops import (
    CHECKOUT,
    PAID,
    REACHED_WITHIN_SECONDS,
    TASK_1,
    TASK_2,
    UNPAID,
    Reach,
    Stop,
    history_reaches,
    order_all,
    order_becomes,
    order_of,
)
from tests.chaos.waiting import until

COMMIT = b"COMMIT;"
"""asyncpg ends a transaction with this simple query."""
END_OF_MAIL = b"\r\n.\r\n"
"""RFC 5321 §4.1.1.4."""


async def _until_row(academy: Academy, what: str, statement: str, *arguments: object) -> str:
    """Wait for a row and answer with its first value."""

    async def look() -> list[object]:
        rows = await academy.sql(statement, *arguments)
        return [rows[0][0]] if rows else []

    return str((await until(look, what, REACHED_WITHIN_SECONDS))[0])


async def _until_intent(academy: Academy, buyer: Buyer) -> None:
    async def look() -> bool:
        order_id, _ = await order_of(academy, buyer)
        return order_id is not None and bool((await academy.book(order_id))["payment_intents"])

    await until(look, "a payment intent in the book", REACHED_WITHIN_SECONDS)


async def _until_mail(academy: Academy, buyer: Buyer) -> None:
    await until(lambda: academy.mails(buyer.email), "a mail in the inbox", REACHED_WITHIN_SECONDS)


async def _until_message(academy: Academy, buyer: Buyer, status: str) -> str:
    statement = "SELECT id FROM outgoing_messages WHERE user_id = $1 AND status = $2"
    return await _until_row(academy, f"message {status}", statement, buyer.user_id, status)


async def _placed(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(d) The first commit is done; Temporal has not heard of it."""
    academy.links["api-temporal"].withhold_requests()
    buyers[0].start()
    await order_becomes(academy, buyers[0], "preparing")


async def _reserved(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """COMMIT of the price and the seat is done; the worker has not heard of it."""
    academy.links["worker-postgres"].withhold_answer_to(COMMIT)
    buyers[0].start()
    statement = "SELECT id FROM orders WHERE user_id = $1 AND amount IS NOT NULL"
    await _until_row(academy, "a priced order", statement, buyers[0].user_id)


async def _charge_withheld(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(a) The charge is in the provider's book; the answer hangs."""
    await academy.provider_faults(api=[{"operation": "create_payment", "kind": "charge_then_hang"}])
    buyers[0].start()
    await _until_intent(academy, buyers[0])


async def _charge_denied(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(a) The charge is in the provider's book; the answer was 500, and looking for the charge hangs."""
    await academy.provider_faults(
        api=[
            {"operation": "create_payment", "kind": "charge_then_500"},
            {"operation": "list", "kind": "charge_then_hang", "times": 5},
        ]
    )
    buyers[0].start()
    await _until_intent(academy, buyers[0])


async def _accepted(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(f) The update is accepted and not completed: the provider refuses everybody at the door."""
    limit = {"operation": "create_payment", "kind": "rate_limit", "times": 10_000}
    await academy.provider_faults(api=[limit])
    buyers[0].start()

    async def look() -> bool:
        order_id, _ = await order_of(academy, buyers[0])
        return (await academy.last_event(order_id)).kind == "ActivityTaskScheduled"

    await until(look, "the patient step", REACHED_WITHIN_SECONDS)


async def _first_task_done(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """All of the first task is done; its report does not reach Temporal."""
    academy.links["worker-temporal"].withhold_requests()
    buyers[0].start()
    await order_becomes(academy, buyers[0], "awaiting_payment")


async def _update_unheard(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(f) The update is completed; the API does not hear of it."""
    academy.links["api-temporal"].withhold_answers()
    buyers[0].start()
    await history_reaches(academy, buyers[0], 10)


async def _answer_lost(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(f) The API has answered; the buyer does not hear it, and will not: the connection is cut."""
    shop = academy.links["buyer-api"]
    shop.withhold_answers()
    buyers[0].start()
    await history_reaches(academy, buyers[0], 10)

    async def cut() -> None:
        shop.cut()

    academy.at_release(cut)


async def _webhook_lost(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(a) The money is captured; the provider's webhook gets lost."""
    await order_all(buyers)
    await academy.provider_faults(webhooks={"drop": 1.0})
    buyers[0].may_pay.set()

    async def look() -> bool:
        charges = (await academy.book(buyers[0].order_id))["charges"]
        return bool(charges)

    await until(look, "a captured charge", REACHED_WITHIN_SECONDS)


async def _unsignalled(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(e) The webhook is committed; its signal does not reach Temporal."""
    await order_all(buyers)
    academy.links["api-temporal"].withhold_requests()
    buyers[0].may_pay.set()
    statement = "SELECT id FROM provider_events WHERE order_id = $1 AND body -> 'payment' ->> 'state' = 'succeeded'"
    await _until_row(academy, "a committed webhook", statement + " AND status = 'received'", buyers[0].order_id)


async def _settled_unheard(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(b) COMMIT of the settlement is done; the worker itself has not heard of it."""
    await order_all(buyers)
    academy.links["worker-postgres"].withhold_answer_to(COMMIT)
    buyers[0].may_pay.set()
    await order_becomes(academy, buyers[0], "enrolled")


async def _settled_unreported(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(b) The worker has settled and has told nobody; the mail server does not answer it."""
    await order_all(buyers)
    academy.links["worker-inbox"].withhold_answers()
    buyers[0].may_pay.set()
    await _until_message(academy, buyers[0], "queued")


async def _mail_unheard(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(c) The inbox has the mail and said 250; the worker does not hear it."""
    await order_all(buyers)
    academy.links["worker-inbox"].withhold_answer_to(END_OF_MAIL)
    buyers[0].may_pay.set()
    await _until_mail(academy, buyers[0])


async def _mail_unwritten(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """(c) The worker heard 250; its UPDATE waits for a row lock that we hold."""
    buyer = buyers[0]
    await order_all(buyers)
    academy.links["worker-inbox"].withhold_answers()
    buyer.may_pay.set()
    message_id = await _until_message(academy, buyer, "queued")
    session = await academy.new_sql_session()
    academy.at_release(session.close)
    await session.execute("BEGIN")
    await session.execute("SELECT FROM outgoing_messages WHERE id = $1 FOR UPDATE", message_id)
    academy.links["worker-inbox"].release()
    await _until_mail(academy, buyer)
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1"
    await _until_row(academy, "an UPDATE that waits", waiting, "UPDATE outgoing_messages%")


async def _all_done(academy: Academy, buyers: Sequence[Buyer]) -> None:
    """Settled, told and marked; the report does not reach Temporal."""
    await order_all(buyers)
    academy.links["worker-temporal"].withhold_requests()
    buyers[0].may_pay.set()
    await _until_message(academy, buyers[0], "sent")


def _wrong_amount(then: Callable[[Academy, Buyer], Awaitable[None]]) -> Reach:
    async def reach(academy: Academy, buyers: Sequence[Buyer]) -> None:
        buyers[0].bank_captures = 12_345
        await order_all(buyers)
        await then(academy, buyers[0])

    return reach


async def _debt_unheard(academy: Academy, buyer: Buyer) -> None:
    """COMMIT of a payment that enrolls nobody is done; the worker has not heard of it."""
    academy.links["worker-postgres"].withhold_answer_to(COMMIT)
    buyer.may_pay.set()
    await order_becomes(academy, buyer, "settling")


async def _refund_withheld(academy: Academy, buyer: Buyer) -> None:
    """The refund is in the provider's book; the answer hangs."""
    await academy.provider_faults(api=[{"operation": "create_refund", "kind": "charge_then_hang"}])
    buyer.may_pay.set()

    async def look() -> bool:
        refunds = (await academy.book(buyer.order_id))["refunds"]
        return bool(refunds) and (await academy.last_event(buyer.order_id)).kind == "WorkflowExecutionCompleted"

    await until(look, "a refund in the book, the purchase's story closed", REACHED_WITHIN_SECONDS)


GAPS = (
    Stop("d: placed, Temporal not reached", None, "preparing", "-", _placed),
    Stop("reserve: COMMIT unheard", TASK_1, "preparing", "-", _reserved),
    Stop("a: charge made, answer withheld", TASK_1, "preparing", UNPAID, _charge_withheld),
    Stop("a: charge made, answered 500", TASK_1, "preparing", UNPAID, _charge_denied),
    Stop("first task done, unreported", TASK_1, "awaiting_payment", UNPAID, _first_task_done),
    Stop("f: update accepted, no answer yet", None, "preparing", "-", _accepted, newest="ActivityTaskScheduled"),
    Stop("f: update completed, API not told", CHECKOUT, "awaiting_payment", UNPAID, _update_unheard),
    Stop("f: HTTP answer lost", CHECKOUT, "awaiting_payment", UNPAID, _answer_lost),
    Stop("a: money captured, webhook lost", CHECKOUT, "awaiting_payment", PAID, _webhook_lost),
    Stop("e: webhook committed, not signalled", CHECKOUT, "awaiting_payment", PAID, _unsignalled),
    Stop("b: settle COMMIT unheard", TASK_2, "enrolled", PAID, _settled_unheard),
    Stop("b: settled, unreported", TASK_2, "enrolled", PAID, _settled_unreported),
    Stop("c: mail taken, 250 unheard", TASK_2, "enrolled", PAID, _mail_unheard),
    Stop("c: 250 heard, row unwritten", TASK_2, "enrolled", PAID, _mail_unwritten),
    Stop("second task done, unreported", TASK_2, "enrolled", PAID, _all_done),
    Stop("wrong amount: COMMIT unheard", TASK_2, "settling", PAID, _wrong_amount(_debt_unheard), "refunded"),
    Stop(
        "wrong amount: refund made, answer withheld",
        None,
        "settling",
        PAID,
        _wrong_amount(_refund_withheld),
        "refunded",
        newest="WorkflowExecutionCompleted",
    ),
)
