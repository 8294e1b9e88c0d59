"""Good requests of quizzes: a course of the caller's own with a quiz of each kind of question, which they sit, too."""

from typing import Any

from db.queries.authoring.editing import Author
from db.queries.idempotency import KeyedRequest
from db.queries.learning.quiz_attempts import start_attempt
from db.queries.learning.quiz_authoring import put_quiz
from db.sql import fetch
from domain.identifiers import new_id
from tests.fuzz.world import Caller, World
from tests.integration.catalog.catalog_rows import add_course
from tests.integration.learning.learners import enroll
from tests.integration.learning.quizzes import body_of, quiz_lesson
from tests.unit.learning.questions_of import content_of
from tests.workflow.record_quizzes import RULES

QUIZZES = (
    *("putQuiz", "getAuthoredQuiz", "getQuizVersion", "voidQuestion", "putQuizAllowance", "getQuiz"),
    *("startQuizAttempt", "getQuizAttempt", "saveQuizAnswers", "submitQuizAttempt"),
)
BODIES: dict[str, Any] = {
    "putQuiz": body_of(title="Doṣa", timeLimit=30, coolDownMinutes=5),
    "putQuizAllowance": {"extraMinutes": 5, "extraAttempts": 1},
    "saveQuizAnswers": {"sequence": 1, "answers": {"word": "घृत ४", "warmth": "३७.५", "true": True}},
}


async def quiz_parts(operation_id: str, world: World, caller: Caller) -> tuple[dict[str, str], Any]:
    """Path parameters and body of a good request; `None` for no body."""
    person = world.owner(caller)
    course_id = await add_course("herbology", instructorId=person.id, description="About it.")
    lesson_id = await quiz_lesson(course_id)
    quiz = await put_quiz(Author(person.id, any_course=True), lesson_id, RULES, content_of(), if_version=None)
    path = {
        "lesson_id": lesson_id,
        "quiz_id": quiz.id,
        "version_id": quiz.version.id,
        "question_id": "dosha",
        "enrollment_id": await enroll(person.id, course_id),
    }
    if operation_id in ("getQuizAttempt", "saveQuizAnswers", "submitQuizAttempt"):
        request = KeyedRequest(user_id=person.id, route="fuzz", key=new_id(), request_hash="")
        path["attempt_id"] = (await start_attempt(person.id, lesson_id, request)).attempt_id
        await fetch("UPDATE quiz_attempts SET deadline_at = NULL WHERE id = $1", path["attempt_id"])
    return path, BODIES.get(operation_id)
