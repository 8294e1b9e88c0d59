"""SIGKILL while people learn: what was acknowledged is kept, and a course is completed once."""

import asyncio
import random
from datetime import datetime
from typing import Any

import httpx
import pytest

from domain.identifiers import completion_workflow_id, new_id
from tests.chaos.academy import Academy
from tests.chaos.buyer import new_buyer
from tests.chaos.waiting import until
from tests.learning.players import VIDEO_SECONDS, Model, Request, new_epoch, plan

pytestmark = pytest.mark.chaos

LEARNERS, IN_FLIGHT = 8, 12
VICTIMS = ("api", "postgres", "valkey")
PATIENCE_SECONDS = 120.0


async def new_course(academy: Academy, lessons: int, kind: str) -> tuple[str, list[str]]:
    """A published course of one module."""
    course_id, module_id, ids = new_id(), new_id(), [new_id() for _ in range(lessons)]
    await academy.sql(
        'INSERT INTO courses (id, slug, title, category, level, "isPublished")'
        " VALUES ($1, $1, 'A course', 'herbology', 'beginner', TRUE)",
        course_id,
    )
    await academy.sql(
        'INSERT INTO course_modules (id, "courseId", title, "order") VALUES ($1, $2, $3, 1)',
        *(module_id, course_id, "A module"),
    )
    for order, lesson_id in enumerate(ids):
        await academy.sql(
            'INSERT INTO course_lessons (id, "moduleId", title, "order", type, "videoDuration")'
            " VALUES ($1, $2, 'A lesson', $3, $4, $5)",
            *(lesson_id, module_id, order, kind, VIDEO_SECONDS),
        )
    return course_id, ids


async def new_learner(academy: Academy, course_id: str, since: datetime) -> tuple[str, dict[str, str]]:
    """An enrollment with access since then, and its owner's login."""
    person, enrollment_id = await new_buyer(academy), new_id()
    await academy.sql(
        "INSERT INTO entitlements (id, user_id, course_id, reason, source_id, since)"
        " VALUES ($1, $2, $3, 'gift', $1, $4)",
        *(new_id(), person.user_id, course_id, since),
    )
    await academy.sql(
        'INSERT INTO course_enrollments (id, "userId", "courseId") VALUES ($1, $2, $3)',
        *(enrollment_id, person.user_id, course_id),
    )
    return enrollment_id, person.login


async def test_what_was_acknowledged_is_kept(academy: Academy, seed: int) -> None:
    """Players repeat what was not answered, as they do, and what was answered is never sent again."""
    dice, epoch = random.Random(seed), new_epoch()
    course_id, lessons = await new_course(academy, 2, "video")
    learners = [await new_learner(academy, course_id, epoch) for _ in range(LEARNERS)]
    models = [[Model([(0, 10**9)]) for _ in lessons] for _ in learners]
    waiting = iter(plan(dice, learners=LEARNERS, lessons=len(lessons), events=4_000))
    killed = asyncio.Event()

    async def send(request: Request) -> None:
        url = f"{academy.shop}/api/v1/lessons/{lessons[request.lesson]}/heartbeats"
        body, login = request.body(epoch), learners[request.learner][1]

        async def answered() -> bool:
            try:
                answer = await academy.http.post(url, json=body, headers=login)
            except httpx.TransportError:
                return False
            assert answer.status_code in (200, 503), answer.text
            return answer.status_code == 200

        for event in request.events:
            models[request.learner][request.lesson].hear(event)
        await until(answered, "a heartbeat's answer", PATIENCE_SECONDS)

    async def slot() -> None:
        for number, request in enumerate(waiting):
            await send(request)
            if number > 2 and not killed.is_set():
                await asyncio.sleep(0.1)  # so that the kills fall in between

    async def killer() -> None:
        for victim in VICTIMS:
            await asyncio.sleep(0.3 + dice.random() / 2)
            await academy.kill(victim)
            await academy.restart(victim)
        killed.set()

    await asyncio.gather(killer(), *(slot() for _ in range(IN_FLIGHT)))

    async def all_done() -> bool:
        return [await standing(academy, *key) for key in keys] == rows

    keys = [(enrollment_id, lesson_id) for enrollment_id, _ in learners for lesson_id in lessons]
    rows = [model.row() for of_lessons in models for model in of_lessons]
    stored = [await standing(academy, *key) for key in keys]
    # What reached 90 % in a killed process is completed by the next event, or by the relay.
    assert [row and row[1:] for row in stored] == [row and row[1:] for row in rows], f"CHAOS_SEED={seed}"
    await academy.sql('UPDATE lesson_progress SET "updatedAt" = "updatedAt" - interval \'1 hour\'')
    await run_relay(academy)
    assert await all_done(), f"CHAOS_SEED={seed}"


async def test_the_last_two_lessons_at_once_and_a_kill_before_the_story(academy: Academy) -> None:
    course_id, lessons = await new_course(academy, 2, "text")
    enrollment_id, login = await new_learner(academy, course_id, new_epoch())
    academy.links["api-temporal"].withhold_requests()
    try:
        asked = [
            asyncio.create_task(
                academy.http.post(f"{academy.shop}/api/v1/lessons/{lesson}/completion", json={}, headers=login)
            )
            for lesson in lessons
        ]

        async def is_reached() -> list[Any]:
            return await academy.sql("SELECT 1 FROM course_completions WHERE enrollment_id = $1", enrollment_id)

        assert len(await until(is_reached, "the completion's row", 30)) == 1
        await academy.kill("api")
        await academy.restart("api")
        await asyncio.gather(*asked, return_exceptions=True)
    finally:
        await academy.release()
    await academy.sql(
        "UPDATE course_completions SET reached_at = reached_at - interval '1 hour' WHERE enrollment_id = $1",
        enrollment_id,
    )
    await run_relay(academy)
    handle = academy.temporal.get_workflow_handle(completion_workflow_id(enrollment_id))
    await asyncio.wait_for(handle.result(), PATIENCE_SECONDS)
    await run_relay(academy)
    rows = await academy.sql(
        "SELECT e.status, (SELECT count(*) FROM audit_events a WHERE a.subject_id = e.id AND a.action"
        " = 'course.completed') AS audits, (SELECT count(*) FROM audit_events a WHERE a.subject_id = e.id AND a.action"
        " = 'lesson.completed') AS lessons FROM course_enrollments e WHERE e.id = $1",
        enrollment_id,
    )
    assert tuple(rows[0]) == ("completed", 1, 2)


async def standing(academy: Academy, enrollment_id: str, lesson_id: str) -> tuple[Any, ...] | None:
    """What SQL has, in the model's form."""
    rows = await academy.sql(
        'SELECT status, "progressPercentage", "timeSpent", "lastPosition" FROM lesson_progress'
        ' WHERE "enrollmentId" = $1 AND "lessonId" = $2',
        *(enrollment_id, lesson_id),
    )
    return tuple(rows[0]) if rows else None


async def run_relay(academy: Academy) -> None:
    """Let the relay look now, and wait until it has."""
    schedule = academy.temporal.get_schedule_handle("event-relay")
    before = (await schedule.describe()).info.num_actions
    await schedule.trigger()

    async def has_run() -> bool:
        info = (await schedule.describe()).info
        return info.num_actions > before and not info.running_actions

    await until(has_run, "the relay ran", PATIENCE_SECONDS)
