"""Heartbeats of learners with two devices each against a plain model: what is stored is what they did.

`--full-chaos`: fifty seeds of 10,000 events each.
"""

import asyncio
import random
from typing import Any

import httpx
import pytest
from litestar import Litestar

from db.sql import fetch
from domain.identifiers import new_id
from tests.integration.catalog.catalog_rows import add_course, add_lesson, add_module
from tests.integration.conftest import NewPerson, bearer, token_of
from tests.integration.learning.learners import audits
from tests.learning.players import VIDEO_SECONDS, Model, Request, accesses, new_epoch, plan

LEARNERS, LESSONS, IN_FLIGHT = 20, 2, 20


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Fifty fixed seeds, or one of today."""
    is_full = metafunc.config.getoption("--full-chaos")
    cases = [(seed, 10_000) for seed in range(50)] if is_full else [(random.randrange(10**6), 2_500)]
    metafunc.parametrize(("seed", "events"), cases)


async def test_what_is_stored_is_what_was_played(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson, seed: int, events: int
) -> None:
    dice = random.Random(seed)
    epoch = new_epoch()
    course_id = await add_course("herbology")
    module_id = await add_module(course_id, 1)
    lessons = [await add_lesson(module_id, order) for order in range(LESSONS)]
    await fetch('UPDATE course_lessons SET "videoDuration" = $1 WHERE id = ANY ($2)', VIDEO_SECONDS, lessons)
    access = accesses(dice, LEARNERS)
    people: list[tuple[str, dict[str, str]]] = []
    for spans in access:
        person, enrollment_id = await new_person(), new_id()
        for begin, end in spans:
            await fetch(
                "INSERT INTO entitlements (id, user_id, course_id, reason, source_id, since, until) VALUES ($1, $2, $3,"
                " 'gift', $1, $4::timestamptz + $5 * interval '1 s', CASE WHEN $6 < 1000000 THEN $4::timestamptz"
                " + $6 * interval '1 s' END)",
                *(new_id(), person.id, course_id, epoch, begin, end),
            )
        await fetch(
            'INSERT INTO course_enrollments (id, "userId", "courseId") VALUES ($1, $2, $3)',
            *(enrollment_id, person.id, course_id),
        )
        people.append((enrollment_id, bearer(await token_of(app, person))))
    models = [[Model(spans) for _ in lessons] for spans in access]
    waiting = iter(plan(dice, learners=LEARNERS, lessons=LESSONS, events=events))

    async def slot() -> None:
        for request in waiting:
            counts = sum([models[request.learner][request.lesson].hear(event) for event in request.events])
            answer = await send(client, people[request.learner][1], lessons[request.lesson], request, epoch)
            if counts:
                assert (answer.status_code, answer.json()["accepted"]) == (200, counts), answer.text
            else:
                assert (answer.status_code, answer.json()["code"]) == (422, "events_out_of_time")

    await asyncio.gather(*(slot() for _ in range(IN_FLIGHT)))

    completed = 0
    for (enrollment_id, _), of_lessons in zip(people, models, strict=True):
        for lesson_id, model in zip(lessons, of_lessons, strict=True):
            assert await stored(enrollment_id, lesson_id) == (model.row(), len(model.pauses)), f"seed {seed}"
        done = sum((model.row() or "x")[0] == "completed" for model in of_lessons)
        completed += done
        assert await audits("lesson.completed", enrollment_id) == done
        reached = await fetch("SELECT FROM course_completions WHERE enrollment_id = $1", enrollment_id)
        assert len(reached) == (done == LESSONS)
    assert completed, "somebody came to an end"


async def send(client: httpx.AsyncClient, login: dict[str, str], lesson: str, request: Request, epoch: Any) -> Any:
    return await client.post(
        f"/api/v1/lessons/{lesson}/heartbeats", headers=login, json=request.body(epoch), timeout=60
    )


async def stored(enrollment_id: str, lesson_id: str) -> Any:
    """What SQL has, in the model's form."""
    rows = await fetch(
        'SELECT status, "progressPercentage", "timeSpent", "lastPosition" FROM lesson_progress'
        ' WHERE "enrollmentId" = $1 AND "lessonId" = $2',
        *(enrollment_id, lesson_id),
    )
    pauses = await fetch(
        'SELECT FROM course_analytics a JOIN course_enrollments e ON e."userId" = a."userId"'
        ' WHERE e.id = $1 AND a."lessonId" = $2 AND a."eventType" = \'pause\'',
        *(enrollment_id, lesson_id),
    )
    return (tuple(rows[0]) if rows else None), len(pauses)
