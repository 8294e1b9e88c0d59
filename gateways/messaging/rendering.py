"""E-mails in words: facts in, subject, HTML and text out. Pure; the templates are read and compiled once.

`templates/{language}/{template}.txt` begins with the subject's line, then an empty one; `.html` fills `layout.html`.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from domain.billing.seller import Seller
from domain.identity.email_links import LINK_LIFE, LinkPurpose
from domain.messaging.mail_facts import (
    AssignmentGradedFacts,
    CommunicationFacts,
    DisputeLostFacts,
    EnrollmentFacts,
    LinkFacts,
    MailFacts,
    PasswordChangedFacts,
    Reader,
    RefundFacts,
    SyllabusModule,
)
from gateways.messaging.wording import day, duration, language_of, local_day, moment, money, one_line

MODULES_SHOWN = 40
LESSONS_SHOWN = 80
"""Beyond these the mail points to the course's page: Gmail cuts a mail at 102 kB."""

LINK_TEMPLATES = {LinkPurpose.VERIFY_EMAIL: "email-verification", LinkPurpose.RESET_PASSWORD: "password-reset"}
LINK_PAGES = {LinkPurpose.VERIFY_EMAIL: "verify-email", LinkPurpose.RESET_PASSWORD: "reset-password"}
"""Pages of the front-end, below `public_base_url`, as `courses/{slug}` is."""
RESET_REQUEST_PAGE = "forgot-password"

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    auto_reload=False,
)


class RenderedMail(msgspec.Struct, frozen=True):
    """A mail in the reader's language; subject and name are single lines."""

    subject: str
    html: str
    text: str
    language: str
    """BCP 47."""
    to_name: str


def render(facts: MailFacts, reader: Reader, *, public_base_url: str, seller: Seller) -> RenderedMail:
    """Word a mail. The same arguments give the same mail.

    `public_base_url` is where the front-end is, which shows `{public_base_url}/courses/{slug}`. Raises
    `jinja2.UndefinedError` when a template asks for what is not there.
    """
    language = language_of(reader.locale)
    base_url = public_base_url.rstrip("/")
    words: dict[str, Any] = {
        "language": language,
        "name": one_line(reader.name),
        "seller_name": one_line(seller.name),
        "seller_address": one_line(seller.address),
        "seller_gstin": seller.gstin,
    }
    if isinstance(facts, LinkFacts):
        return _filled(LINK_TEMPLATES[facts.purpose], words | _link_words(facts, base_url))
    if isinstance(facts, PasswordChangedFacts):
        return _filled("password-changed", words | _password_changed_words(facts, reader, base_url))
    if isinstance(facts, CommunicationFacts):
        said = {"title": one_line(facts.title), "body": facts.body, "unsubscribe_url": facts.unsubscribe_url}
        return _filled("communication", words | said)
    words |= {
        "course": one_line(facts.course_title),
        "course_url": f"{base_url}/courses/{facts.course_slug}",
    }
    if isinstance(facts, AssignmentGradedFacts):
        return _filled("assignment-graded", words | _graded_words(facts))
    words["order_id"] = facts.order_id
    if isinstance(facts, EnrollmentFacts):
        words |= _enrollment_words(facts, reader, language)
        return _filled("enrollment-confirmation", words, *_syllabus(facts.modules, language))
    if isinstance(facts, DisputeLostFacts):
        lost = day(local_day(facts.lost_at, reader.time_zone), language)
        name, more = "dispute-lost", {"amount": money(facts.amount, facts.currency), "lost": lost}
    else:
        name, more = "refund-confirmation", _refund_words(facts, reader, language)
    return _filled(name, words | more)


def _link_words(facts: LinkFacts, base_url: str) -> dict[str, Any]:
    """Without the person's name: whoever registers a stranger's address must not have us send words of theirs.

    The token stands in the fragment, which browsers send to no server and put in no `Referer`.
    """
    return {
        "name": "",
        "url": f"{base_url}/{LINK_PAGES[facts.purpose]}#token={facts.token}",
        "minutes": int(LINK_LIFE[facts.purpose].total_seconds()) // 60,
        "days": LINK_LIFE[facts.purpose].days,
    }


