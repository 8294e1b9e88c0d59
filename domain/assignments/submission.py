"""Submissions: their states and limits; pure."""

from datetime import timedelta
from enum import StrEnum


class SubmissionState(StrEnum):
    """Where one version of somebody's work stands."""

    SUBMITTED = "submitted"
    """Waits to be graded."""
    REPLACED = "replaced"
    """A newer version came before it was graded."""
    GRADED = "graded"
    RETURNED = "returned"
    """Graded, and another version is asked for."""


MOST_FILES = 5
"""Of one submission."""
MOST_OPEN_FILES = 10
"""Of one learner and lesson that no submission has taken."""
MOST_SUBMISSIONS = 30
"""Versions of one learner's work."""
CLAIM_LIFE = timedelta(hours=2)
"""A grader's claim keeps others away for so long."""
UPLOAD_LIFE = timedelta(minutes=15)
"""An address takes a PUT for so long."""
DOWNLOAD_LIFE = timedelta(minutes=5)
KEPT_UNUSED = timedelta(days=1)
"""A file that no submission took is abandoned after so long."""
