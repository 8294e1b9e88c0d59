"""Good requests of assignments: everybody learns in one course, whose instructor and the admins grade a student."""

from datetime import UTC, datetime, timedelta
from typing import Any

from db.queries.assignments.assignments import write_assignment
from db.queries.assignments.files import folder_of, upload_key
from db.queries.assignments.submissions import hand_in
from db.sql import fetch
from domain.assignments.rubric import Criterion
from domain.file_tokens import FileGrant
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.fuzz.world import Caller, World
from tests.integration.catalog.catalog_rows import add_course, add_lesson, add_module
from tests.integration.conftest import Person
from tests.integration.learning.learners import enroll

CONTENT = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"
RUBRIC = [{"id": "all", "title": "All", "points": 100}]
ASSIGNMENTS = (
    *("putAssignment", "getAssignment", "createUpload", "confirmUpload", "getUploadDownload", "putFile", "getFile"),
    *("handInSubmission", "listSubmissions", "getSubmission", "claimSubmission", "releaseSubmission"),
    "gradeSubmission",
)
OF_A_LESSON = ("putAssignment", "getAssignment", "createUpload", "handInSubmission")


async def assignment_parts(operation_id: str, world: World, caller: Caller) -> tuple[dict[str, str], Any]:
    """Path parameters and body of a good request; `None` for no body."""
    lesson_id = await lesson_of(world)
    if operation_id in ("putFile", "getFile"):
        return {"token": await token_for(operation_id, world)}, CONTENT if operation_id == "putFile" else None
    if operation_id in OF_A_LESSON:
        return {"lesson_id": lesson_id}, await body_of(operation_id, world, caller, lesson_id)
    if operation_id in ("confirmUpload", "getUploadDownload"):
        state = "announced" if operation_id == "confirmUpload" else "stored"
        return {"upload_id": await file_of(world, world.owner(caller), lesson_id, state)}, None
    if operation_id == "listSubmissions":
        return {}, None
    submission_id = await submission_of(world, lesson_id)
    grading = {"version": 1, "points": [{"criterionId": "all", "points": 50}], "feedback": "अच्छा", "asksAgain": True}
    return {"submission_id": submission_id}, grading if operation_id == "gradeSubmission" else None


async def body_of(operation_id: str, world: World, caller: Caller, lesson_id: str) -> Any:
    """Of a request about a lesson."""
    if operation_id == "putAssignment":
        return {"instructions": "Describe three herbs.", "rubric": RUBRIC, "passingScore": 90}
    if operation_id == "createUpload":
        await enrollment_of(world, world.owner(caller))
        return {"name": "काम.pdf", "size": len(CONTENT), "mediaType": "application/pdf"}
    if operation_id == "handInSubmission":
        return {"fileIds": [await file_of(world, world.owner(caller), lesson_id, "stored")], "comment": "Done."}
    await enrollment_of(world, world.owner(caller))
    return None


async def lesson_of(world: World) -> str:
    """The assignment's lesson, made once."""
    if "assignment" not in world.known:
        [instructor] = [c.person for c in world.callers if c.name == Role.INSTRUCTOR and c.person]
        course_id = await add_course("herbology", instructorId=instructor.id)
        lesson_id = await add_lesson(await add_module(course_id, 1), 1)
        await fetch("UPDATE course_lessons SET type = 'assignment' WHERE id = $1", lesson_id)
        world.known["assignment"] = [course_id, lesson_id]
    lesson_id = world.known["assignment"][1]
    rubric = [Criterion(id="all", title="All", points=100)]
    await write_assignment(
        lesson_id, world.student.id, any_course=True, instructions="Describe.", rubric=rubric, passing=90
    )
    return lesson_id


async def enrollment_of(world: World, person: Person) -> str:
    """Somebody's in the assignment's course."""
    course_id = world.known["assignment"][0]
    sql = 'SELECT id FROM course_enrollments WHERE "userId" = $1 AND "courseId" = $2'
    rows = await fetch(sql, person.id, course_id)
    return str(rows[0]["id"]) if rows else await enroll(person.id, course_id)


async def file_of(world: World, person: Person, lesson_id: str, state: str) -> str:
    """A file of somebody's that was sent."""
    file_id = new_id()
    await world.services.storage.create(upload_key(file_id), CONTENT)
    await fetch(
        "INSERT INTO assignment_files (id, enrollment_id, lesson_id, name, media_type, size, state, storage_key)"
        " VALUES ($1, $2, $3, 'a.pdf', 'application/pdf', $4, $5, $6)",
        *(file_id, await enrollment_of(world, person), lesson_id, len(CONTENT), state, f"{folder_of(file_id)}/1.pdf"),
    )
    return file_id


async def submission_of(world: World, lesson_id: str) -> str:
    """A new first submission of the student's."""
    enrollment_id = await enrollment_of(world, world.student)
    await fetch("DELETE FROM assignment_submissions WHERE enrollment_id = $1", enrollment_id)
    return await hand_in(enrollment_id, lesson_id, [await file_of(world, world.student, lesson_id, "stored")], None)


async def token_for(operation_id: str, world: World) -> str:
    """An address that works; for reading, of an object that is there."""
    key = upload_key(new_id())
    until = int((datetime.now(UTC) + timedelta(minutes=5)).timestamp())
    if operation_id == "putFile":
        return world.services.file_tokens.issue(FileGrant("PUT", key, until, 1000))
    await world.services.storage.create(key, CONTENT)
    return world.services.file_tokens.issue(FileGrant("GET", key, until))
