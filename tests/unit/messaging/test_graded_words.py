"""What a learner is told whose assignment was graded: by mail and by push, in both languages."""

import pytest

from domain.billing.seller import Seller
from domain.messaging.mail_facts import AssignmentGradedFacts, Reader
from domain.messaging.notices import Notice, NoticeRow
from domain.messaging.telling import Category, Channel
from gateways.messaging.notice_words import notice_of
from gateways.messaging.rendering import RenderedMail, render
from tests.unit.messaging.mails import HOSTILE, Page

SELLER = Seller("Ayurveda Academy", "12 Vaidya Marg, Kochi", "KL", "32AAACA0001A1Z6", "INR")
BASE = "https://academy.example/"
ENDS = [(True, False), (False, False), (False, True), (True, True)]
"""Passed or not, and whether another version is asked for."""


def mail(locale: str, *, passed: bool = True, again: bool = False, feedback: str = "Well observed.") -> RenderedMail:
    facts = AssignmentGradedFacts(
        course_title="Herbology",
        course_slug="herbology",
        lesson_title="Three herbs",
        score=85,
        has_passed=passed,
        asks_again=again,
        feedback=feedback,
    )
    reader = Reader(name="Asha", locale=locale, time_zone="Asia/Kolkata")
    return render(facts, reader, public_base_url=BASE, seller=SELLER)


def push(locale: str, *, passed: bool, again: bool) -> Notice:
    row = NoticeRow(
        id="message",
        status="queued",
        channel=Channel.PUSH,
        category=Category.TRANSACTIONAL,
        template="assignment-graded",
        is_disabled=False,
        is_unwanted=False,
        claim_seconds=None,
        name="Asha",
        locale=locale,
        contact_channels={},
        consents={},
        device=None,
        device_is_disabled=False,
        facts={
            "course_slug": "herbology",
            "lesson": "Three herbs",
            "score": "85",
            "has_passed": passed,
            "asks_again": again,
        },
    )
    return notice_of(row, BASE)


def test_the_subject_is_the_briefs() -> None:
    assert mail("en").subject == push("en", passed=True, again=False).title == "Your assignment score: 85/100"
    assert "85/100" in mail("hi").subject


@pytest.mark.parametrize("locale", ["en", "hi"])
def test_each_end_has_its_next_step(locale: str) -> None:
    texts = [mail(locale, passed=passed, again=again).text for passed, again in ENDS]
    bodies = [push(locale, passed=passed, again=again).body for passed, again in ENDS]
    for said in (texts, bodies):
        assert len(set(said)) == 3
        assert said[2] == said[3], "another version is asked for, passed or not"
    assert all("Three herbs" in body for body in bodies)
    assert push(locale, passed=True, again=False).url == "https://academy.example/courses/herbology"


@pytest.mark.parametrize("locale", ["en", "hi"])
def test_feedback_stays_words_and_keeps_its_lines(locale: str) -> None:
    plain, hostile = Page(mail(locale).html), Page(mail(locale, feedback=f"First.\n{HOSTILE}").html)
    assert hostile.tags == plain.tags
    assert HOSTILE in hostile.text
    assert f"First.\n{HOSTILE}" in mail(locale, feedback=f"First.\n{HOSTILE}").text
    without = mail(locale, feedback="")
    assert "\n\n\n" not in without.text
    assert len(Page(without.html).tags) == len(plain.tags) - 2
