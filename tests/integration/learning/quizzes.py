"""A quiz by the API, its author, and somebody who sits it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from litestar import Litestar

from db.sql import fetch, fetch_one
from domain.identifiers import new_id
from domain.identity.roles import Role
from domain.learning.grading import right_answer
from domain.learning.papers import paper_of
from tests.integration.catalog.catalog_rows import add_course, add_lesson, add_module
from tests.integration.conftest import NewPerson, Person, bearer, token_of
from tests.integration.learning.learners import enroll
from tests.unit.learning.questions_of import EACH_KIND, content_of


@dataclass
class Caller:
    """Somebody with a login, who calls the API."""

    client: httpx.AsyncClient
    headers: dict[str, str]

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    async def ok(self, method: str, path: str, **more: Any) -> Any:
        """The body of an answer that is none of trouble."""
        answer = await self.call(method, path, **more)
        assert answer.is_success, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, **more: Any) -> str:
        """The code of a refusal."""
        answer = await self.call(method, path, **more)
        assert answer.status_code >= 400, answer.text
        return str(answer.json()["code"])


@dataclass
class Sitter(Caller):
    """A learner of the quiz's course."""

    lesson_id: str
    enrollment_id: str
    user_id: str

    async def starts(self, key: str | None = None) -> httpx.Response:
        return await self.call(
            "POST", f"/lessons/{self.lesson_id}/quiz/attempts", headers={"Idempotency-Key": key or new_id()}
        )

    async def start(self) -> Any:
        """An attempt that is open."""
        answer = await self.starts()
        assert answer.is_success, answer.text
        return answer.json()

    async def save(self, attempt_id: str, sequence: int, answers: dict[str, Any]) -> httpx.Response:
        return await self.call(
            "PUT", f"/quiz-attempts/{attempt_id}/answers", json={"sequence": sequence, "answers": answers}
        )

    async def submit(self, attempt_id: str) -> httpx.Response:
        return await self.call("POST", f"/quiz-attempts/{attempt_id}/submission")

    async def sit(self, answers: dict[str, Any] | None = None) -> Any:
        """A whole attempt, all right unless told otherwise; as it is when it is handed in."""
        attempt = await self.start()
        given = await right_answers(attempt["id"]) if answers is None else answers
        assert (await self.save(attempt["id"], 1, given)).is_success
        answer = await self.submit(attempt["id"])
        assert answer.is_success, answer.text
        return answer.json()

    async def standing(self) -> Any:
        return await self.ok("GET", f"/lessons/{self.lesson_id}/quiz")

    async def progress(self) -> Any:
        """The row of `lesson_progress`."""
        return await fetch_one(
            'SELECT *, "quizScore" AS score, "quizAttempts" AS attempts FROM lesson_progress'
            ' WHERE "enrollmentId" = $1 AND "lessonId" = $2',
            *(self.enrollment_id, self.lesson_id),
        )


@dataclass
class Quiz:
    """A quiz and its author."""

    author: Caller
    course_id: str
    lesson_id: str
    id: str
    version_id: str
    new_sitter: Callable[[], Awaitable[Sitter]]

    async def put(self, **changes: Any) -> Any:
        """Write it anew."""
        return await self.author.ok("PUT", f"/authoring/lessons/{self.lesson_id}/quiz", json=body_of(**changes))

    async def void(self, question_id: str) -> Any:
        return await self.author.ok("PUT", f"/authoring/quiz-versions/{self.version_id}/voided-questions/{question_id}")

    async def allow(self, sitter: Sitter, minutes: int, attempts: int) -> None:
        await self.author.ok(
            *("PUT", f"/authoring/quizzes/{self.id}/allowances/{sitter.enrollment_id}"),
            json={"extraMinutes": minutes, "extraAttempts": attempts},
        )


NewQuiz = Callable[..., Awaitable[Quiz]]


def body_of(**changes: Any) -> dict[str, Any]:
    """What an author sends."""
    return {"title": "Know your doshas", "questions": EACH_KIND, **changes}


async def quiz_lesson(course_id: str) -> str:
    """A lesson of type quiz without questions; its id."""
    lesson_id = await add_lesson(await add_module(course_id, 1), 1)
    await fetch("UPDATE course_lessons SET type = 'quiz' WHERE id = $1", lesson_id)
    return lesson_id


async def caller_of(app: Litestar, client: httpx.AsyncClient, person: Person) -> Caller:
    return Caller(client, bearer(await token_of(app, person)))


async def make_quiz(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson, **changes: Any) -> Quiz:
    """A course of one lesson, which is this quiz."""
    instructor = await new_person(Role.INSTRUCTOR)
    course_id = await add_course("herbology", instructorId=instructor.id)
    lesson_id = await quiz_lesson(course_id)
    author = await caller_of(app, client, instructor)

    async def new_sitter() -> Sitter:
        person = await new_person()
        enrollment_id = await enroll(person.id, course_id)
        return Sitter(client, bearer(await token_of(app, person)), lesson_id, enrollment_id, person.id)

    written = await author.ok("PUT", f"/authoring/lessons/{lesson_id}/quiz", json=body_of(**changes))
    return Quiz(author, course_id, lesson_id, written["id"], written["version"]["id"], new_sitter)


async def right_answers(attempt_id: str) -> dict[str, Any]:
    """What is worth all points, for an attempt at a quiz of each kind; only the database knows its seed."""
    row = await fetch_one("SELECT seed FROM quiz_attempts WHERE id = $1", attempt_id)
    assert row is not None
    return {question.id: right_answer(question, row["seed"]) for question in paper_of(content_of(), row["seed"])}


async def over(attempt_id: str) -> None:
    """An attempt's deadline has just passed."""
    await fetch("UPDATE quiz_attempts SET deadline_at = now() - interval '1 ms' WHERE id = $1", attempt_id)
