"""Heartbeats: what is written of them, for whom, and what they complete."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio
from litestar import Litestar

from bootstrap import Services
from cache.progress import progress_key
from db.queries.learning.watching import watched_and_not_completed
from db.sql import fetch, fetch_one
from domain.identifiers import new_id
from tests.integration.catalog.catalog_rows import add_course, add_lesson, add_module
from tests.integration.conftest import NewPerson, bearer, token_of
from tests.integration.learning.learners import audits, enroll, enrollment

VIDEO_SECONDS = 600


@dataclass
class Learner:
    """Somebody at a course of two videos, whose access began an hour ago."""

    client: httpx.AsyncClient
    login: dict[str, str]
    user_id: str
    enrollment_id: str
    lessons: list[str]
    now: datetime

    async def send(self, *events: dict[str, Any], lesson: int = 0, **more: Any) -> httpx.Response:
        return await self.client.post(
            f"/api/v1/lessons/{self.lessons[lesson]}/heartbeats", headers=self.login, json={"events": events, **more}
        )

    def event(self, ago: float, start: float, seconds: float, *, speed: float = 1, **more: Any) -> dict[str, Any]:
        """Began so many seconds before the test, from this second on, for so many seconds of the video."""
        began = self.now - timedelta(seconds=ago)
        return {
            "sequence": more.pop("sequence", 1),
            "beganAt": began.isoformat(),
            "endedAt": (began + timedelta(seconds=seconds / speed)).isoformat(),
            "fromMs": round(start * 1000),
            "toMs": round((start + seconds) * 1000),
            "speed": speed,
            **more,
        }


async def video_course(lessons: int = 2) -> tuple[str, list[str]]:
    course_id = await add_course("herbology")
    module_id = await add_module(course_id, 1)
    ids = [await add_lesson(module_id, order) for order in range(lessons)]
    await fetch('UPDATE course_lessons SET "videoDuration" = $1 WHERE id = ANY ($2)', VIDEO_SECONDS, ids)
    return course_id, ids


@pytest_asyncio.fixture(loop_scope="session")
async def learner(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Learner:
    course_id, lessons = await video_course()
    person = await new_person()
    enrollment_id = await enroll(person.id, course_id)
    await fetch("UPDATE entitlements SET since = now() - interval '1 hour' WHERE user_id = $1", person.id)
    token = await token_of(app, person)
    return Learner(client, bearer(token), person.id, enrollment_id, lessons, datetime.now(UTC).replace(microsecond=0))


async def test_an_event_counts_once_however_often_it_comes(learner: Learner, services: Services) -> None:
    event = learner.event(60, 10, 20)
    answers = [await learner.send(event) for _ in range(3)]
    answers += await asyncio.gather(*(learner.send(event, event) for _ in range(5)))
    for answer in answers:
        assert answer.status_code == 200, answer.text
        body = answer.json()
        kept = (body["status"], body["progressPercentage"], body["timeSpent"], body["lastPosition"])
        assert kept == ("in_progress", 3, 20, 30)
    copy = await services.redis.get(progress_key(learner.enrollment_id, learner.lessons[0]))
    assert isinstance(copy, bytes)
    assert b'"timeSpent":20' in copy


async def test_a_video_is_complete_at_ninety_percent_and_not_by_seeking(learner: Learner) -> None:
    """A speed is a speed, a claim beyond what the time allows is cut, and what is seen twice counts once."""
    assert (await learner.send(learner.event(3000, 0, 0, toMs=600_000))).json()["progressPercentage"] == 0
    too_much = learner.event(2900, 0, 10) | {"toMs": 600_000}
    assert (await learner.send(too_much)).json()["progressPercentage"] == 1
    assert (await learner.send(learner.event(2800, 0, 400, speed=2))).json()["timeSpent"] == 210
    seen = (await learner.send(learner.event(2000, 100, 439.999))).json()
    assert (seen["status"], seen["progressPercentage"]) == ("in_progress", 89)
    done = (await learner.send(learner.event(1000, 539, 1))).json()
    assert (done["status"], done["progressPercentage"], done["lastPosition"]) == ("completed", 90, 540)
    assert await audits("lesson.completed", learner.enrollment_id) == 1
    assert (await enrollment(learner.enrollment_id))["percentage"] == 50
    last = (await learner.send(learner.event(900, 540, 60))).json()
    assert (last["status"], last["progressPercentage"]) == ("completed", 100)


async def test_the_last_position_is_the_newest_events(learner: Learner) -> None:
    await learner.send(learner.event(100, 300, 10, sequence=5))
    for older in (learner.event(500, 590, 10, sequence=9), learner.event(100, 0, 10, sequence=4)):
        assert (await learner.send(older)).json()["lastPosition"] == 310
    assert (await learner.send(learner.event(100, 100, 10, sequence=6))).json()["lastPosition"] == 110


async def test_two_tabs_at_once_spend_the_time_once(learner: Learner) -> None:
    a, b = learner.event(100, 0, 60), learner.event(70, 200, 60)
    await asyncio.gather(learner.send(a), learner.send(b))
    body = (await learner.send(a)).json()
    assert (body["timeSpent"], body["progressPercentage"]) == (90, 20)


async def test_only_the_time_in_which_access_held_counts(learner: Learner) -> None:
    user = learner.user_id
    await fetch(
        "UPDATE entitlements SET since = $2::timestamptz - interval '100 s', ended_at = $2::timestamptz"
        " - interval '50 s' WHERE user_id = $1",
        *(user, learner.now),
    )
    before_and_in = (await learner.send(learner.event(110, 0, 20))).json()
    assert (before_and_in["timeSpent"], before_and_in["progressPercentage"]) == (10, 1)
    in_and_after = (await learner.send(learner.event(60, 100, 30))).json()
    assert (in_and_after["timeSpent"], in_and_after["accepted"]) == (20, 1)
    watch = await fetch_one("SELECT watched FROM lesson_watches WHERE enrollment_id = $1", learner.enrollment_id)
    assert watch is not None
    assert [(r.lower, r.upper) for r in watch["watched"]] == [(10_000, 20_000), (100_000, 110_000)]
    refused = await learner.send(learner.event(40, 0, 10))
    assert (refused.status_code, refused.json()["code"]) == (403, "lesson_locked")


async def test_the_future_does_not_count_and_a_wrong_clock_is_put_right(learner: Learner) -> None:
    ahead = learner.event(-600, 0, 10)
    answer = await learner.send(ahead)
    assert (answer.status_code, answer.json()["code"]) == (422, "events_out_of_time")
    device_says = (learner.now + timedelta(seconds=700)).isoformat()
    assert (await learner.send(ahead, sentAt=device_says)).json()["timeSpent"] == 10


async def test_locked_lessons_hear_nothing(learner: Learner) -> None:
    first, second = learner.lessons
    await fetch(
        "INSERT INTO lesson_prerequisites (id, lesson_id, requires_lesson_id) VALUES ($1, $2, $3)",
        *(new_id(), second, first),
    )
    answer = await learner.send(learner.event(60, 0, 10), lesson=1)
    assert (answer.status_code, answer.json()["code"]) == (403, "lesson_locked")
    await fetch(
        "INSERT INTO lesson_rules (lesson_id, opens_at) VALUES ($1, $2)",
        *(first, learner.now - timedelta(seconds=55)),
    )
    assert (await learner.send(learner.event(60, 0, 10))).json()["timeSpent"] == 5


async def test_strangers(learner: Learner, app: Litestar, new_person: NewPerson) -> None:
    stranger = Learner(**{**vars(learner), "login": bearer(await token_of(app, await new_person()))})
    answer = await stranger.send(learner.event(60, 0, 10))
    assert (answer.status_code, answer.json()["code"]) == (409, "not_enrolled")
    stranger.lessons = [new_id(), "%00"]
    assert (await stranger.send(learner.event(60, 0, 10))).status_code == 404
    # Beside somebody whose request no database can hold.
    wrong, right = await asyncio.gather(
        stranger.send(learner.event(60, 0, 10), lesson=1), learner.send(learner.event(60, 0, 10))
    )
    assert (wrong.status_code, right.status_code) == (400, 200)


async def test_valkey_gone_costs_nothing(learner: Learner, services: Services, monkeypatch: Any) -> None:
    async def gone(*_: Any, **__: Any) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(services.redis, "mset", gone)
    assert (await learner.send(learner.event(60, 0, 10))).json()["timeSpent"] == 10


async def test_starts_and_pauses_are_noted_once(learner: Learner) -> None:
    pause = learner.event(60, 0, 10, paused=True)
    for _ in range(3):
        await learner.send(pause, learner.event(50, 10, 10, sequence=2), accessedFrom="mobile")
    rows = await fetch(
        'SELECT "eventType" AS event, metadata FROM course_analytics WHERE "userId" = $1 ORDER BY 1', learner.user_id
    )
    assert [row["event"] for row in rows] == ["pause", "start"]
    assert all('"device": "mobile"' in row["metadata"] and '"session"' in row["metadata"] for row in rows)


async def test_the_relay_completes_what_a_killed_process_has_left(learner: Learner) -> None:
    first, second = learner.lessons
    await learner.send(learner.event(3000, 0, 600, speed=2))
    await fetch(
        'UPDATE lesson_progress SET status = \'in_progress\', "completedAt" = NULL, "updatedAt" = now()'
        " - interval '1 minute' WHERE \"enrollmentId\" = $1",
        learner.enrollment_id,
    )
    await learner.send(learner.event(2000, 0, 100), lesson=1)
    assert (learner.enrollment_id, first) in await watched_and_not_completed(90, 1000)
    assert (learner.enrollment_id, second) not in await watched_and_not_completed(0, 1000)
