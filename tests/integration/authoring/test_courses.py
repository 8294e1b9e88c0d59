"""A course from its first draft to the archive: who may what, what is refused, what is written down."""

import asyncio
from typing import Any

import httpx

from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.authoring.conftest import Desk, NewDesk
from tests.integration.catalog.catalog_rows import add_clinic
from tests.integration.conftest import NewPerson
from tests.integration.learning.learners import enroll


async def trail(course_id: str) -> list[str]:
    rows = await fetch("SELECT action, actor_id FROM audit_events WHERE subject_id = $1 ORDER BY id", course_id)
    assert all(row["actor_id"] for row in rows)
    return [row["action"] for row in rows]


async def test_from_draft_to_catalog_to_archive_and_back(author: Desk, editor: Desk, client: httpx.AsyncClient) -> None:
    course = await author.course(prices=[{"currency": "USD", "amount": "20.00"}], tags=["वात", "diet"])
    path, page = f"courses/{course['id']}", f"/api/v1/courses/{course['slug']}"
    assert (course["state"], course["version"], course["publishedAt"]) == ("draft", 1, None)
    assert [gap["kind"] for gap in course["gaps"]] == ["lessons"]
    await author.lesson(await author.module(course))

    assert await author.refused("POST", f"{path}/publish") == "forbidden"
    assert await editor.refused("POST", f"{path}/publish") == "state_differs"
    assert (await author.do("POST", f"{path}/submit"))["state"] == "in_review"
    assert (await editor.do("POST", f"{path}/return"))["state"] == "draft"
    await author.do("POST", f"{path}/submit")
    assert (await client.get(page)).status_code == 404
    published = await editor.do("POST", f"{path}/publish")
    assert (published["state"], published["gaps"]) == ("published", [])
    assert published["publishedAt"] is not None

    shown = (await client.get(page)).json()
    assert (shown["price"], shown["tags"], len(shown["modules"])) == ("1180.00", ["वात", "diet"], 1)
    assert {price["currency"]: price["amount"] for price in shown["prices"]} == {"INR": "1180.00", "USD": "20.00"}

    assert await author.refused("POST", f"{path}/archive") == "forbidden"
    assert (await editor.do("POST", f"{path}/archive"))["state"] == "archived"
    [row] = await fetch('SELECT "isPublished" AS shown FROM courses WHERE id = $1', course["id"])
    assert row["shown"] is False
    assert (await author.do("POST", f"{path}/restore"))["state"] == "draft"
    moves = [action for action in await trail(course["id"]) if action != "content.updated"]
    assert moves == [
        *("course.created", "course.submitted", "course.returned", "course.submitted", "course.published"),
        *("course.archived", "course.restored"),
    ]


async def test_what_is_missing_is_named_and_nothing_is_published(author: Desk, editor: Desk) -> None:
    course = await author.course(price=None, description=None)
    module = await author.module(course)
    kinds = ("video", "text", "quiz", "assignment", "live-session")
    lessons = [await author.lesson(module, type=kind, content=None) for kind in kinds]
    optional = await author.lesson(module, content=None, isRequired=False)
    answer = await author.ask("POST", f"courses/{course['id']}/submit")
    assert (answer.status_code, answer.json()["code"]) == (409, "course_incomplete")
    named = {error["field"] for error in answer.json()["errors"]}
    assert named == {"price", "description", *(f"lessons.{lesson}" for lesson in lessons)}
    assert f"lessons.{optional}" not in named, "nobody waits for it"

    video, text, quiz, assignment, live = lessons
    await author.do("PATCH", f"lessons/{video}", {"videoUrl": "https://v.example/1.m3u8", "videoDuration": 600})
    await author.do("PATCH", f"lessons/{text}", {"content": "Words."})
    await fetch("INSERT INTO assignments VALUES ($1, 'Keep a diary.', '[]', 50)", assignment)
    await author.do("POST", f"lessons/{live}/live-sessions", {"startsAt": "2030-01-01T18:00:00+05:30"})
    await fetch(
        "INSERT INTO course_quizzes (id, \"lessonId\", title, questions) VALUES ($1, $2, 'Q', '[{}]')", new_id(), quiz
    )
    await author.do("PATCH", f"courses/{course['id']}", {"isFree": True, "description": "Eat well."})
    await author.do("POST", f"courses/{course['id']}/submit")
    await author.do("DELETE", f"lessons/{text}")
    assert (await editor.do("POST", f"courses/{course['id']}/publish"))["gaps"] == []


