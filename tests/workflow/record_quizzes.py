"""Quizzes whose stories are recorded."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from temporalio.client import WorkflowHandle

from db.queries.authoring.editing import Author
from db.queries.idempotency import KeyedRequest
from db.queries.learning import quiz_regrading
from db.queries.learning.quiz_attempts import start_attempt, submit_attempt
from db.queries.learning.quiz_authoring import AuthoredQuiz, QuizRules, put_quiz
from db.queries.learning.quiz_regrading import void_question
from db.sql import fetch
from domain.identifiers import new_id, quiz_attempt_workflow_id, quiz_regrade_workflow_id
from domain.learning.quizzes import ScoreCounts
from tests.integration.conftest import Person
from tests.integration.learning.learners import course_of, enroll
from tests.unit.learning.questions_of import content_of
from tests.workflow.conftest import Academy

Keep = Callable[[str, WorkflowHandle[Any, Any]], Awaitable[None]]
Somebody = Callable[[], Awaitable[Person]]

RULES = QuizRules(
    title="A quiz",
    description=None,
    passing_score=70,
    max_attempts=3,
    time_limit=1,
    cool_down_minutes=0,
    score_counts=ScoreCounts.BEST,
)


async def record_quizzes(academy: Academy, keep: Keep, somebody: Somebody) -> None:
    """A deadline that comes; an attempt that was handed in before; a regrading in two batches."""
    author = Author((await somebody()).id, any_course=True)
    timed = await _quiz(author, RULES)
    for name, is_early in (("quiz-attempt-at-its-deadline", False), ("quiz-attempt-handed-in-before", True)):
        learner = await _learner(somebody, timed)
        attempt_id = await _begun(learner, timed)
        soon = "UPDATE quiz_attempts SET deadline_at = clock_timestamp() + interval '3 s' WHERE id = $1"
        await fetch(soon, attempt_id)
        await academy.stories.tell_quiz_attempt(attempt_id)
        if is_early:
            await submit_attempt(learner.id, attempt_id)
        await keep(name, academy.services.temporal.get_workflow_handle(quiz_attempt_workflow_id(attempt_id)))
    untimed = await _quiz(author, msgspec.structs.replace(RULES, time_limit=None))
    for _ in range(3):
        learner = await _learner(somebody, untimed)
        await submit_attempt(learner.id, await _begun(learner, untimed))
    quiz_regrading.REGRADE_BATCH = 2  # type: ignore[attr-defined]
    void = await void_question(author, untimed.version.id, "order")
    await academy.stories.tell_quiz_regrade(void.id)
    await keep("quiz-regrade", academy.services.temporal.get_workflow_handle(quiz_regrade_workflow_id(void.id)))


async def _quiz(author: Author, rules: QuizRules) -> AuthoredQuiz:
    _, [lesson_id] = await course_of(1)
    await fetch("UPDATE course_lessons SET type = 'quiz' WHERE id = $1", lesson_id)
    return await put_quiz(author, lesson_id, rules, content_of(), if_version=None)


async def _learner(somebody: Somebody, quiz: AuthoredQuiz) -> Person:
    person = await somebody()
    [row] = await fetch(
        'SELECT m."courseId" AS course_id FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId"'
        " WHERE l.id = $1",
        quiz.lesson_id,
    )
    await enroll(person.id, row["course_id"])
    return person


async def _begun(person: Person, quiz: AuthoredQuiz) -> str:
    request = KeyedRequest(user_id=person.id, route="recorded", key=new_id(), request_hash="")
    return (await start_attempt(person.id, quiz.lesson_id, request)).attempt_id
