"""Gaps that the history does not show: something was done, and whoever has to write it down does not know yet.

These are the gaps that every story of two acts has; `own_gaps.py` has those of one story only.
"""

from tests.chaos.matrix.stops import (
    REACHED_WITHIN_SECONDS,
    TASK_1,
    TASK_2,
    WAITING,
    Place,
    Places,
    Stage,
    Stop,
)
from tests.chaos.waiting import until

COMMIT = b"COMMIT;"
"""asyncpg ends a transaction with this simple query."""
END_OF_MAIL = b"\r\n.\r\n"
"""RFC 5321 §4.1.1.4."""


async def until_row(stage: Stage, what: str, statement: str, *arguments: object) -> str:
    """Wait for a row and answer with its first value."""

    async def look() -> list[object]:
        rows = await stage.academy.sql(statement, *arguments)
        return [rows[0][0]] if rows else []

    return str((await until(look, what, REACHED_WITHIN_SECONDS))[0])


async def until_message(stage: Stage, status: str) -> str:
    """Wait until the mail of the end has a status; its id."""

    async def look() -> list[str]:
        statement = "SELECT id FROM outgoing_messages WHERE dedupe_key = $1 AND status = $2"
        rows = await stage.academy.sql(statement, await stage.only.message_key(), status)
        return [row["id"] for row in rows]

    return (await until(look, f"message {status}", REACHED_WITHIN_SECONDS))[0]


