"""Words and messages of quizzes and attempts."""

from enum import StrEnum

import msgspec

REGRADE_BATCH = 50
"""Attempts that one step grades again."""


class ScoreCounts(StrEnum):
    """Which attempt's score is the learner's."""

    BEST = "best"
    LAST = "last"


class SubmittedBy(StrEnum):
    """Who handed an attempt in."""

    LEARNER = "learner"
    DEADLINE = "deadline"


class AttemptRefusal(StrEnum):
    """Why an attempt cannot be begun, saved or handed in; each is a problem's code."""

    LOCKED = "lesson_locked"
    """The lesson's door is shut."""
    NOT_ENROLLED = "not_enrolled"
    """A preview is open to everybody, its quiz to learners only."""
    NO_QUIZ = "quiz_not_ready"
    """The lesson has no questions yet."""
    NONE_LEFT = "attempts_used"
    COOL_DOWN = "quiz_cool_down"
    OVER = "attempt_over"
    """Its deadline has passed."""
    SUBMITTED = "attempt_submitted"
    OUTDATED = "answers_outdated"
    """Newer answers are saved."""


class RegradeInput(msgspec.Struct, frozen=True):
    """The next batch of the attempts that were asked a voided question: those after this id."""

    void_id: str
    after_attempt_id: str = ""
    regraded: int = 0
    """How many were graded again before."""
