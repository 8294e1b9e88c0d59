"""Several courses, one certificate: completed once, whoever completes or edits what at the same instant."""

import asyncio
from typing import Any

import httpx

from db.queries.learning.completion import mark_completed
from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.authoring.conftest import Desk, NewDesk
from tests.integration.catalog.catalog_rows import add_clinic, add_course
from tests.integration.conftest import NewPerson, Person
from tests.integration.learning.learners import audits, complete, course_of, enroll


class Programme:
    """A programme, the only lessons of its courses, and who learns them."""

    def __init__(self, editor: Desk, made: dict[str, Any], lessons: dict[str, str]) -> None:
        self.editor, self.id, self.lessons = editor, str(made["id"]), lessons
        self.courses = list(lessons)

    async def do(self, method: str, call: str = "", body: object = None) -> dict[str, Any]:
        return dict(await self.editor.do(method, f"programmes/{self.id}{call}", body))

    async def learner(self, person: Person) -> list[str]:
        """Enrolled in all courses, and done with each: its story's step has not run."""
        enrollments = [await enroll(person.id, course) for course in self.courses]
        for enrollment, lesson in zip(enrollments, self.lessons.values(), strict=True):
            assert (await complete(enrollment, lesson)).course_is_done
        return enrollments

    async def completions(self, person: Person) -> int:
        rows = await fetch(
            "SELECT FROM programme_completions WHERE programme_id = $1 AND user_id = $2", self.id, person.id
        )
        return len(rows)


async def programme_of(editor: Desk, courses: int, *, published: bool = True) -> Programme:
    lessons = {}
    for _ in range(courses):
        course_id, [lesson] = await course_of(1)
        lessons[course_id] = lesson
    body = {"title": "Vaidya's assistant", "slug": f"p-{new_id()}", "courseIds": list(lessons)}
    programme = Programme(editor, await editor.do("POST", "programmes", body), lessons)
    if published:
        await programme.do("POST", "/publish")
    return programme


async def test_two_courses_completed_at_once_complete_their_programme_once(editor: Desk, new_person: NewPerson) -> None:
    programme = await programme_of(editor, 2)
    people = [await new_person() for _ in range(8)]
    enrollments = [enrollment for person in people for enrollment in await programme.learner(person)]
    await asyncio.gather(*(mark_completed(enrollment) for enrollment in enrollments for _ in range(2)))
    assert [await programme.completions(person) for person in people] == [1] * 8
    assert await audits("programme.completed", programme.id) == 8


async def test_everybody_sees_what_is_published(editor: Desk, client: httpx.AsyncClient) -> None:
    shown = await programme_of(editor, 2)
    hidden = await programme_of(editor, 2, published=False)
    items = {item["id"]: item for item in (await client.get("/api/v1/programmes?limit=50")).json()["items"]}
    assert hidden.id not in items
    assert [course["id"] for course in items[shown.id]["courses"]] == shown.courses
    await shown.do("POST", "/withdraw")
    assert shown.id not in (await client.get("/api/v1/programmes?limit=50")).text


async def test_one_learns_how_far_one_is(editor: Desk, new_desk: NewDesk) -> None:
    programme = await programme_of(editor, 2)
    draft = await programme_of(editor, 2, published=False)
    student, other = await new_desk(Role.STUDENT), await new_desk(Role.STUDENT)
    for each in (programme, draft):
        await enroll(student.person.id, each.courses[0])
    [mine] = (await student.do("GET", "/api/v1/me/programmes"))["items"]
    assert (mine["id"], mine["completedAt"]) == (programme.id, None)
    first, second = mine["courses"]
    assert (first["id"], first["isCompleted"], first["completionPercentage"]) == (programme.courses[0], False, 0)
    assert (second["id"], second["enrollmentId"]) == (programme.courses[1], None)
    assert (await other.do("GET", "/api/v1/me/programmes"))["items"] == []

    done = await new_desk(Role.STUDENT)
    for enrollment in await programme.learner(done.person):
        await mark_completed(enrollment)
    await programme.do("POST", "/withdraw")
    [mine] = (await done.do("GET", "/api/v1/me/programmes"))["items"]
    assert mine["completedAt"] is not None
    assert [course["isCompleted"] for course in mine["courses"]] == [True, True]
    assert (await student.do("GET", "/api/v1/me/programmes"))["items"] == []


