"""One kill: bring purchases to a stop, kill something there, start it again, and judge how each purchase ends."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import asyncpg
from temporalio.service import RPCError

from tests.chaos.academy import Academy
from tests.chaos.buyer import Buyer, new_buyer
from tests.chaos.histories import Batch
from tests.chaos.stops import Landed, Stop, order_of, where
from tests.chaos.verdicts import judge, story_ended
from tests.chaos.waiting import until

TRIES = 4
"""How often new purchases are sent to a stop that the last ones missed."""

ENDS_WITHIN_SECONDS = 90.0
"""From the kill to the end of the story, message included."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    target: str
    victim: str
    landed: str
    seconds: float
    outcome: str
    tries: int


async def strike(
    academy: Academy,
    stop: Stop,
    targets: Sequence[str],
    victim: str,
    undisturbed: Sequence[Batch],
    *,
    provider: str = "stripe",
) -> list[Row]:
    """Kill `victim` while one purchase for each target stands at the stop.

    Raises `AssertionError` when the stop was missed `TRIES` times or a purchase did not end right.
    """
    died_before = len(academy.died)
    missed: list[str] = []
    for attempt in range(1, TRIES + 1):
        buyers = [await new_buyer(academy, provider) for _ in targets]
        landed = await _hold(academy, stop, buyers, undisturbed)
        if isinstance(landed, str):
            missed.append(landed)
            await academy.release()
            await _all_end_right(academy, stop, buyers)
            continue
        began = monotonic()
        moved = await _kill_and_restart(academy, stop, victim, buyers, landed)
        ended = await _all_end_right(academy, stop, buyers)
        if moved:
            missed.append(moved)
            continue
        outcome = stop.ends_as + "".join(f"; {name} died too" for name in academy.died[died_before:])
        return [
            Row(target, victim, str(place), end - began, outcome, attempt)
            for target, place, end in zip(targets, landed, ended, strict=True)
        ]
    raise AssertionError(f"{stop.name}: missed {TRIES} times: {missed}")


async def _hold(
    academy: Academy, stop: Stop, buyers: Sequence[Buyer], undisturbed: Sequence[Batch]
) -> list[Landed] | str:
    """Where the purchases stand, or how they missed the stop."""
    try:
        await stop.reach(academy, buyers)
    except TimeoutError as error:
        return str(error)
    landed = [await where(academy, buyer) for buyer in buyers]
    wrong = [str(place) for place in landed if not stop.is_hit(place, undisturbed)]
    return f"stood at {wrong[0]}" if wrong else landed


async def _kill_and_restart(
    academy: Academy, stop: Stop, victim: str, buyers: Sequence[Buyer], landed: Sequence[Landed]
) -> str:
    """Empty, or how a purchase moved on between the look and the kill, so that the kill came too late."""
    # What stood in the books before PostgreSQL or Temporal die has to stand there afterwards.
    ids = [(await order_of(academy, buyer))[0] for buyer in buyers]
    await academy.kill(victim)
    try:
        if victim != "temporal":
            now = [await academy.last_event(order_id) for order_id in ids]
            moved = [
                f"went on to {event.id} {event.kind}"
                for event, place in zip(now, landed, strict=True)
                if event != place.event
            ]
    finally:
        await academy.restart(victim)
    if victim == "temporal":
        await until(lambda: _answers(academy), "Temporal answers again", 30)
        now = [await academy.last_event(order_id) for order_id in ids]
        lost = [event for event, place in zip(now, landed, strict=True) if event.id < place.event.id]
        assert not lost, f"{stop.name}: Temporal lost events that it had answered with: {lost}"
        moved = []
    await academy.release()
    return moved[0] if moved else ""


async def _answers(academy: Academy) -> bool:
    with suppress(RPCError):
        return await academy.temporal.service_client.check_health()
    return False


async def _all_end_right(academy: Academy, stop: Stop, buyers: Sequence[Buyer]) -> list[float]:
    """When each purchase was through. Raises `AssertionError`, naming what is wrong with it."""
    ends = []
    for buyer in buyers:
        buyer.may_pay.set()
    for buyer in buyers:
        try:
            assert await buyer.finished(ENDS_WITHIN_SECONDS) == stop.ends_as
            await story_ended(academy, buyer, ENDS_WITHIN_SECONDS)
            ends.append(monotonic())
            await judge(academy, buyer, stop.ends_as)
        except (TimeoutError, AssertionError, asyncpg.PostgresError, RPCError) as error:
            for other in buyers:
                await other.leave()
            place = await where(academy, buyer)
            raise AssertionError(
                f"{stop.name}: order {buyer.order_id} ({buyer.email}) at {place}: {error!r}"
            ) from error
    return ends
