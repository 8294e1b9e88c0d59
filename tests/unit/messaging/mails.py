"""What the tests of e-mails tell, to whom, and how a mail reader sees it."""

from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from domain.billing.refund import RefundReason
from domain.billing.seller import Seller
from domain.identity.email_links import LinkPurpose
from domain.messaging.mail_facts import (
    DisputeLostFacts,
    EnrollmentFacts,
    LinkFacts,
    MailFacts,
    Reader,
    RefundFacts,
    SyllabusLesson,
    SyllabusModule,
)
from gateways.messaging import rendering
from gateways.messaging.rendering import RenderedMail

SELLER = Seller("Ayurveda Academy", "12 Vaidya Marg, Kochi", "KL", "32AAACA0001A1Z6", "INR")
HOSTILE = "<script>alert(1)</script>&\"'><img src=x onerror=alert(2)>"
EVENING = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
"""Already the 23rd in India."""


def reader(**changes: Any) -> Reader:
    return Reader(**{"name": "Asha Menon", "locale": "en", "time_zone": "Asia/Kolkata", **changes})


def enrollment(**changes: Any) -> EnrollmentFacts:
    lessons = (SyllabusLesson("Six tastes", 25), SyllabusLesson("Quiz"))
    plain: dict[str, Any] = {
        "order_id": "order-1",
        "course_title": "Foundations",
        "course_slug": "foundations",
        "modules": (SyllabusModule("Ahara", None, lessons), SyllabusModule("Dinacharya", 95)),
        "since": EVENING,
        "until": None,
        "amount": Decimal("2999.00"),
        "tax": Decimal("457.47"),
        "currency": "INR",
    }
    return EnrollmentFacts(**plain | changes)


def refund(**changes: Any) -> RefundFacts:
    plain: dict[str, Any] = {
        "order_id": "order-1",
        "course_title": "Foundations",
        "course_slug": "foundations",
        "amount": Decimal("2999.00"),
        "currency": "INR",
        "reason": RefundReason.OPERATOR,
        "refunded_at": EVENING,
        "had_enrolled": True,
        "access_ended": True,
    }
    return RefundFacts(**plain | changes)


def dispute_lost() -> DisputeLostFacts:
    return DisputeLostFacts(
        order_id="order-1",
        course_title="Foundations",
        course_slug="foundations",
        amount=Decimal("2999.00"),
        currency="INR",
        lost_at=EVENING,
    )


def render(facts: MailFacts, to: Reader | None = None, seller: Seller = SELLER) -> RenderedMail:
    return rendering.render(facts, to or reader(), public_base_url="https://academy.example/", seller=seller)


class Page(HTMLParser):
    """What a mail reader would see of the HTML part."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\N{NO-BREAK SPACE}", " ").split())


def link(purpose: LinkPurpose, **changes: Any) -> LinkFacts:
    plain: dict[str, Any] = {
        "link_id": "l",
        "purpose": purpose,
        "expires_at": EVENING,
        "is_spent": False,
        "token": "l.mac",
    }
    return LinkFacts(**plain | changes)
