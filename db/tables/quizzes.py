"""What quizzes need beside the brief's `course_quizzes` (`docs/stories/quiz-attempt.md`)."""

from piccolo.columns import BigInt, Boolean
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from db.columns import (
    created_now,
    integer,
    json,
    optional_integer,
    optional_moment,
    optional_text,
    primary_key,
    reference,
    text,
)
from db.engine import DB
from db.tables.courses import CourseQuiz
from db.tables.identity import User
from db.tables.learning import CourseEnrollment
from db.tables.progress import one_for


class QuizRule(Table, tablename="quiz_rules", db=DB):
    """What holds beyond the brief's columns. A quiz without a row has no cool-down, and its best score counts."""

    quiz_id = one_for(CourseQuiz)
    cool_down_minutes = integer()
    """Between a submission and the next start."""
    score_counts = text()
    """A `domain.learning.quizzes.ScoreCounts`."""

    quiz_rules_cool_down_check = Check("cool_down_minutes >= 0")
    quiz_rules_score_check = Check("score_counts IN ('best', 'last')")


class QuizVersion(Table, tablename="quiz_versions", db=DB):
    """The questions of a quiz as they once were; never changed. `course_quizzes.questions` has the newest version's."""

    id = primary_key()
    quiz_id = reference(CourseQuiz, cascade=True)
    number = integer()
    content = json()
    """A `domain.learning.questions.QuizContent`."""
    created_at = created_now()
    created_by = reference(User, null=True)

    quiz_versions_quiz_number_key = Unique([quiz_id, number])


class QuizVoid(Table, tablename="quiz_voids", db=DB):
    """A question that was wrong itself, and the outbox of its regrading."""

    id = primary_key()
    version_id = reference(QuizVersion, cascade=True)
    question_id = text()
    voided_at = created_now()
    voided_by = reference(User, null=True)
    regraded_at = optional_moment()
    """Set by the regrading's story at its end."""

    quiz_voids_version_question_key = Unique([version_id, question_id])


class QuizAttempt(Table, tablename="quiz_attempts", db=DB):
    """One sitting of one learner. At most one of a quiz is open (a partial unique index)."""

    id = primary_key()
    enrollment_id = reference(CourseEnrollment, cascade=True)
    quiz_id = reference(CourseQuiz, cascade=True)
    version_id = reference(QuizVersion, cascade=True)
    number = integer()
    seed = text()
    """Of the paper; never leaves the server."""
    passing_score = integer()
    started_at = created_now()
    deadline_at = optional_moment()
    answers = json()
    """By question: a `domain.learning.answers.Answer`."""
    answers_sequence = BigInt(null=False, default=None)
    submitted_at = optional_moment()
    submitted_by = optional_text()
    """A `domain.learning.quizzes.SubmittedBy`."""
    score = optional_integer()
    """Percent, rounded down."""
    is_passed = Boolean(null=True, default=None)

    quiz_attempts_learner_number_key = Unique([enrollment_id, quiz_id, number])
    quiz_attempts_submitted_check = Check(
        "(submitted_at IS NULL) = (score IS NULL) AND (submitted_at IS NULL) = (is_passed IS NULL)"
        " AND (submitted_at IS NULL) = (submitted_by IS NULL)"
    )
    quiz_attempts_submitted_by_check = Check("submitted_by IN ('learner', 'deadline')")


class QuizAllowance(Table, tablename="quiz_allowances", db=DB):
    """An instructor's extra minutes and attempts for one learner."""

    id = primary_key()
    enrollment_id = reference(CourseEnrollment, cascade=True)
    quiz_id = reference(CourseQuiz, cascade=True)
    extra_minutes = integer()
    extra_attempts = integer()
    granted_at = created_now()
    granted_by = reference(User, null=True)

    quiz_allowances_learner_key = Unique([enrollment_id, quiz_id])
    quiz_allowances_extra_check = Check("extra_minutes >= 0 AND extra_attempts >= 0")
