"""Quizzes and attempts as their learners see them."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from api.http.schemas import ApiStruct
from db.queries.learning.quiz_reading import AttemptRow, Sitting, Standing
from domain.learning.answers import Answer
from domain.learning.grading import right_answer, share_of
from domain.learning.papers import ShownQuestion
from domain.learning.questions import MOST_OPTIONS, MOST_QUESTIONS
from domain.learning.quizzes import ScoreCounts

Text = Annotated[str, Meta(max_length=1000)]
GivenAnswer = (
    Text
    | bool
    | Annotated[list[Text], Meta(max_length=MOST_OPTIONS)]
    | Annotated[dict[Text, Text], Meta(max_length=MOST_OPTIONS)]
)


class AnswersBody(ApiStruct, forbid_unknown_fields=True):
    """All answers so far, by question. `sequence` grows with each saving: an older one never replaces a newer."""

    sequence: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    answers: Annotated[dict[Text, GivenAnswer], Meta(max_length=MOST_QUESTIONS)]


class SavedView(ApiStruct):
    """What is saved now."""

    sequence: int


class QuizStanding(ApiStruct):
    """A quiz and where one stands. `timeLimit` (minutes) and `maxAttempts` hold what one was given beyond the rules;
    `null`: none. `nextAttemptAt` is set during a cool-down."""

    id: str
    lesson_id: str
    title: str
    description: str | None
    passing_score: int
    score_counts: ScoreCounts
    time_limit: int | None
    max_attempts: int | None
    attempts_left: int | None
    cool_down_minutes: int
    next_attempt_at: datetime | None
    score: int | None
    open_attempt_id: str | None
    attempts: list[AttemptRow]


class QuestionFeedback(ApiStruct):
    """What an answer was worth, and what would have been worth all. A voided question is worth all to everybody."""

    question_id: str
    points: str
    is_voided: bool
    right_answer: Answer
    explanation: str | None


class AttemptView(ApiStruct):
    """An attempt. `questions` are as this attempt is asked them; ids of options hold in it only. `feedback` is there
    once it is handed in, no other attempt is open and none remains."""

    id: str
    lesson_id: str
    number: int
    passing_score: int
    started_at: datetime
    deadline_at: datetime | None
    seconds_left: int | None
    """Until the deadline by the server's clock, while it is open."""
    submitted_at: datetime | None
    submitted_by: str | None
    score: int | None
    is_passed: bool | None
    questions: list[ShownQuestion]
    sequence: int
    answers: dict[str, Answer]
    feedback: list[QuestionFeedback] | None


def standing_of(quiz: Standing) -> QuizStanding:
    """The standing as its learner sees it."""
    return QuizStanding(
        id=quiz.quiz_id,
        attempts_left=quiz.attempts_left,
        open_attempt_id=quiz.open_attempt_id,
        **{name: getattr(quiz, name) for name in Standing.__struct_fields__ if name != "quiz_id"},
    )


def view_of(sitting: Sitting) -> AttemptView:
    """An attempt as its learner sees it now."""
    row = sitting.row
    left = None
    if row.submitted_at is None and row.deadline_at is not None:
        left = max(0, int((row.deadline_at - sitting.now).total_seconds()))
    return AttemptView(
        lesson_id=sitting.lesson_id,
        passing_score=sitting.passing_score,
        seconds_left=left,
        questions=sitting.questions,
        sequence=sitting.sequence,
        answers=sitting.answers,
        feedback=_feedback(sitting) if sitting.may_know else None,
        **msgspec.structs.asdict(row),
    )


def _feedback(sitting: Sitting) -> list[QuestionFeedback]:
    seed = sitting.seed
    return [
        QuestionFeedback(
            question_id=question.id,
            points=f"{float(question.points * share_of(question, seed, answer, sitting.voided)):.2f}",
            is_voided=question.id in sitting.voided,
            right_answer=right_answer(question, seed),
            explanation=question.explanation,
        )
        for question in sitting.paper
        for answer in [sitting.answers.get(question.id)]
    ]
