"""When a lesson is held live, and for whom where."""

from typing import Any

import httpx
from litestar import Litestar

from db.sql import fetch
from domain.identifiers import new_id
from tests.integration.catalog.catalog_rows import add_course, add_module
from tests.integration.conftest import NewPerson, Person, bearer, token_of
from tests.integration.learning.learners import enroll

JOIN = "https://meet.example/secret"


async def live_lesson(*, preview: bool = False, **columns: Any) -> tuple[str, str]:
    """Course and lesson, with one date."""
    course_id, lesson_id = await add_course("yoga", **columns), new_id()
    await fetch(
        "INSERT INTO course_lessons (id, \"moduleId\", title, \"order\", type) VALUES ($1, $2, 'L', 1, 'live-session')",
        *(lesson_id, await add_module(course_id, 1, preview=preview)),
    )
    await fetch(
        'INSERT INTO course_live_sessions (id, "courseId", "lessonId", title, "startsAt", "joinUrl", "recordingUrl")'
        " VALUES ($1, $2, $3, 'L', '2030-01-01 12:30', $4, $4)",
        *(new_id(), course_id, lesson_id, JOIN),
    )
    return course_id, lesson_id


async def test_the_address_is_for_those_to_whom_the_lesson_is_open(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    async def sees(person: Person, lesson_id: str) -> httpx.Response:
        headers = bearer(await token_of(app, person))
        return await client.get(f"/api/v1/lessons/{lesson_id}/live-sessions", headers=headers)

    learner, stranger = await new_person(), await new_person()
    course_id, lesson_id = await live_lesson()
    await enroll(learner.id, course_id)
    [date] = (await sees(learner, lesson_id)).json()["items"]
    assert (date["startsAt"], date["joinUrl"], date["recordingUrl"]) == ("2030-01-01T12:30:00Z", JOIN, JOIN)
    [date] = (await sees(stranger, lesson_id)).json()["items"]
    assert (date["startsAt"], date["joinUrl"], date["recordingUrl"]) == ("2030-01-01T12:30:00Z", None, None)

    await fetch("INSERT INTO lesson_rules (lesson_id, opens_after_days) VALUES ($1, 3)", lesson_id)
    assert JOIN not in (await sees(learner, lesson_id)).text, "it opens later"
    await fetch("DELETE FROM lesson_rules WHERE lesson_id = $1", lesson_id)
    await fetch("UPDATE entitlements SET ended_at = now() WHERE user_id = $1", learner.id)
    assert JOIN not in (await sees(learner, lesson_id)).text, "access has ended"

    _, preview = await live_lesson(preview=True)
    assert JOIN not in (await sees(stranger, preview)).text
    _, hidden = await live_lesson(isPublished=False)
    assert (await sees(stranger, hidden)).status_code == 404
