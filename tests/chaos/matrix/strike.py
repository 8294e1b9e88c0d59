"""One kill: bring errands to a stop, kill something there, start it again, and judge how each errand ends."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import asyncpg
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from tests.chaos.academy import Academy
from tests.chaos.errands.errand import Errand
from tests.chaos.histories import Batch, last_event, read_batches
from tests.chaos.matrix.scenarios import Scenario
from tests.chaos.matrix.stops import WAITING, Landed, Stage, Stop, where
from tests.chaos.waiting import until

TRIES = 4
"""How often new errands are sent to a stop that the last ones missed."""

ENDS_WITHIN_SECONDS = 90.0
"""From the kill to the end of the story, message included."""

UNDISTURBED_WITHIN_SECONDS = 30.0


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    scenario: str
    target: str
    victim: str
    landed: str
    seconds: float
    outcome: str
    tries: int


async def strike(
    academy: Academy, scenario: Scenario, stop: Stop, victim: str, undisturbed: Sequence[Batch]
) -> list[Row]:
    """Kill `victim` while one errand for each target stands at the stop.

    Raises `AssertionError` when the stop was missed `TRIES` times or an errand did not end right.
    """
    died_before = len(academy.died)
    targets = scenario.targets_of(stop, undisturbed)
    missed: list[str] = []
    for attempt in range(1, TRIES + 1):
        errands = [await scenario.new(academy) for _ in targets]
        await academy.news.withhold()
        for errand in errands:
            errand.ends_as = stop.ends_as or errand.ends_as
            await errand.prepare()
        landed = await _hold(stop, Stage(academy, errands, undisturbed, scenario.places))
        if isinstance(landed, str):
            missed.append(landed)
            await academy.release()
            await _all_end_right(academy, stop, errands)
            continue
        began = monotonic()
        moved = await _kill_and_restart(academy, stop, victim, errands, landed)
        ended = await _all_end_right(academy, stop, errands)
        if moved:
            missed.append(moved)
            continue
        died = "".join(f"; {name} died too" for name in academy.died[died_before:])
        return [
            Row(scenario.name, target, victim, str(place), end - began, f"{errand.ends_as}{died}", attempt)
            for errand, target, place, end in zip(errands, targets, landed, ended, strict=True)
        ]
    raise AssertionError(f"{stop.name}: missed {TRIES} times: {missed}")


async def undisturbed_history(academy: Academy, scenario: Scenario) -> list[Batch]:
    """The real history of one errand that nothing disturbs, by the server's own writes."""
    errand = await scenario.new(academy)
    await academy.news.withhold()
    await errand.prepare()

    async def history() -> list[Batch]:
        return await read_batches(academy.temporal, (await errand.row())[0] or "none")

    async def waits() -> bool:
        # The second act must not come into the first task.
        return len(await history()) > WAITING

    errand.start()
    await errand.begun(UNDISTURBED_WITHIN_SECONDS)
    await until(waits, "a story that waits", UNDISTURBED_WITHIN_SECONDS)
    errand.may_go_on.set()
    assert await errand.finished(UNDISTURBED_WITHIN_SECONDS) == errand.ends_as
    await _story_closed(academy, errand, UNDISTURBED_WITHIN_SECONDS)
    await errand.judge()
    await academy.release()
    return await history()


async def _hold(stop: Stop, stage: Stage) -> list[Landed] | str:
    """Where the errands stand, or how they missed the stop."""
    try:
        await stop.reach(stage)
    except TimeoutError as error:
        return str(error)
    landed = [await where(errand) for errand in stage.errands]
    wrong = [str(place) for place in landed if not stop.is_hit(place, stage.undisturbed)]
    return f"stood at {wrong[0]}" if wrong else landed


async def _kill_and_restart(
    academy: Academy, stop: Stop, victim: str, errands: Sequence[Errand], landed: Sequence[Landed]
) -> str:
    """Empty, or how an errand moved on between the look and the kill, so that the kill came too late."""
    # What stood in the books before PostgreSQL or Temporal die has to stand there afterwards.
    ids = [(await errand.row())[0] or "none" for errand in errands]
    await academy.kill(victim)
    try:
        if victim != "temporal":
            now = [await last_event(academy.temporal, workflow_id) for workflow_id in ids]
            moved = [
                f"went on to {event.id} {event.kind}"
                for event, place in zip(now, landed, strict=True)
                if event != place.event
            ]
    finally:
        await academy.restart(victim)
    if victim == "temporal":
        await until(lambda: _answers(academy), "Temporal answers again", 30)
        now = [await last_event(academy.temporal, workflow_id) for workflow_id in ids]
        lost = [event for event, place in zip(now, landed, strict=True) if event.id < place.event.id]
        assert not lost, f"{stop.name}: Temporal lost events that it had answered with: {lost}"
        moved = []
    await academy.release()
    return moved[0] if moved else ""


async def _answers(academy: Academy) -> bool:
    with suppress(RPCError):
        return await academy.temporal.service_client.check_health()
    return False


async def _all_end_right(academy: Academy, stop: Stop, errands: Sequence[Errand]) -> list[float]:
    """When each errand was through. Raises `AssertionError`, naming what is wrong with it."""
    ends = []
    for errand in errands:
        errand.may_go_on.set()
    for errand in errands:
        try:
            assert await errand.finished(ENDS_WITHIN_SECONDS) == errand.ends_as
            await _story_closed(academy, errand, ENDS_WITHIN_SECONDS)
            ends.append(monotonic())
            await errand.judge()
        except (TimeoutError, AssertionError, asyncpg.PostgresError, RPCError) as error:
            for other in errands:
                await other.leave()
            place, (workflow_id, _) = await where(errand), await errand.row()
            raise AssertionError(f"{stop.name}: {workflow_id} ({errand.buyer.email}) at {place}: {error!r}") from error
    return ends


async def _story_closed(academy: Academy, errand: Errand, seconds: float) -> None:
    """Wait until the story has ended well and every message to this person is sent."""

    async def look() -> bool:
        workflow_id, _ = await errand.row()
        handle = academy.temporal.get_workflow_handle(workflow_id or "none")
        if (await handle.describe()).status is not WorkflowExecutionStatus.COMPLETED:
            return False
        return bool(
            await academy.sql(
                "SELECT FROM outgoing_messages WHERE user_id = $1 HAVING bool_and(status = 'sent')",
                errand.buyer.user_id,
            )
        )

    await until(look, f"story of {errand.buyer.email} closed, messages sent", seconds)
