"""Names by which stories are started and spoken to: workflow types, messages, task queues, search attributes."""

from enum import StrEnum

from domain.errors import AcademyError


class TaskQueue(StrEnum):
    """The task queues (brief, "Queue System"); the purchase and its neighbours live on the first."""

    CORE = "lms-core"


class Story(StrEnum):
    """Workflow types."""

    PURCHASE = "Purchase"
    REFUND = "Refund"
    LATE_PAYMENT = "LatePayment"
    MESSAGE = "Message"
    DISPUTE = "Dispute"
    NOTICE = "Notice"
    COMPLETION = "Completion"
    QUIZ_ATTEMPT = "QuizAttempt"
    QUIZ_REGRADE = "QuizRegrade"
    EVENT_RELAY = "EventRelay"
    PAYMENT_RECONCILE = "PaymentReconcile"
    IDENTITY_CLEANUP = "IdentityCleanup"
    STORAGE_CLEANUP = "StorageCleanup"


CHECKOUT_UPDATE = "checkout"
PAYMENT_SIGNAL = "payment_event"
REFUND_SIGNAL = "refund_event"
DISPUTE_SIGNAL = "dispute_event"


class Attribute(StrEnum):
    """Search attributes, all keywords, never encrypted: ids and words only."""

    PROCESS = "LmsProcess"
    STATE = "LmsState"
    USER = "LmsUserId"
    COURSE = "LmsCourseId"
    CLINIC = "LmsClinicId"


class StoryClosedError(AcademyError):
    """The story is not running: it ended, or it never started."""


class StoryTimeoutError(AcademyError):
    """The story was started and has not answered in time (no worker, one that dies, an outage at the provider)."""
