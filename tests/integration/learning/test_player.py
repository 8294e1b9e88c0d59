"""The player's other routes: outline, opening, notes, bookmarks, marking as done."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio
from litestar import Litestar

from db.sql import fetch, fetch_one
from domain.identifiers import new_id
from tests.integration.catalog.catalog_rows import add_course, add_lesson, add_module
from tests.integration.conftest import NewPerson, bearer, token_of
from tests.integration.learning.learners import audits, complete, enroll, enrollment


@dataclass
class Learner:
    """Somebody at a course of two modules with two lessons each."""

    client: httpx.AsyncClient
    login: dict[str, str]
    user_id: str
    course_id: str
    enrollment_id: str
    lessons: list[str]

    async def outline(self) -> Any:
        answer = await self.client.get(f"/api/v1/me/enrollments/{self.enrollment_id}/outline", headers=self.login)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def lines(self) -> list[Any]:
        return [lesson for module in (await self.outline())["modules"] for lesson in module["lessons"]]

    async def ask(self, method: str, lesson: str, what: str, body: Any = None) -> httpx.Response:
        more = {} if body is None else {"json": body}
        return await self.client.request(method, f"/api/v1/lessons/{lesson}/{what}", headers=self.login, **more)

    async def events(self) -> list[str]:
        rows = await fetch(
            'SELECT "eventType" AS event FROM course_analytics WHERE "userId" = $1 ORDER BY id', self.user_id
        )
        return sorted(row["event"] for row in rows)


@pytest_asyncio.fixture(loop_scope="session")
async def learner(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Learner:
    course_id = await add_course("herbology")
    # Modules and lessons are made in another order than the one that they have.
    lessons: list[str] = []
    for order in (1, 0):
        module_id = await add_module(course_id, order)
        lessons[:0] = reversed([await add_lesson(module_id, n) for n in (1, 0)])
    await fetch("UPDATE course_lessons SET type = 'text' WHERE id = ANY ($1)", lessons)
    person = await new_person()
    enrollment_id = await enroll(person.id, course_id)
    return Learner(client, bearer(await token_of(app, person)), person.id, course_id, enrollment_id, lessons)


async def rule(lesson: str, **columns: Any) -> None:
    names, places = ", ".join(columns), ", ".join(f"${n}" for n in range(2, len(columns) + 2))
    await fetch(f"INSERT INTO lesson_rules (lesson_id, {names}) VALUES ($1, {places})", lesson, *columns.values())


async def first_requires(lesson: str, required: str) -> None:
    await fetch(
        "INSERT INTO lesson_prerequisites (id, lesson_id, requires_lesson_id) VALUES ($1, $2, $3)",
        *(new_id(), lesson, required),
    )


async def test_an_outline_has_every_lesson_in_its_order_and_what_it_waits_for(learner: Learner) -> None:
    a, b, c, d = learner.lessons
    opens = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    await first_requires(b, a)
    await rule(c, opens_at=opens, is_required=False)
    await rule(d, opens_after_days=2)
    lines = await learner.lines()
    assert [line["id"] for line in lines] == learner.lessons
    assert [line["isRequired"] for line in lines] == [True, True, False, True]
    assert lines[0]["locks"] == []
    assert lines[1]["locks"] == [{"reason": "prerequisite", "lessonIds": [a]}]
    assert lines[2]["locks"] == [{"reason": "drip", "opensAt": opens.isoformat().replace("+00:00", "Z")}]
    assert [lock["reason"] for lock in lines[3]["locks"]] == ["drip"]
    for lesson, reason in ((b, "prerequisite"), (c, "drip"), (d, "drip")):
        for method, what in (("POST", "visits"), ("POST", "completion"), ("PUT", "bookmark")):
            answer = await learner.ask(method, lesson, what, {})
            assert (answer.status_code, answer.json()["code"]) == (403, "lesson_locked")
            assert [error["message"] for error in answer.json()["errors"]] == [reason]
    assert (await learner.ask("PUT", b, "notes", {"notes": "x"})).status_code == 403
    await learner.ask("POST", a, "completion", {})
    assert (await learner.lines())[1]["locks"] == []
    await fetch(
        "UPDATE course_enrollments SET \"enrolledAt\" = now() - interval '2 days' WHERE id = $1", learner.enrollment_id
    )
    assert (await learner.lines())[3]["locks"] == []


async def test_no_access_shuts_all_but_previews(learner: Learner) -> None:
    a, b, *_ = learner.lessons
    assert (await learner.ask("POST", b, "visits", {})).status_code == 200
    await learner.ask("PUT", b, "notes", {"notes": "mine"})
    await fetch('UPDATE course_lessons SET "isPreview" = TRUE WHERE id = $1', a)
    await fetch("UPDATE entitlements SET ended_at = now() WHERE user_id = $1", learner.user_id)
    lines = await learner.lines()
    assert [[lock["reason"] for lock in line["locks"]] for line in lines] == [[], *[["access"]] * 3]
    assert (await learner.ask("POST", b, "visits", {})).json()["errors"][0]["message"] == "access"
    assert (await learner.ask("POST", a, "visits", {})).json()["content"] == "secret words"
    assert (await learner.ask("GET", b, "notes")).json() == {"notes": "mine"}


async def test_an_outline_is_as_new_as_the_database(learner: Learner) -> None:
    await learner.outline()
    await fetch("UPDATE course_lessons SET title = 'New' WHERE id = $1", learner.lessons[0])
    assert (await learner.lines())[0]["title"] == "New"
    await rule(learner.lessons[0], is_required=False)
    assert not (await learner.lines())[0]["isRequired"]
    await first_requires(learner.lessons[0], learner.lessons[1])
    assert (await learner.lines())[0]["locks"]
    await complete(learner.enrollment_id, learner.lessons[1])
    outline = await learner.outline()
    assert not outline["modules"][0]["lessons"][0]["locks"]
    assert outline["completionPercentage"] == 33


async def test_the_resume_point(learner: Learner) -> None:
    a, b, c, d = learner.lessons

    async def goes_on_at() -> Any:
        resume = (await learner.outline())["resume"]
        return resume and resume["lessonId"]

    assert await goes_on_at() == a
    await learner.ask("POST", c, "visits", {})
    assert await goes_on_at() == c
    await learner.ask("POST", b, "visits", {})
    await fetch('UPDATE lesson_progress SET "updatedAt" = now() - interval \'1 hour\' WHERE "lessonId" = $1', c)
    assert await goes_on_at() == b
    await learner.ask("POST", b, "completion", {})
    assert await goes_on_at() == c
    await rule(c, opens_after_days=1)
    assert await goes_on_at() == a
    for lesson in (a, c, d):
        await complete(learner.enrollment_id, lesson)
    assert await goes_on_at() is None


async def test_opening_shows_the_lesson_and_is_noted(learner: Learner) -> None:
    a, *_ = learner.lessons
    await rule(a, transcript="Words that were said.")
    for device in ("web", "clinic-portal"):
        seen = (await learner.ask("POST", a, "visits", {"accessedFrom": device})).json()
    assert (seen["content"], seen["transcript"]) == ("secret words", "Words that were said.")
    assert seen["resourceUrls"] == ["https://v.example/sheet.pdf"]
    assert seen["progress"]["status"] == "in_progress"
    assert await learner.events() == ["start", "view", "view"]
    assert await audits("lesson.viewed", learner.enrollment_id) == 2
    row = await enrollment(learner.enrollment_id)
    assert (row["accessedFrom"], row["lastAccessedAt"] is None) == ("clinic-portal", False)
    meta = await fetch_one(
        "SELECT metadata ->> 'device' AS device, metadata ->> 'session' AS session FROM course_analytics"
        ' WHERE "userId" = $1 AND "eventType" = \'view\' ORDER BY "timestamp" DESC LIMIT 1',
        learner.user_id,
    )
    assert meta is not None
    assert (meta["device"], len(meta["session"])) == ("clinic-portal", 36)
    assert (await learner.ask("POST", a, "visits", {"accessedFrom": "a fridge"})).status_code == 422


async def test_notes_and_bookmarks_begin_nothing(learner: Learner) -> None:
    a, *_ = learner.lessons
    assert (await learner.ask("PUT", a, "notes", {"notes": "वात"})).json() == {"notes": "वात"}
    for _ in range(2):
        assert (await learner.ask("PUT", a, "bookmark", {"accessedFrom": "mobile"})).status_code == 204
    line = (await learner.lines())[0]
    assert (line["status"], line["isBookmarked"]) == ("not_started", True)
    assert await learner.events() == ["bookmark"]
    assert (await learner.ask("DELETE", a, "bookmark")).status_code == 204
    assert not (await learner.lines())[0]["isBookmarked"]
    assert (await learner.ask("POST", a, "visits", {})).json()["progress"]["notes"] == "वात"
    assert (await learner.ask("PUT", a, "notes", {"notes": "\x00"})).status_code == 400


async def test_marking_as_done(learner: Learner) -> None:
    """Only what has nothing else to complete it; the last one ends the course."""
    a, b, c, d = learner.lessons
    await fetch("UPDATE course_lessons SET type = 'video', \"videoDuration\" = 60 WHERE id = $1", b)
    await fetch("UPDATE course_lessons SET type = 'quiz' WHERE id = $1", c)
    await fetch("UPDATE course_lessons SET type = 'live-session' WHERE id = $1", d)
    assert (await learner.ask("POST", a, "completion", {})).json()["isNew"]
    assert not (await learner.ask("POST", a, "completion", {})).json()["isNew"]
    for lesson in (b, c):
        answer = await learner.ask("POST", lesson, "completion", {})
        assert (answer.status_code, answer.json()["code"]) == (409, "completed_otherwise")
        await complete(learner.enrollment_id, lesson)
    last = (await learner.ask("POST", d, "completion", {"accessedFrom": "mobile"})).json()
    assert last == {"lessonId": d, "isNew": True, "courseIsDone": True}
    assert await learner.events() == ["complete"] * 4


async def test_anothers_things_are_not_found(learner: Learner, app: Litestar, new_person: NewPerson) -> None:
    other = Learner(**{**vars(learner), "login": bearer(await token_of(app, await new_person()))})
    path = f"/api/v1/me/enrollments/{learner.enrollment_id}/outline"
    assert (await learner.client.get(path, headers=other.login)).status_code == 404
    assert (await other.ask("POST", learner.lessons[0], "visits", {})).json()["errors"][0]["message"] == "access"
    assert (await other.ask("GET", learner.lessons[0], "notes")).status_code == 404
    await fetch('UPDATE courses SET "isPublished" = FALSE WHERE id = $1', learner.course_id)
    assert (await other.ask("POST", learner.lessons[0], "visits", {})).status_code == 404
    assert (await learner.ask("POST", learner.lessons[0], "visits", {})).status_code == 200
