"""A grading is told by mail and push, once; by the relay when whoever graded was killed before the start."""

import httpx
import pytest_asyncio
from litestar import Litestar

from activities.sweeps import Sweeps
from db.queries.assignments.grading import Grader, NewGrading, grade
from db.sql import fetch
from domain.identifiers import completion_workflow_id
from tests.integration.assignments.classroom import Classroom, open_classroom
from tests.integration.messaging.phones import with_device
from tests.workflow.conftest import Academy, eventually

SENT = """SELECT count(*) AS n FROM outgoing_messages WHERE user_id = $1 AND template = 'assignment-graded'
          HAVING count(*) FILTER (WHERE status = 'sent') = $2"""


@pytest_asyncio.fixture(loop_scope="session")
async def room(academy: Academy, app: Litestar, client: httpx.AsyncClient) -> Classroom:
    opened = await open_classroom(app, client, academy.new_person)
    await with_device(opened.learner.person, "fcm")
    return opened


async def mails_to(academy: Academy, email: str) -> list[str]:
    """The subjects of what lies in the inbox."""
    port = academy.services.settings.inbox_port
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as inbox:
        return [mail["subject"] for mail in (await inbox.get("/api/messages", params={"to": email})).json()]


async def test_it_is_told_over_both_channels_and_the_last_lesson_completes_the_course(
    academy: Academy, room: Classroom
) -> None:
    submission_id = (await room.learner.hand_in(room.lesson_id)).json()["id"]
    assert (await room.instructor.grade(submission_id, 1, 60, 25)).status_code == 201
    await eventually(SENT, room.learner.person.id, 2)
    assert await mails_to(academy, room.learner.person.email) == ["Your assignment score: 85/100"]
    handle = academy.services.temporal.get_workflow_handle(completion_workflow_id(room.enrollment_id))
    await handle.result()
    await eventually("SELECT FROM course_enrollments WHERE id = $1 AND status = 'completed'", room.enrollment_id)


async def test_killed_after_the_commit_the_relay_tells_of_it(academy: Academy, room: Classroom) -> None:
    submission_id = (await room.learner.hand_in(room.lesson_id)).json()["id"]
    new = NewGrading(
        submission_id=submission_id, version=1, points={"content": 10, "form": 5}, feedback="", asks_again=False
    )
    await grade(new, Grader(room.instructor.person.id, any_course=False))  # and nothing more of the request
    await fetch(
        "UPDATE outgoing_messages SET created_at = now() - interval '1 h' WHERE user_id = $1", room.learner.person.id
    )
    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)
    await academy.in_activity(sweeps.relay)
    await eventually(SENT, room.learner.person.id, 2)
    assert await mails_to(academy, room.learner.person.email) == ["Your assignment score: 15/100"]
