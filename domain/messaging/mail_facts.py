"""What the e-mails say, before it is put into words: filled in by `db`, worded by `gateways.messaging.rendering`."""

from datetime import datetime
from decimal import Decimal

import msgspec

from domain.billing.refund import RefundReason
from domain.identity.email_links import LinkPurpose


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """The person who reads: `locale` is a BCP 47 tag, `time_zone` an IANA name; either may be one we do not know."""

    name: str
    locale: str
    time_zone: str


class SyllabusLesson(msgspec.Struct, frozen=True):
    """A lesson of the syllabus."""

    title: str
    minutes: int | None = None


class SyllabusModule(msgspec.Struct, frozen=True):
    """A part of the syllabus; without `minutes` it takes as long as its lessons."""

    title: str
    minutes: int | None = None
    lessons: tuple[SyllabusLesson, ...] = ()


class EnrollmentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What "Welcome to {course}" says. `amount` includes `tax`, both in `currency`; 0 for a free course."""

    order_id: str
    course_title: str
    course_slug: str
    modules: tuple[SyllabusModule, ...]
    since: datetime
    """When the access begins."""
    until: datetime | None
    """When it ends; `None` when no end is planned."""
    has_ended: bool = False
    """The purchase's access was taken back before the mail went out."""
    amount: Decimal
    tax: Decimal
    currency: str


class RefundFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the confirmation of a refund says; `amount` is what went back, in `currency`."""

    order_id: str
    course_title: str
    course_slug: str
    amount: Decimal
    currency: str
    reason: RefundReason
    refunded_at: datetime
    had_enrolled: bool
    """Whether the payment had given access; otherwise it never applied to anything."""
    access_ended: bool
    """Whether the access that this purchase gave has ended (a part refund leaves it)."""


class DisputeLostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer is told whose bank took the payment back; `amount` in `currency`."""

    order_id: str
    course_title: str
    course_slug: str
    amount: Decimal
    currency: str
    lost_at: datetime


class LinkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A link that its reader asked for."""

    link_id: str
    purpose: LinkPurpose
    expires_at: datetime
    is_spent: bool
    """Followed, or sent to an address that is not the user's any more."""
    token: str = ""
    """Filled in when the mail is written, and never stored (`domain.identity.email_links`)."""


class PasswordChangedFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to know whose password was changed."""

    changed_at: datetime


class CommunicationFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody of the academy wrote to many."""

    title: str
    body: str
    unsubscribe_url: str = ""
    """Filled in when the mail is written; empty for transactional mail."""


class AssignmentGradedFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a learner is told whose assignment was graded; `score` of 100, `feedback` as the grader wrote it."""

    course_title: str
    course_slug: str
    lesson_title: str
    score: int
    has_passed: bool
    asks_again: bool
    """The grader wants another version."""
    feedback: str


MailFacts = (
    EnrollmentFacts
    | RefundFacts
    | DisputeLostFacts
    | LinkFacts
    | PasswordChangedFacts
    | CommunicationFacts
    | AssignmentGradedFacts
)
