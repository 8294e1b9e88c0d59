"""A learner's quizzes: start an attempt, save, hand in, look at it."""

import hashlib

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from api.access import requires
from api.http.problems import ProblemError
from api.http.schemas import FieldError
from api.learning.quiz_schemas import AnswersBody, AttemptView, QuizStanding, SavedView, standing_of, view_of
from api.learning.stories import tell_completions, tell_quiz_attempt
from api.purchases.controller import IdempotencyKey
from api.subject import Subject
from bootstrap import Services
from db.queries.idempotency import KeyedRequest, resource_of_key
from db.queries.learning.quiz_attempts import (
    AnswersRefusedError,
    Started,
    save_answers,
    start_attempt,
    submit_attempt,
)
from db.queries.learning.quiz_reading import read_sitting, read_standing
from domain.errors import BusinessRefusalError
from domain.identity.roles import Permission

NO_BODY = hashlib.sha256(b"").hexdigest()


@get(
    "/api/v1/lessons/{lesson_id:str}/quiz",
    operation_id="getQuiz",
    tags=["Learning"],
    **requires(Permission.COURSE_VIEW, "not_found", "lesson_locked", "quiz_not_ready"),
)
async def get_quiz(lesson_id: FromPath[str], subject: NamedDependency[Subject]) -> QuizStanding:
    """A lesson's quiz without its questions, and one's attempts."""
    return standing_of(await read_standing(subject.user_id, lesson_id))


@post(
    "/api/v1/lessons/{lesson_id:str}/quiz/attempts",
    operation_id="startQuizAttempt",
    tags=["Learning"],
    responses={
        HTTP_200_OK: ResponseSpec(AttemptView, generate_examples=False, description="The one that was open before.")
    },
    **requires(
        Permission.COURSE_VIEW,
        "not_found",
        "lesson_locked",
        "not_enrolled",
        "quiz_not_ready",
        "attempts_used",
        "quiz_cool_down",
        "idempotency_key_missing",
        "idempotency_key_reused",
        "idempotency_key_in_progress",
        "service_unavailable",
    ),
)
async def start_quiz_attempt(
    lesson_id: FromPath[str],
    services: NamedDependency[Services],
    subject: NamedDependency[Subject],
    idempotency_key: IdempotencyKey = None,
) -> Response[AttemptView]:
    """Begin an attempt, which counts from now on, or go on with the one that is open: 201 for a new one, else 200."""
    if idempotency_key is None:
        raise ProblemError("idempotency_key_missing")
    request = KeyedRequest(
        user_id=subject.user_id,
        route=f"/api/v1/lessons/{lesson_id}/quiz/attempts",
        key=idempotency_key,
        request_hash=NO_BODY,
    )
    attempt_id = await resource_of_key(request)
    is_new = False
    if attempt_id is None:
        started = await _start(subject.user_id, lesson_id, request)
        attempt_id, is_new = started.attempt_id, started.is_new
        if is_new and started.has_deadline:
            await tell_quiz_attempt(services, attempt_id)
    view = view_of(await read_sitting(subject.user_id, attempt_id))
    return Response(
        view,
        status_code=HTTP_201_CREATED if is_new else HTTP_200_OK,
        headers={"Location": f"/api/v1/quiz-attempts/{attempt_id}"},
    )


@get(
    "/api/v1/quiz-attempts/{attempt_id:str}",
    operation_id="getQuizAttempt",
    tags=["Learning"],
    **requires(Permission.COURSE_VIEW, "not_found", "lesson_locked"),
)
async def get_quiz_attempt(attempt_id: FromPath[str], subject: NamedDependency[Subject]) -> AttemptView:
    """One's attempt: its questions and what is saved, and at last what was right."""
    return view_of(await read_sitting(subject.user_id, attempt_id))


@put(
    "/api/v1/quiz-attempts/{attempt_id:str}/answers",
    operation_id="saveQuizAnswers",
    tags=["Learning"],
    **requires(
        Permission.COURSE_VIEW,
        "not_found",
        "lesson_locked",
        "attempt_over",
        "attempt_submitted",
        "answers_outdated",
        "validation_failed",
    ),
)
async def save_quiz_answers(
    data: JSONBody[AnswersBody], attempt_id: FromPath[str], subject: NamedDependency[Subject]
) -> SavedView:
    """Save all answers so far. What is saved counts, whatever happens to the learner's device."""
    try:
        return SavedView(await save_answers(subject.user_id, attempt_id, data.sequence, data.answers))
    except AnswersRefusedError as refused:
        errors = [FieldError(f"answers.{question}", message) for question, message in refused.errors.items()]
        raise ProblemError("validation_failed", errors=errors) from None


@post(
    "/api/v1/quiz-attempts/{attempt_id:str}/submission",
    operation_id="submitQuizAttempt",
    tags=["Learning"],
    status_code=HTTP_200_OK,
    **requires(Permission.COURSE_VIEW, "not_found", "lesson_locked", "attempt_over", "service_unavailable"),
)
async def submit_quiz_attempt(
    attempt_id: FromPath[str], services: NamedDependency[Services], subject: NamedDependency[Subject]
) -> AttemptView:
    """Hand in what is saved. A second time answers as the first; after the deadline what was saved has counted."""
    graded = await submit_attempt(subject.user_id, attempt_id)
    sitting = await read_sitting(subject.user_id, attempt_id)
    if graded.completed_enrollment is not None:
        await tell_completions(services, [graded.completed_enrollment])
    return view_of(sitting)


async def _start(user_id: str, lesson_id: str, request: KeyedRequest) -> Started:
    try:
        return await start_attempt(user_id, lesson_id, request)
    except BusinessRefusalError as refusal:
        # The other request with this key has committed meanwhile.
        joined = await resource_of_key(request)
        if joined is None:
            raise refusal
        return Started(joined, is_new=False, has_deadline=False)
