"""A course with an assignment, and people who hand in and grade, all through the API."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from litestar import Litestar

from db.sql import fetch
from domain.identity.roles import Role
from tests.integration.catalog.catalog_rows import add_course, add_lesson, add_module
from tests.integration.conftest import NewPerson, Person, bearer, token_of
from tests.integration.learning.learners import enroll

RUBRIC = [{"id": "content", "title": "Content", "points": 70}, {"id": "form", "title": "Form", "points": 30}]
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj << >> endobj"


@dataclass
class Caller:
    """Somebody who calls the API."""

    app: Litestar
    client: httpx.AsyncClient
    person: Person

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = bearer(await token_of(self.app, self.person))
        return await self.client.request(method, f"/api/v1{path}", json=body, headers=headers)

    async def announce(self, lesson_id: str, content: bytes = PDF, **changes: Any) -> httpx.Response:
        body = {"name": "मेरा काम.pdf", "size": len(content), "mediaType": "application/pdf", **changes}
        return await self.call("POST", f"/lessons/{lesson_id}/uploads", body)

    async def put(self, url: str, content: bytes = PDF) -> httpx.Response:
        """To the address that the API gave out, with no login."""
        return await self.client.put(path_of(url), content=content)

    async def upload(self, lesson_id: str, content: bytes = PDF, **changes: Any) -> str:
        """A file that was announced, sent and confirmed; its id."""
        upload = (await self.announce(lesson_id, content, **changes)).json()
        assert (await self.put(upload["url"], content)).status_code == 204
        confirmed = await self.call("POST", f"/uploads/{upload['id']}/confirmation")
        assert confirmed.status_code == 200, confirmed.text
        return str(upload["id"])

    async def hand_in(self, lesson_id: str, *file_ids: str) -> httpx.Response:
        files = list(file_ids) or [await self.upload(lesson_id)]
        return await self.call("POST", f"/lessons/{lesson_id}/submissions", {"fileIds": files, "comment": "Done."})

    async def grade(self, submission_id: str, version: int, content: int, form: int, **more: Any) -> httpx.Response:
        points = [{"criterionId": "content", "points": content}, {"criterionId": "form", "points": form}]
        body = {"version": version, "points": points, "feedback": "Well observed.", **more}
        return await self.call("POST", f"/submissions/{submission_id}/gradings", body)

    async def version(self, submission_id: str) -> int:
        return int((await self.call("GET", f"/submissions/{submission_id}")).json()["version"])


@dataclass
class Classroom:
    """One course, its instructor, its learner, and an admin."""

    course_id: str
    lesson_id: str
    enrollment_id: str
    learner: Caller
    instructor: Caller
    admin: Caller
    stranger: Caller


async def open_classroom(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Classroom:
    """An assignment of 70 + 30 points, passed with 70; it is the only required lesson."""

    async def caller(*roles: Role) -> Caller:
        return Caller(app, client, await new_person(*roles))

    learner, instructor = await caller(), await caller(Role.INSTRUCTOR)
    course_id = await add_course("herbology", instructorId=instructor.person.id)
    lesson_id = await add_lesson(await add_module(course_id, 1), 1)
    await fetch("UPDATE course_lessons SET type = 'assignment' WHERE id = $1", lesson_id)
    body = {"instructions": "Describe three herbs.", "rubric": RUBRIC, "passingScore": 70}
    answer = await instructor.call("PUT", f"/lessons/{lesson_id}/assignment", body)
    assert answer.status_code == 200, answer.text
    enrollment_id = await enroll(learner.person.id, course_id)
    return Classroom(
        course_id=course_id,
        lesson_id=lesson_id,
        enrollment_id=enrollment_id,
        learner=learner,
        instructor=instructor,
        admin=await caller(Role.CONTENT_ADMIN),
        stranger=await caller(Role.INSTRUCTOR),
    )


def path_of(url: str) -> str:
    """An address of the API, for a client that is in the same process."""
    return urlsplit(url).path
