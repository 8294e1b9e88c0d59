"""E-mails in words: hostile titles, both languages, long courses, dates and amounts as people write them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from jinja2 import UndefinedError

from domain.billing.refund import RefundReason
from domain.billing.seller import Seller
from domain.identity.email_links import LinkPurpose
from domain.messaging.mail_facts import (
    DisputeLostFacts,
    EnrollmentFacts,
    LinkFacts,
    MailFacts,
    PasswordChangedFacts,
    Reader,
    RefundFacts,
    SyllabusLesson,
    SyllabusModule,
)
from domain.messaging.messages import OutgoingEmail
from gateways.messaging import rendering
from gateways.messaging.mime import as_bytes
from gateways.messaging.rendering import LESSONS_SHOWN, MODULES_SHOWN, RenderedMail
from gateways.messaging.wording import duration, language_of, local_day, money

SELLER = Seller("Ayurveda Academy", "12 Vaidya Marg, Kochi", "KL", "32AAACA0001A1Z6", "INR")
HOSTILE = "<script>alert(1)</script>&\"'><img src=x onerror=alert(2)>"
EVENING = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
"""Already the 23rd in India."""
GMAIL_CUTS_AT = 102_000


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


@pytest.mark.parametrize("locale", ["en", "hi"])
@pytest.mark.parametrize("facts", [enrollment(), refund(), dispute_lost()])
def test_both_parts_say_the_same(facts: MailFacts, locale: str) -> None:
    mail = render(facts, reader(locale=locale))
    page = Page(mail.html)
    assert mail.language == locale
    assert ("lang", locale) in page.attributes
    for word in ("Foundations", "Asha Menon", "₹2,999.00", "order-1", "Ayurveda Academy", "32AAACA0001A1Z6"):
        assert word in page.text
        assert word in mail.text
    assert "2026" in page.text
    assert "2026" in mail.text
    assert "{" not in page.text + mail.text


def test_a_welcome_names_link_syllabus_start_and_price() -> None:
    mail = render(enrollment())
    page = Page(mail.html)
    assert mail.subject == "Welcome to Foundations"
    assert ("href", "https://academy.example/courses/foundations") in page.attributes
    assert "https://academy.example/courses/foundations\n" in mail.text
    for words in (
        "23 November 2026",
        "does not end",
        "including ₹457.47 tax",
        "2 modules, 2 lessons, 2 h",
        "Six tastes",
    ):
        assert words in page.text
        assert words in mail.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "1. Ahara (25 min)\n   - Six tastes (25 min)\n   - Quiz\n\n2. Dinacharya (1 h 35 min)\n" in (
        mail.text.replace("\N{NO-BREAK SPACE}", " ")
    )


def test_a_hindi_reader_reads_hindi() -> None:
    mail = render(enrollment(until=EVENING + timedelta(days=365)), reader(locale="hi-IN"))
    assert mail.subject == "Foundations में आपका स्वागत है"
    assert "23 नवंबर 2027 तक" in mail.text
    assert "1 घंटा 35 मिनट" in Page(mail.html).text
    assert render(enrollment(), reader(locale="ta-IN")).language == "en"


def test_access_that_ends_at_midnight_ends_on_the_day_before() -> None:
    midnight_in_india = datetime(2027, 1, 1, 18, 30, tzinfo=UTC)
    assert "until 1 January 2027" in render(enrollment(until=midnight_in_india)).text


def test_a_free_course_says_so() -> None:
    mail = render(enrollment(amount=Decimal(0), tax=Decimal(0)))
    assert "Price: free" in mail.text
    assert "₹" not in mail.html + mail.text


def test_an_export_without_tax_mentions_none() -> None:
    mail = render(enrollment(tax=Decimal(0), amount=Decimal("39.00"), currency="USD"))
    assert "Paid: $39.00\n" in mail.text
    assert "tax" not in mail.text


def test_a_course_without_an_outline_has_no_syllabus() -> None:
    mail = render(enrollment(modules=()))
    assert "learn" not in mail.html + mail.text


@pytest.mark.parametrize("locale", ["en", "hi"])
def test_hostile_words_stay_words(locale: str) -> None:
    plain = Page(render(enrollment(), reader(locale=locale)).html)
    module = SyllabusModule(HOSTILE, None, (SyllabusLesson(HOSTILE, 5), SyllabusLesson("b")))
    facts = enrollment(course_title=HOSTILE, modules=(module, SyllabusModule("c", 5)))
    page = Page(render(facts, reader(name=HOSTILE, locale=locale)).html)
    assert page.tags == plain.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in plain.attributes]
    assert page.text.count(HOSTILE) == 5, "title, heading, name, module, lesson"

    page = Page(render(refund(course_title=HOSTILE), reader(name=HOSTILE, locale=locale)).html)
    assert not {"script", "img"} & set(page.tags)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\x00", "\x0b", "\u2028", "\x85"])
def test_a_line_end_in_a_title_or_name_makes_no_header(line_end: str) -> None:
    title = f"Course{line_end}Bcc: victim@academy.example{line_end}{line_end}body"
    for facts in (enrollment(course_title=title), refund(course_title=title)):
        mail = render(facts, reader(name=title))
        assert len((mail.subject + mail.to_name).splitlines()) == 1
        raw = as_bytes(
            OutgoingEmail(
                message_id="<row@academy.example>",
                to="student@academy.example",
                to_name=mail.to_name,
                from_="Academy <no-reply@academy.example>",
                subject=mail.subject,
                html=mail.html,
                text=mail.text,
                sent_at=EVENING,
            )
        )
        head = raw.partition(b"\r\n\r\n")[0]
        assert not [line for line in head.split(b"\r\n") if line.startswith(b"Bcc")]


def test_a_long_syllabus_stays_below_what_gmail_shows() -> None:
    lessons = tuple(SyllabusLesson(f"पाठ {number}: वात, पित्त और कफ का संतुलन", 10) for number in range(30))
    modules = tuple(SyllabusModule(f"Module {number}", None, lessons) for number in range(100))
    mail = render(enrollment(modules=modules))
    assert len(mail.html.encode()) < GMAIL_CUTS_AT
    assert mail.text.count("   - पाठ") == LESSONS_SHOWN
    assert "100 modules, 3000 lessons" in mail.text
    assert "   - 10 more lessons\n" in mail.text
    assert "   - 30 lessons\n" in mail.text
    assert f"{MODULES_SHOWN}. Module" in mail.text
    assert f"{MODULES_SHOWN + 1}. Module" not in mail.text
    assert f"And {100 - MODULES_SHOWN} more modules" in mail.text
    assert f"{100 - MODULES_SHOWN} more modules" in Page(mail.html).text


@pytest.mark.parametrize("locale", ["en", "hi"])
@pytest.mark.parametrize("reason", list(RefundReason))
def test_every_reason_for_a_refund_has_its_words(reason: RefundReason, locale: str) -> None:
    mail = render(refund(reason=reason, had_enrolled=False, access_ended=False), reader(locale=locale))
    assert reason.value not in mail.text
    other = render(
        refund(reason=RefundReason.COURSE_FULL, had_enrolled=False, access_ended=False), reader(locale=locale)
    )
    assert (mail.text == other.text) == (reason is RefundReason.COURSE_FULL)


def test_a_refund_says_what_becomes_of_the_access() -> None:
    assert "has ended" in render(refund()).text
    assert "You keep your access" in render(refund(access_ended=False)).text
    never_enrolled = render(refund(access_ended=False, had_enrolled=False)).text
    assert "has ended" not in never_enrolled
    assert "You keep your access" not in never_enrolled


def test_a_word_that_is_missing_is_an_error_and_no_gap() -> None:
    with pytest.raises(UndefinedError):
        rendering._templates.get_template("en/refund-confirmation.txt").render(name="Asha", reason="operator")


def test_a_mail_works_without_images_and_outside_addresses() -> None:
    for facts in (enrollment(), refund()):
        page = Page(render(facts).html)
        assert not {"img", "link", "style", "script", "form"} & set(page.tags)
        addresses = [value for name, value in page.attributes if name in ("href", "src")]
        assert set(addresses) <= {"https://academy.example/courses/foundations"}
        tables = page.tags.count("table")
        assert page.attributes.count(("role", "presentation")) == tables, "screen readers skip layout tables"


def test_a_seller_without_gstin_shows_none() -> None:
    seller = Seller("Academy", "Somewhere", "KL", "", "INR")
    mail = render(enrollment(), seller=seller)
    assert "GSTIN" not in mail.html + mail.text


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("0.50", "INR", "₹0.50"),
        ("999", "INR", "₹999.00"),
        ("2999.00", "INR", "₹2,999.00"),
        ("123456.00", "INR", "₹1,23,456.00"),
        ("123456789.10", "INR", "₹12,34,56,789.10"),
        ("1234567.5", "USD", "$1,234,567.50"),
        ("1500", "JPY", "¥1,500"),
        ("99", "AED", "AED\N{NO-BREAK SPACE}99.00"),
    ],
)
def test_amounts_are_written_as_people_of_the_currency_do(amount: str, currency: str, shown: str) -> None:
    assert money(Decimal(amount), currency) == shown


@pytest.mark.parametrize(
    ("minutes", "language", "shown"),
    [
        (45, "en", "45 min"),
        (60, "en", "1 h"),
        (125, "en", "2 h 5 min"),
        (61, "hi", "1 घंटा 1 मिनट"),
        (120, "hi", "2 घंटे"),
    ],
)
def test_durations(minutes: int, language: str, shown: str) -> None:
    assert duration(minutes, language).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize("zone", ["", "Nowhere/Nothing", "../../etc/passwd", "Asia", "x" * 500, "Asia/Kolkata"])
def test_an_unknown_time_zone_is_read_as_the_default_one(zone: str) -> None:
    assert local_day(EVENING, zone).day == 23
    assert local_day(EVENING, "America/New_York").day == 22


@pytest.mark.parametrize(
    ("locale", "language"), [("hi", "hi"), ("hi_IN", "hi"), ("HI-Deva", "hi"), ("", "en"), ("xx", "en")]
)
def test_languages(locale: str, language: str) -> None:
    assert language_of(locale) == language


def link(purpose: LinkPurpose, **changes: Any) -> LinkFacts:
    plain: dict[str, Any] = {
        "link_id": "l",
        "purpose": purpose,
        "expires_at": EVENING,
        "is_spent": False,
        "token": "l.mac",
    }
    return LinkFacts(**plain | changes)


@pytest.mark.parametrize("locale", ["en", "hi"])
@pytest.mark.parametrize(
    ("purpose", "page", "life"),
    [(LinkPurpose.VERIFY_EMAIL, "verify-email", "3"), (LinkPurpose.RESET_PASSWORD, "reset-password", "30")],
)
def test_a_link_stands_in_both_parts_and_nobody_is_named(
    locale: str, purpose: LinkPurpose, page: str, life: str
) -> None:
    mail = render(link(purpose), reader(name=HOSTILE, locale=locale))
    assert mail.language == locale
    for part in (mail.html, mail.text):
        assert f"https://academy.example/{page}#token=l.mac" in part
        assert f" {life} " in part
        assert "alert" not in part, "words of whoever registered this address"
    assert "token" not in mail.subject
    assert mail.to_name == ""


@pytest.mark.parametrize("locale", ["en", "hi"])
def test_a_changed_password_is_told_with_its_moment(locale: str) -> None:
    mail = render(PasswordChangedFacts(changed_at=EVENING), reader(locale=locale))
    for part in (mail.html, mail.text):
        assert "01:30 (Asia/Kolkata)" in part
        assert "https://academy.example/forgot-password" in part