def _password_changed_words(facts: PasswordChangedFacts, reader: Reader, base_url: str) -> dict[str, Any]:
    return {
        "changed": moment(facts.changed_at, reader.time_zone, language_of(reader.locale)),
        "url": f"{base_url}/{RESET_REQUEST_PAGE}",
    }


def _graded_words(facts: AssignmentGradedFacts) -> dict[str, Any]:
    return {
        "lesson": one_line(facts.lesson_title),
        "score": facts.score,
        "has_passed": facts.has_passed,
        "asks_again": facts.asks_again,
        "feedback": facts.feedback,
    }


def _enrollment_words(facts: EnrollmentFacts, reader: Reader, language: str) -> dict[str, Any]:
    # The end is exclusive: what is shown is the day of the last moment.
    last = facts.until and facts.until - timedelta(microseconds=1)
    return {
        "begins": day(local_day(facts.since, reader.time_zone), language),
        "ends": day(local_day(last, reader.time_zone), language) if last else None,
        "amount": money(facts.amount, facts.currency) if facts.amount else None,
        "tax": money(facts.tax, facts.currency) if facts.tax else None,
    }


@lru_cache(maxsize=512)
def _syllabus(modules: tuple[SyllabusModule, ...], language: str) -> tuple[Markup, str]:
    """The syllabus as HTML and as text: half the work of a mail, and the same for everyone who buys the course."""
    words = _syllabus_words(modules, language)
    html = _templates.get_template(f"{language}/syllabus.html").render(words)
    return Markup(html), _templates.get_template(f"{language}/syllabus.txt").render(words)  # noqa: S704  # escaped there


def _syllabus_words(modules: tuple[SyllabusModule, ...], language: str) -> dict[str, Any]:
    minutes = sum(_minutes(module) for module in modules)
    left = LESSONS_SHOWN
    shown = []
    for module in modules[:MODULES_SHOWN]:
        lessons = module.lessons[:left]
        left -= len(lessons)
        shown.append(
            {
                **_line(module.title, _minutes(module), language),
                "lessons": [_line(lesson.title, lesson.minutes, language) for lesson in lessons],
                "more": len(module.lessons) - len(lessons),
            }
        )
    return {
        "modules": shown,
        "modules_more": len(modules) - len(shown),
        "module_count": len(modules),
        "lesson_count": sum(len(module.lessons) for module in modules),
        "course_length": duration(minutes, language) if minutes else None,
    }


def _line(title: str, minutes: int | None, language: str) -> dict[str, Any]:
    return {"title": one_line(title), "length": duration(minutes, language) if minutes else None}


def _minutes(module: SyllabusModule) -> int:
    return module.minutes or sum(lesson.minutes or 0 for lesson in module.lessons)


def _refund_words(facts: RefundFacts, reader: Reader, language: str) -> dict[str, Any]:
    return {
        "amount": money(facts.amount, facts.currency),
        "reason": facts.reason.value,
        "refunded": day(local_day(facts.refunded_at, reader.time_zone), language),
        "had_enrolled": facts.had_enrolled,
        "access_ended": facts.access_ended,
    }


def _filled(name: str, words: Mapping[str, Any], html_syllabus: str = "", text_syllabus: str = "") -> RenderedMail:
    language = words["language"]
    plain = _templates.get_template(f"{language}/{name}.txt").render(words, syllabus=text_syllabus)
    subject, _, text = plain.partition("\n\n")
    html = _templates.get_template(f"{language}/{name}.html").render(words, subject=subject, syllabus=html_syllabus)
    return RenderedMail(subject=one_line(subject), html=html, text=text, language=language, to_name=words["name"])
