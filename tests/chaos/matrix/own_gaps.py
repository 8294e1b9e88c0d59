"""Gaps of one story only: of the purchase, of the refund, of the dispute."""

from collections.abc import Awaitable, Callable

from tests.chaos.matrix.gaps import COMMIT, hold_row, until_row, until_waits_for_lock
from tests.chaos.matrix.stops import (
    REACHED_WITHIN_SECONDS,
    STARTED,
    TASK_1,
    TASK_2,
    WAITING,
    Place,
    Places,
    Reach,
    Stage,
    Stop,
)
from tests.chaos.waiting import until

WRONG_AMOUNT = 12_345


async def _reserved(stage: Stage) -> None:
    """COMMIT of the price and the seat is done; the worker has not heard of it."""
    stage.academy.links["worker-postgres"].withhold_answer_to(COMMIT)
    stage.only.start()
    statement = "SELECT id FROM orders WHERE user_id = $1 AND amount IS NOT NULL"
    await until_row(stage, "a priced order", statement, stage.only.buyer.user_id)


async def _accepted(stage: Stage) -> None:
    """(f) The update is accepted and not completed: the provider refuses everybody at the door."""
    limit = {"operation": "create_payment", "kind": "rate_limit", "times": 10_000}
    await stage.academy.provider_faults(api=[limit])
    stage.only.start()

    async def look() -> bool:
        return (await stage.only.last_event()).kind == "ActivityTaskScheduled"

    await until(look, "the patient step", REACHED_WITHIN_SECONDS)


async def _update_unheard(stage: Stage) -> None:
    """(f) The update is completed; the API does not hear of it."""
    stage.academy.links["api-temporal"].withhold_answers()
    stage.only.start()
    await stage.histories_reach(WAITING)


async def _captured(stage: Stage) -> None:
    """(a) The authorised payment is captured in the provider's book; the answer hangs."""
    await stage.academy.provider_faults(api=[{"operation": "capture", "kind": "charge_then_hang"}])
    await stage.first_act()
    stage.second_act()
    await stage.their_book_says(stage.places.done.theirs)


def _wrong_amount(then: Callable[[Stage], Awaitable[None]]) -> Reach:
    async def reach(stage: Stage) -> None:
        stage.only.buyer.bank_captures = WRONG_AMOUNT
        await stage.first_act()
        await then(stage)

    return reach


async def _debt_unheard(stage: Stage) -> None:
    """COMMIT of a payment that enrolls nobody is done; the worker has not heard of it."""
    stage.academy.links["worker-postgres"].withhold_answer_to(COMMIT)
    stage.second_act()
    await stage.our_row_says("settling")


async def _refund_withheld(stage: Stage) -> None:
    """The refund is in the provider's book; the answer hangs."""
    await stage.academy.provider_faults(api=[{"operation": "create_refund", "kind": "charge_then_hang"}])
    stage.second_act()
    order_id, _ = await stage.only.buyer.order()

    async def look() -> bool:
        refunds = (await stage.academy.book(order_id))["refunds"]
        return bool(refunds) and (await stage.only.last_event()).kind == "WorkflowExecutionCompleted"

    await until(look, "a refund in the book, the purchase's story closed", REACHED_WITHIN_SECONDS)


def gaps_of_purchase(places: Places) -> tuple[Stop, ...]:
    """Until the buyer holds a checkout; and money that enrolls nobody."""
    debt = Place("settling", places.done.theirs)
    return (
        Stop("reserve: COMMIT unheard", TASK_1, places.begun, _reserved, ("worker", "postgres")),
        Stop(
            *("f: update accepted, no answer yet", None, places.begun, _accepted, ("api", "worker")),
            newest="ActivityTaskScheduled",
        ),
        Stop("f: update completed, API not told", WAITING, places.waiting, _update_unheard, ("api", "temporal")),
        Stop(
            *("wrong amount: COMMIT unheard", TASK_2, debt, _wrong_amount(_debt_unheard), ("worker", "postgres")),
            ends_as="refunded",
        ),
        Stop(
            *("wrong amount: refund made, answer withheld", None, debt, _wrong_amount(_refund_withheld)),
            *(("worker", "temporal"), "refunded", "WorkflowExecutionCompleted"),
        ),
    )


def gap_of_capture(places: Places) -> Stop:
    """Where capturing is ours."""
    place = Place(places.told.ours, places.done.theirs)
    return Stop("a: captured, answer withheld", TASK_2, place, _captured, ("worker", "temporal"))


async def _refund_row_unheard(stage: Stage) -> None:
    """(d) COMMIT of the refund's row is done; the API has not heard of it, and Temporal not of the refund."""
    stage.academy.links["api-postgres"].withhold_answer_to(COMMIT)
    stage.only.start()
    await stage.our_row_says(stage.places.begun.ours)


async def _submission_unwritten(stage: Stage) -> None:
    """(a) The worker has heard of the refund that it made; its UPDATE waits for a row lock that we hold."""
    stage.academy.links["worker-temporal"].black_out()
    stage.only.start()
    await stage.histories_reach(STARTED)
    statement = "SELECT r.id FROM refunds r JOIN orders o ON o.id = r.order_id WHERE o.user_id = $1"
    await hold_row(stage, "refunds", await until_row(stage, "a refund", statement, stage.only.buyer.user_id))
    stage.academy.links["worker-temporal"].release()
    await stage.their_book_says(stage.places.waiting.theirs)
    await until_waits_for_lock(stage, "refunds")


def gaps_of_refund(places: Places) -> tuple[Stop, ...]:
    """Asking for it, and making it."""
    made = Place(places.begun.ours, places.waiting.theirs)
    return (
        Stop("d: row's COMMIT unheard", None, places.begun, _refund_row_unheard, ("api", "postgres")),
        Stop("a: made and heard, row unwritten", TASK_1, made, _submission_unwritten, ("worker", "postgres")),
    )


async def _opening_unheard(stage: Stage) -> None:
    """(b) COMMIT of what the opened dispute does is done; the worker has not heard of it."""
    stage.academy.links["worker-postgres"].withhold_answer_to(COMMIT)
    stage.only.start()
    await stage.our_row_says(stage.places.waiting.ours)


def gap_of_dispute(places: Places) -> Stop:
    """The money is withdrawn."""
    return Stop("b: COMMIT of the opening unheard", TASK_1, places.waiting, _opening_unheard, ("worker", "postgres"))
