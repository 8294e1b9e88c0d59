"""Quizzes as their authors write them. Answers are in here: none of these routes is a learner's."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from api.access import requires
from api.authoring.common import EDITING, IfMatch, author_of, etag, version_of
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct, FieldError
from api.learning.stories import tell_quiz_regrade
from api.subject import Subject
from bootstrap import Services
from db.queries.learning.quiz_authoring import (
    Allowance,
    AuthoredQuiz,
    QuizRules,
    VersionRow,
    allow,
    put_quiz,
    read_quiz,
    read_version,
)
from db.queries.learning.quiz_regrading import void_question
from domain.identity.roles import Permission
from domain.learning.questions import MOST_QUESTIONS, Identifier, Question, QuizContent, errors_of
from domain.learning.quizzes import ScoreCounts

Draws = Annotated[dict[Identifier, Annotated[int, Meta(ge=1, le=MOST_QUESTIONS)]], Meta(max_length=50)]


class QuizBody(ApiStruct, forbid_unknown_fields=True):
    """All of a quiz. `maxAttempts` and `timeLimit` (minutes) may be `null`: none. `draws` says how many questions of
    each pool an attempt is asked; `docs/stories/quiz-attempt.md` tells of the kinds of questions and their grading."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    questions: Annotated[list[Question], Meta(min_length=1, max_length=MOST_QUESTIONS)]
    description: Annotated[str, Meta(max_length=5000)] | None = None
    passing_score: Annotated[int, Meta(ge=0, le=100)] = 70
    max_attempts: Annotated[int, Meta(ge=1, le=100)] | None = 3
    time_limit: Annotated[int, Meta(ge=1, le=1440)] | None = None
    cool_down_minutes: Annotated[int, Meta(ge=0, le=43_200)] = 0
    score_counts: ScoreCounts = ScoreCounts.BEST
    draws: Draws = msgspec.field(default_factory=dict)
    shuffle: bool = True


class QuizView(ApiStruct):
    """A version of a quiz with what is right. `voided` are its questions that were wrong themselves; `versions` are all
    of the quiz, the newest first."""

    id: str
    lesson_id: str
    version: VersionRow
    versions: list[VersionRow]
    title: str
    description: str | None
    passing_score: int
    max_attempts: int | None
    time_limit: int | None
    cool_down_minutes: int
    score_counts: ScoreCounts
    questions: list[Question]
    draws: dict[str, int]
    shuffle: bool
    voided: list[str]


class AllowanceBody(ApiStruct, forbid_unknown_fields=True):
    """What one learner has beyond the quiz's rules, instead of what was given before."""

    extra_minutes: Annotated[int, Meta(ge=0, le=1440)]
    extra_attempts: Annotated[int, Meta(ge=0, le=100)]


class VoidView(ApiStruct):
    """A voided question. `regradedAt`: when all attempts that were handed in before were graded again."""

    id: str
    question_id: str
    voided_at: datetime
    regraded_at: datetime | None


@put(
    "/api/v1/authoring/lessons/{lesson_id:str}/quiz",
    operation_id="putQuiz",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, *EDITING, "lesson_type_differs"),
)
async def put_lesson_quiz(
    data: JSONBody[QuizBody], lesson_id: FromPath[str], subject: NamedDependency[Subject], if_match: IfMatch = None
) -> Response[QuizView]:
    """Write the quiz of a lesson of type `quiz`. Other questions make a new version; attempts that were begun keep
    theirs, and a question keeps its `id` from version to version."""
    content = QuizContent(questions=data.questions, draws=data.draws, shuffle=data.shuffle)
    if errors := errors_of(content):
        raise ProblemError("validation_failed", errors=[FieldError(error.field, error.message) for error in errors])
    rules = QuizRules(
        title=data.title,
        description=data.description,
        passing_score=data.passing_score,
        max_attempts=data.max_attempts,
        time_limit=data.time_limit,
        cool_down_minutes=data.cool_down_minutes,
        score_counts=data.score_counts,
    )
    return _answer(await put_quiz(author_of(subject), lesson_id, rules, content, if_version=version_of(if_match)))


@get(
    "/api/v1/authoring/lessons/{lesson_id:str}/quiz",
    operation_id="getAuthoredQuiz",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, "not_found"),
)
async def get_lesson_quiz(lesson_id: FromPath[str], subject: NamedDependency[Subject]) -> Response[QuizView]:
    """The newest version of a lesson's quiz."""
    return _answer(await read_quiz(author_of(subject), lesson_id))


@get(
    "/api/v1/authoring/quiz-versions/{version_id:str}",
    operation_id="getQuizVersion",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, "not_found"),
)
async def get_quiz_version(version_id: FromPath[str], subject: NamedDependency[Subject]) -> QuizView:
    """A quiz's questions as they once were, with today's rules."""
    return _view(await read_version(author_of(subject), version_id))


@put(
    "/api/v1/authoring/quiz-versions/{version_id:str}/voided-questions/{question_id:str}",
    operation_id="voidQuestion",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, "not_found"),
)
async def void_quiz_question(
    version_id: FromPath[str],
    question_id: FromPath[str],
    subject: NamedDependency[Subject],
    services: NamedDependency[Services],
) -> VoidView:
    """Void a question that is wrong itself: whoever was asked it has its full points, also those who handed in before,
    whom a workflow grades again. A second time answers with where that stands. It cannot be taken back."""
    row = await void_question(author_of(subject), version_id, question_id)
    if row.regraded_at is None:
        await tell_quiz_regrade(services, row.id)
    return VoidView(row.id, row.question_id, row.voided_at, row.regraded_at)


@put(
    "/api/v1/authoring/quizzes/{quiz_id:str}/allowances/{enrollment_id:str}",
    operation_id="putQuizAllowance",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, "not_found", "validation_failed"),
)
async def put_allowance(
    data: JSONBody[AllowanceBody],
    quiz_id: FromPath[str],
    enrollment_id: FromPath[str],
    subject: NamedDependency[Subject],
) -> AllowanceBody:
    """Give one learner more time and more attempts. An attempt that is open gets the time, too; no deadline is moved
    back."""
    allowance = Allowance(extra_minutes=data.extra_minutes, extra_attempts=data.extra_attempts)
    await allow(author_of(subject), quiz_id, enrollment_id, allowance)
    return data


def _answer(quiz: AuthoredQuiz) -> Response[QuizView]:
    return Response(_view(quiz), headers=etag(quiz.course_version))


def _view(quiz: AuthoredQuiz) -> QuizView:
    rules = {name: getattr(quiz.rules, name) for name in QuizRules.__struct_fields__}
    return QuizView(
        id=quiz.id,
        lesson_id=quiz.lesson_id,
        version=quiz.version,
        versions=quiz.versions,
        questions=quiz.content.questions,
        draws=quiz.content.draws,
        shuffle=quiz.content.shuffle,
        voided=quiz.voided,
        **rules,
    )