async def test_a_published_course_stays_complete(author: Desk, editor: Desk) -> None:
    course = await author.course()
    path, module = f"courses/{course['id']}", await author.module(course)
    lesson = await author.lesson(module)
    for desk, move in ((author, "submit"), (editor, "publish")):
        await desk.do("POST", f"{path}/{move}")
    for method, where, body in (
        ("PATCH", path, {"price": None}),
        ("PATCH", f"lessons/{lesson}", {"content": None}),
        ("DELETE", f"lessons/{lesson}", None),
        ("DELETE", f"modules/{module}", None),
        ("POST", f"modules/{module}/lessons", {"title": "A quiz", "type": "quiz"}),
    ):
        assert await author.refused(method, where, body) == "course_incomplete", (method, where)
    assert len((await author.read(course))["modules"][0]["lessons"]) == 1
    quiz = await author.lesson(module, type="quiz", content=None, isRequired=False)
    assert await author.refused("PATCH", f"lessons/{quiz}", {"isRequired": True}) == "course_incomplete"


async def test_only_ones_own_courses_and_any_for_editors(author: Desk, editor: Desk, new_desk: NewDesk) -> None:
    other = await new_desk(Role.INSTRUCTOR)
    course = await author.course()
    module = await author.module(course)
    lesson = await author.lesson(module, type="live-session")
    session = await author.do("POST", f"lessons/{lesson}/live-sessions", {"startsAt": "2030-01-01T00:00:00Z"})
    session_id = session["liveSessions"][0]["id"]
    path = f"courses/{course['id']}"
    calls: list[tuple[str, str, Any]] = [
        *(("GET", path, None), ("PATCH", path, {"title": "Mine"}), ("DELETE", path, None)),
        *(("POST", f"{path}/{move}", None) for move in ("submit", "return", "restore")),
        *(("POST", f"{path}/modules", {"title": "M"}), ("PUT", f"{path}/order", {"modules": []})),
        *(("PATCH", f"modules/{module}", {}), ("DELETE", f"modules/{module}", None)),
        ("POST", f"modules/{module}/lessons", {"title": "L", "type": "text"}),
        *(
            ("GET", f"lessons/{lesson}", None),
            ("PATCH", f"lessons/{lesson}", {}),
            ("DELETE", f"lessons/{lesson}", None),
        ),
        ("PUT", f"lessons/{lesson}/prerequisites", {"lessonIds": []}),
        ("POST", f"lessons/{lesson}/live-sessions", {"startsAt": "2030-01-01T00:00:00Z"}),
        *(("PATCH", f"live-sessions/{session_id}", {}), ("DELETE", f"live-sessions/{session_id}", None)),
    ]
    before = await author.read(course)
    for method, where, body in calls:
        assert await other.refused(method, where, body) == "not_found", (method, where)
        missing = where.replace(course["id"], new_id()).replace(module, new_id()).replace(lesson, new_id())
        assert await editor.refused(method, missing.replace(session_id, new_id()), body) == "not_found", where
    assert await author.read(course) == before
    assert [item["id"] for item in (await other.do("GET", "courses"))["items"]] == []
    assert [item["id"] for item in (await author.do("GET", "courses?state=draft"))["items"]] == [course["id"]]
    assert (await editor.do("GET", "courses?limit=1"))["nextCursor"]
    assert (await editor.do("PATCH", path, {"title": "Mended"}))["title"] == "Mended"


async def test_who_teaches_and_for_which_clinic(
    author: Desk, editor: Desk, new_desk: NewDesk, new_person: NewPerson
) -> None:
    other, patient = await new_desk(Role.INSTRUCTOR), await new_person()
    clinic = await add_clinic(author.person.id)
    course = await author.course()
    path = f"courses/{course['id']}"
    assert course["instructorId"] == author.person.id
    for body in ({"instructorId": other.person.id}, {"instructorId": None}, {"clinicId": clinic}):
        assert await author.refused("PATCH", path, body) == "validation_failed", body
    await fetch("UPDATE clinic_members SET is_staff = TRUE WHERE clinic_id = $1", clinic)
    assert (await author.do("PATCH", path, {"clinicId": clinic}))["clinicId"] == clinic
    for body in ({"instructorId": patient.id}, {"instructorId": new_id()}, {"clinicId": new_id()}):
        assert await editor.refused("PATCH", path, body) == "validation_failed", body
    await editor.do("PATCH", path, {"instructorId": other.person.id, "clinicId": None})
    assert await author.refused("GET", path) == "not_found"
    assert (await other.read(course))["clinicId"] is None