async def until_waits_for_lock(stage: Stage, table: str) -> None:
    """Wait until an UPDATE of a table waits for a row that we hold."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1"
    await until_row(stage, "an UPDATE that waits", waiting, f"UPDATE {table}%")


async def hold_row(stage: Stage, table: str, row_id: str) -> None:
    """Lock a row until the kill is over."""
    session = await stage.academy.new_sql_session()
    stage.academy.at_release(session.close)
    await session.execute("BEGIN")
    await session.execute(f"SELECT FROM {table} WHERE id = $1 FOR UPDATE", row_id)  # a table of ours


async def _until_mail(stage: Stage, message_id: str) -> None:
    async def look() -> bool:
        mails = await stage.academy.mails(stage.only.buyer.email)
        return any(mail["messageId"].strip("<>").startswith(message_id) for mail in mails)

    await until(look, "a mail in the inbox", REACHED_WITHIN_SECONDS)


async def _first_task_done(stage: Stage) -> None:
    """All of the first task is done; its report does not reach Temporal."""
    stage.academy.links["worker-temporal"].withhold_requests()
    stage.only.start()
    await stage.our_row_says(stage.places.waiting.ours)


async def _webhook_lost(stage: Stage) -> None:
    """(a) It is done at the provider, whose webhooks get lost."""
    await stage.first_act()
    stage.academy.news.lose()
    stage.second_act()
    await stage.their_book_says(stage.places.told.theirs)


async def _unsignalled(stage: Stage) -> None:
    """(e) The webhook is committed; its signal does not reach Temporal."""
    await stage.first_act()
    stage.academy.links["api-temporal"].withhold_requests()
    stage.second_act()
    order_id, _ = await stage.only.buyer.order()
    statement = (
        "SELECT id FROM provider_events WHERE event_type = $1 AND status = 'received' AND (order_id = $2 OR payment_id"
        " IN (SELECT provider_payment_id FROM payments WHERE order_id = $2))"
    )
    await until_row(stage, "a committed webhook", statement, stage.only.told_by, order_id)


async def _commit_unheard(stage: Stage) -> None:
    """(b) COMMIT of the end is done; the worker itself has not heard of it."""
    await stage.first_act()
    stage.academy.links["worker-postgres"].withhold_answer_to(COMMIT)
    stage.second_act()
    await stage.our_row_says(stage.places.done.ours)


async def _unreported(stage: Stage) -> None:
    """(b) The worker has written the end and has told nobody; the mail server does not answer it."""
    await stage.first_act()
    stage.academy.links["worker-inbox"].withhold_answers()
    stage.second_act()
    await until_message(stage, "queued")


async def _mail_unheard(stage: Stage) -> None:
    """(c) The inbox has the mail and said 250; the worker does not hear it."""
    await stage.first_act()
    stage.academy.links["worker-inbox"].withhold_answer_to(END_OF_MAIL)
    stage.second_act()
    await _until_mail(stage, await until_message(stage, "queued"))


async def _mail_unwritten(stage: Stage) -> None:
    """(c) The worker heard 250; its UPDATE waits for a row lock that we hold."""
    await stage.first_act()
    stage.academy.links["worker-inbox"].withhold_answers()
    stage.second_act()
    message_id = await until_message(stage, "queued")
    await hold_row(stage, "outgoing_messages", message_id)
    stage.academy.links["worker-inbox"].release()
    await _until_mail(stage, message_id)
    await until_waits_for_lock(stage, "outgoing_messages")


async def _all_told(stage: Stage) -> None:
    """Written, told and marked; the report does not reach Temporal."""
    await stage.first_act()
    stage.academy.links["worker-temporal"].withhold_requests()
    stage.second_act()
    await until_message(stage, "sent")


async def _all_done(stage: Stage) -> None:
    """Written; the report does not reach Temporal."""
    await stage.first_act()
    stage.academy.links["worker-temporal"].withhold_requests()
    stage.second_act()
    await stage.our_row_says(stage.places.done.ours)


def gaps_of_all(places: Places) -> tuple[Stop, ...]:
    """What lies between the acts of every story."""
    return (
        Stop("first task done, unreported", TASK_1, places.waiting, _first_task_done, ("worker", "temporal")),
        Stop("a: done at provider, webhook lost", WAITING, places.told, _webhook_lost, ("worker", "api")),
        Stop("e: webhook committed, not signalled", WAITING, places.told, _unsignalled, ("api", "temporal")),
        Stop("b: COMMIT of the end unheard", TASK_2, places.done, _commit_unheard, ("worker", "postgres")),
    )


def gaps_of_mail(done: Place) -> tuple[Stop, ...]:
    """What lies around the mail of the end."""
    return (
        Stop("b: end written, unreported", TASK_2, done, _unreported, ("worker", "temporal")),
        Stop("c: mail taken, 250 unheard", TASK_2, done, _mail_unheard, ("worker", "temporal")),
        Stop("c: 250 heard, row unwritten", TASK_2, done, _mail_unwritten, ("worker", "postgres")),
        Stop("second task done, unreported", TASK_2, done, _all_told, ("worker", "temporal")),
    )


def gap_without_mail(done: Place) -> Stop:
    """The last gap of a story that tells nobody."""
    return Stop("second task done, unreported", TASK_2, done, _all_done, ("worker", "temporal"))


async def _placed(stage: Stage) -> None:
    """(d) The first commit is done; Temporal has not heard of it."""
    stage.academy.links["api-temporal"].withhold_requests()
    stage.only.start()
    await stage.our_row_says(stage.places.begun.ours)


def gap_before_the_story(begun: Place) -> Stop:
    """A row, and no story yet."""
    return Stop("d: row committed, Temporal not reached", None, begun, _placed, ("api", "temporal"))


async def _answer_lost(stage: Stage) -> None:
    """(f) The API has answered; the buyer does not hear it, and will not: the connection is cut."""
    shop = stage.academy.links["buyer-api"]
    shop.withhold_answers()
    stage.only.start()
    await stage.histories_reach(WAITING)

    async def cut() -> None:
        shop.cut()

    stage.academy.at_release(cut)


def gap_of_the_answer(waiting: Place) -> Stop:
    """Everything is right, but who asked does not know."""
    return Stop("f: HTTP answer lost", WAITING, waiting, _answer_lost, ("api", "temporal"))


def made_at_provider(operation: str, places: Places) -> tuple[Stop, ...]:
    """The provider did what the first act asked of it, and we do not know."""

    async def withheld(stage: Stage) -> None:
        """(a) It is in the provider's book; the answer hangs."""
        await stage.academy.provider_faults(api=[{"operation": operation, "kind": "charge_then_hang"}])
        stage.only.start()
        await stage.their_book_says(stage.places.waiting.theirs)

    async def denied(stage: Stage) -> None:
        """(a) It is in the provider's book; the answer was 500, and looking for it hangs."""
        await stage.academy.provider_faults(
            api=[
                {"operation": operation, "kind": "charge_then_500"},
                {"operation": "list", "kind": "charge_then_hang", "times": 5},
            ]
        )
        stage.only.start()
        await stage.their_book_says(stage.places.waiting.theirs)

    place = Place(places.begun.ours, places.waiting.theirs)
    return (
        Stop("a: made at provider, answer withheld", TASK_1, place, withheld, ("worker", "temporal")),
        Stop("a: made at provider, answered 500", TASK_1, place, denied, ("worker", "postgres")),
    )