async def test_publishing_or_taking_a_course_away_completes_who_has_nothing_left(
    editor: Desk, new_person: NewPerson
) -> None:
    programme = await programme_of(editor, 3, published=False)
    early, lacking = await new_person(), await new_person()
    for enrollment in await programme.learner(early):
        await mark_completed(enrollment)
    for enrollment in (await programme.learner(lacking))[:2]:
        await mark_completed(enrollment)
    assert await programme.completions(early) == 0
    await programme.do("POST", "/publish")
    assert (await programme.completions(early), await programme.completions(lacking)) == (1, 0)
    await programme.do("PATCH", body={"courseIds": programme.courses[:2]})
    assert await programme.completions(lacking) == 1
    await programme.do("PATCH", body={"courseIds": [*programme.courses, await add_course("herbology")]})
    assert (await programme.completions(early), await programme.completions(lacking)) == (1, 1), "never taken back"
    assert await audits("programme.completed", programme.id) == 2


async def test_a_course_is_marked_while_an_editor_exchanges_another_for_it(editor: Desk, new_person: NewPerson) -> None:
    """Each would see only half: the mark a programme without this course, the editor a course that is not marked."""
    for _ in range(6):
        programme = await programme_of(editor, 3)
        one, two, other = programme.courses
        await programme.do("PATCH", body={"courseIds": [one, other]})
        person = await new_person()
        enrollments = await programme.learner(person)
        await mark_completed(enrollments[0])
        await asyncio.gather(
            mark_completed(enrollments[1]),
            programme.do("PATCH", body={"courseIds": [one, two]}),
        )
        assert await programme.completions(person) == 1


async def test_who_may_write_which_programme(
    author: Desk, editor: Desk, new_desk: NewDesk, new_person: NewPerson
) -> None:
    other = await new_desk(Role.INSTRUCTOR)
    mine = [await add_course("yoga", instructorId=author.person.id) for _ in range(2)]
    foreign = await add_course("yoga", instructorId=other.person.id)
    clinics = await add_course("yoga", instructorId=author.person.id, clinicId=await add_clinic())
    body = {"title": "P", "slug": f"p-{new_id()}", "courseIds": mine}
    for wrong in ([foreign], [clinics], [new_id()], [mine[0], mine[0]]):
        assert await author.refused("POST", "programmes", {**body, "courseIds": wrong}) == "validation_failed", wrong
    made = await author.do("POST", "programmes", body)
    path = f"programmes/{made['id']}"
    assert await author.refused("POST", "programmes", body) == "slug_taken"
    for method, call in (("GET", ""), ("PATCH", ""), ("DELETE", "")):
        assert await other.refused(method, path + call, {} if method == "PATCH" else None) == "not_found", method
    assert await author.refused("POST", f"{path}/publish") == "forbidden"
    await editor.do("PATCH", path, {"courseIds": [*mine, foreign]})
    kept = (await author.do("PATCH", path, {"courseIds": [foreign, *mine], "title": "Q"}))["courses"]
    assert [course["id"] for course in kept] == [foreign, *mine]
    assert [item["id"] for item in (await author.do("GET", "programmes"))["items"]] == [made["id"]]
    assert await author.refused("DELETE", f"courses/{mine[0]}") == "course_in_use"
    for_clinic = {"clinicId": await add_clinic()}
    assert await editor.refused("PATCH", f"courses/{mine[0]}", for_clinic) == "validation_failed"


async def test_a_published_programme_has_several_courses_that_are_sold(editor: Desk, new_person: NewPerson) -> None:
    courses = [await add_course("yoga"), await add_course("yoga", isPublished=False)]
    body = {"title": "P", "slug": f"p-{new_id()}", "courseIds": courses}
    path = f"programmes/{(await editor.do('POST', 'programmes', body))['id']}"
    assert await editor.refused("POST", f"{path}/publish") == "programme_incomplete"
    await editor.do("PATCH", path, {"courseIds": courses[:1]})
    assert await editor.refused("POST", f"{path}/publish") == "programme_incomplete"
    await editor.do("PATCH", path, {"courseIds": [courses[0], await add_course("yoga")]})
    first = (await editor.do("POST", f"{path}/publish"))["publishedAt"]
    assert (await editor.do("POST", f"{path}/publish"))["publishedAt"] == first
    assert await editor.refused("PATCH", path, {"courseIds": []}) == "programme_incomplete"
    assert await editor.refused("DELETE", path) == "programme_in_use"
    await editor.do("POST", f"{path}/withdraw")
    await editor.do("DELETE", path)
    assert await editor.refused("GET", path) == "not_found"