async def test_a_version_that_is_over_changes_nothing(author: Desk) -> None:
    course = await author.course()
    first = await author.ask("PATCH", f"courses/{course['id']}", {"title": "One"}, version=course["version"])
    assert first.headers["etag"] == f'"{course["version"] + 1}"'
    for method, where in (("PATCH", ""), ("DELETE", ""), ("POST", "/submit"), ("POST", "/modules")):
        code = await author.refused(
            method, f"courses/{course['id']}{where}", {"title": "Two"}, version=course["version"]
        )
        assert code == "version_changed", where
    after = await author.read(course)
    assert (after["title"], after["version"], after["modules"]) == ("One", course["version"] + 1, [])
    both = [author.ask("PATCH", f"courses/{course['id']}", {"title": t}, version=after["version"]) for t in "AB"]
    assert sorted(answer.status_code for answer in await asyncio.gather(*both)) == [200, 412]


async def test_only_a_draft_without_a_past_is_deleted(author: Desk, editor: Desk, new_person: NewPerson) -> None:
    course, learned, sold = await author.course(), await author.course(), await author.course()
    await author.lesson(await author.module(course))
    await author.do("DELETE", f"courses/{course['id']}")
    assert await author.refused("GET", f"courses/{course['id']}") == "not_found"
    assert (await trail(course["id"]))[-1] == "course.deleted"
    await enroll((await new_person()).id, learned["id"])
    await author.lesson(await author.module(sold))
    for desk, move in ((author, "submit"), (editor, "publish"), (editor, "archive"), (author, "restore")):
        await desk.do("POST", f"courses/{sold['id']}/{move}")
    for kept in (learned, sold):
        assert await author.refused("DELETE", f"courses/{kept['id']}") == "course_in_use"
        assert (await trail(kept["id"]))[-1] != "course.deleted"


async def test_a_slug_is_one_courses(author: Desk) -> None:
    one, two = await author.course(), await author.course()
    body = {"title": "T", "slug": one["slug"], "category": "yoga", "level": "advanced"}
    assert await author.refused("POST", "courses", body) == "slug_taken"
    assert await author.refused("PATCH", f"courses/{two['id']}", {"slug": one["slug"]}) == "slug_taken"


async def test_values_that_no_course_can_have(author: Desk) -> None:
    course = await author.course()
    module = await author.module(course)
    lesson = await author.lesson(module)
    wrong: list[tuple[str, dict[str, Any], str]] = [
        (f"courses/{course['id']}", {"price": "0.00"}, "price"),
        (f"courses/{course['id']}", {"price": "-1"}, "price"),
        (f"courses/{course['id']}", {"prices": [{"currency": "INR", "amount": "1.00"}]}, "prices"),
        (f"courses/{course['id']}", {"prices": [{"currency": "JPY", "amount": "1.50"}]}, "prices"),
        (f"courses/{course['id']}", {"prices": [{"currency": "USD", "amount": "1"}] * 2}, "prices"),
        (f"courses/{course['id']}", {"thumbnailUrl": "http://v.example/a.webp"}, "thumbnailUrl"),
        (f"courses/{course['id']}", {"isPublished": True}, ""),
        (f"lessons/{lesson}", {"resourceUrls": ["javascript:alert(1)"]}, "resourceUrls"),
        (f"lessons/{lesson}", {"resourceUrls": ["https://name:word@v.example/a"]}, "resourceUrls"),
        (f"lessons/{lesson}", {"videoUrl": "https://v.example/1"}, "videoUrl"),
        (f"lessons/{lesson}", {"type": "video"}, ""),
        (f"lessons/{lesson}", {"opensAt": "0001-01-01T00:00:00+14:00"}, "opensAt"),
        (f"lessons/{lesson}", {"opensAt": "2030-01-01T00:00:00"}, "opensAt"),
        (f"lessons/{lesson}", {"opensAt": "2030-01-01T00:00:00Z", "opensAfterDays": 3}, "opensAfterDays"),
    ]
    before = await author.read(course)
    for where, body, field in wrong:
        answer = await author.ask("PATCH", where, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), (body, answer.text)
        assert any(error["field"].startswith(field) for error in answer.json()["errors"]), answer.text
    assert await author.read(course) == before
