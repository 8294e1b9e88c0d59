"""E-mails in words: hostile titles, both languages, long courses."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from jinja2 import UndefinedError

from domain.billing.refund import RefundReason
from domain.billing.seller import Seller
from domain.identity.email_links import LinkPurpose
from domain.messaging.mail_facts import (
    MailFacts,
    PasswordChangedFacts,
    SyllabusLesson,
    SyllabusModule,
)
from domain.messaging.messages import OutgoingEmail
from gateways.messaging import rendering
from gateways.messaging.mime import as_bytes
from gateways.messaging.rendering import LESSONS_SHOWN, MODULES_SHOWN
from tests.unit.messaging.mails import (
    EVENING,
    HOSTILE,
    Page,
    dispute_lost,
    enrollment,
    link,
    reader,
    refund,
    render,
)

GMAIL_CUTS_AT = 102_000


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
