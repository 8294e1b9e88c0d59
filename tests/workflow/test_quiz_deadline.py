"""A deadline of production's length, with the time until it skipped by the server."""

import asyncio

import httpx
from litestar import Litestar

from db.sql import fetch
from domain.identifiers import quiz_attempt_workflow_id
from tests.integration.conftest import NewPerson
from tests.integration.learning.learners import audits
from tests.integration.learning.quizzes import make_quiz, right_answers
from tests.workflow.conftest import Academy
from tests.workflow.test_time import academy

__all__ = ["academy"]


async def test_three_hours_are_waited_and_the_row_decides(
    academy: Academy, app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    """The server here skips what its stories sleep; the database's clock does not. So the story finds at first that the
    time is not over, and sleeps again: it only waits, the row decides."""
    quiz = await make_quiz(app, client, new_person, timeLimit=180)
    sitter = await quiz.new_sitter()
    attempt = (await sitter.start())["id"]
    await sitter.save(attempt, 1, await right_answers(attempt))
    await academy.stories.tell_quiz_attempt(attempt)
    handle = academy.services.temporal.get_workflow_handle(quiz_attempt_workflow_id(attempt))

    async def timers() -> list[float]:
        return [
            event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta().total_seconds()
            for event in (await handle.fetch_history()).events
            if event.HasField("timer_started_event_attributes")
        ]

    async with asyncio.timeout(20):
        while len(await timers()) < 2:
            await asyncio.sleep(0.05)
    assert (await sitter.ok("GET", f"/quiz-attempts/{attempt}"))["submittedAt"] is None
    await fetch("UPDATE quiz_attempts SET deadline_at = now() WHERE id = $1", attempt)
    await handle.result()
    waited = await timers()
    assert all(3 * 3600 - 60 < seconds <= 3 * 3600 for seconds in waited), waited
    done = await sitter.ok("GET", f"/quiz-attempts/{attempt}")
    assert (done["score"], done["submittedBy"]) == (100, "deadline")
    assert await audits("quiz.submitted", sitter.enrollment_id) == 1
