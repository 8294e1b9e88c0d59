"""Good requests of authors: on a course of the caller's own, made anew for each, in the state that it wants."""

from dataclasses import dataclass
from typing import Any

from db.sql import fetch
from domain.identifiers import new_id
from tests.fuzz.world import Caller, World
from tests.integration.catalog.catalog_rows import add_course, add_module, add_programme


@dataclass
class Written:
    """A course of one module with two lessons and a date."""

    course_id: str
    module_id: str
    lesson_ids: list[str]
    session_id: str
    programme_id: str

    @property
    def path(self) -> dict[str, str]:
        """Whatever an address may name."""
        return {
            "course_id": self.course_id,
            "module_id": self.module_id,
            "lesson_id": self.lesson_ids[0],
            "session_id": self.session_id,
            "programme_id": self.programme_id,
        }


async def written(world: World, caller: Caller, state: str) -> Written:
    """A course that lacks nothing."""
    course_id = await add_course(
        "herbology",
        instructorId=world.owner(caller).id,
        description="What it is about.",
        isPublished=state == "published",
        publishedAt=None,
    )
    await fetch("INSERT INTO course_states (course_id, state) VALUES ($1, $2)", course_id, state)
    module_id, lesson_ids, session_id = await add_module(course_id, 1), [new_id(), new_id()], new_id()
    for order, lesson_id in enumerate(lesson_ids):
        await fetch(
            'INSERT INTO course_lessons (id, "moduleId", title, "order", type) VALUES ($1, $2, \'L\', $3, $4)',
            *(lesson_id, module_id, order, "live-session"),
        )
        await fetch(
            'INSERT INTO course_live_sessions (id, "courseId", "lessonId", title, "startsAt")'
            " VALUES ($1, $2, $3, 'L', now())",
            *(session_id if order == 0 else new_id(), course_id, lesson_id),
        )
    programme_id = await add_programme(world.owner(caller).id, *[await add_course("herbology") for _ in range(2)])
    return Written(course_id, module_id, lesson_ids, session_id, programme_id)


STATES = {"returnCourse": "in_review", "publishCourse": "in_review", "archiveCourse": "published"} | {
    **dict.fromkeys(("publishProgramme", "listLiveSessions"), "published"),
    "restoreCourse": "archived",
}
LESSON = {"title": "पाठ", "description": "d", "resourceUrls": ["https://v.example/a.pdf"], "opensAfterDays": 3}
COURSE = {"title": "T", "category": "yoga", "level": "beginner", "price": "100.00", "tags": ["t"]}


def bodies_of(course: Written) -> dict[str, Any]:
    """By operation; the others have no body."""
    modules = [{"id": course.module_id, "lessonIds": course.lesson_ids[::-1]}]
    return {
        "createCourse": {**COURSE, "slug": f"s-{new_id()}", "prices": [{"currency": "USD", "amount": "20"}]},
        "changeCourse": {**COURSE, "maxEnrollments": 20},
        "addModule": {"title": "M", "isPreview": True},
        "changeModule": {"description": None},
        "orderCourse": {"modules": modules},
        "addLesson": {**LESSON, "type": "text", "content": "Words."},
        "changeLesson": {**LESSON, "isRequired": False, "transcript": "Words."},
        "putPrerequisites": {"lessonIds": course.lesson_ids[1:]},
        "addLiveSession": {"startsAt": "2030-01-01T12:00:00Z", "joinUrl": "https://meet.example/x"},
        "changeLiveSession": {"duration": 60},
        "createProgramme": {"title": "P", "slug": f"p-{new_id()}", "courseIds": [course.course_id]},
        "changeProgramme": {"description": "d", "courseIds": [course.course_id]},
    }


AUTHORING = (
    *("createCourse", "getAuthoredCourse", "changeCourse", "deleteCourse"),
    *("submitCourse", "returnCourse", "publishCourse", "archiveCourse", "restoreCourse"),
    *("addModule", "changeModule", "removeModule", "orderCourse"),
    *("addLesson", "getAuthoredLesson", "changeLesson", "removeLesson", "putPrerequisites"),
    *("addLiveSession", "changeLiveSession", "removeLiveSession", "listLiveSessions"),
    *("createProgramme", "getAuthoredProgramme", "changeProgramme", "deleteProgramme"),
    *("publishProgramme", "withdrawProgramme"),
)


async def authoring_parts(operation_id: str, world: World, caller: Caller) -> tuple[dict[str, str], Any]:
    """Path parameters and body of a good request; `None` for no body."""
    course = await written(world, caller, STATES.get(operation_id, "draft"))
    return course.path, bodies_of(course).get(operation_id)
