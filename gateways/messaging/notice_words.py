"""What messages over SMS, WhatsApp and push say, in the person's language. Pure.

SMS and push say the same short words; WhatsApp fills the blanks of a template approved at Meta, whose name is ours with
underscores (`docs/runbooks/messages.md` lists them).
"""

from typing import NamedTuple

from domain.errors import BusinessRefusalError
from domain.messaging.notices import Notice, NoticeRow
from gateways.messaging.wording import language_of, one_line

LONGEST_BODY = 400
"""Characters: a few SMS at most, far below what push services take, and with a title far below the 1,024 that Meta
allows a WhatsApp template and what fills it."""


class _Words(NamedTuple):
    title: str
    body: str


ENROLLMENT = {
    "en": _Words("Welcome to {course}", "You are enrolled in “{course}”. You can begin now."),
    "hi": _Words("{course} में आपका स्वागत है", "“{course}” में आपका नामांकन हो गया है। आप अभी शुरू कर सकते हैं।"),
}

DISPUTE_LOST = {
    "en": _Words(
        "Your access to {course} has ended",
        "Your bank took the payment for “{course}” back, so the access that it paid for has ended.",
    ),
    "hi": _Words(
        "{course} तक आपकी पहुँच समाप्त हो गई है",
        "आपके बैंक ने “{course}” का भुगतान वापस ले लिया है, इसलिए उससे मिली पहुँच समाप्त हो गई है।",
    ),
}

GRADED = {
    "en": "Your assignment score: {score}/100",
    "hi": "आपके असाइनमेंट का अंक: {score}/100",
}
NEXT_STEPS = {
    "en": {
        "passed": "“{lesson}” is completed. Read the feedback and go on.",
        "again": "“{lesson}”: your instructor asks for another version. Read the feedback first.",
        "failed": "“{lesson}” is not passed yet. Read the feedback.",
    },
    "hi": {
        "passed": "“{lesson}” पूरा हो गया है। टिप्पणी पढ़ें और आगे बढ़ें।",
        "again": "“{lesson}”: आपके शिक्षक एक और संस्करण चाहते हैं। पहले टिप्पणी पढ़ें।",
        "failed": "“{lesson}” अभी उत्तीर्ण नहीं हुआ है। टिप्पणी पढ़ें।",
    },
}

COURSE_WORDS = {"enrollment-confirmation": ENROLLMENT, "dispute-lost": DISPUTE_LOST}


def notice_of(row: NoticeRow, public_base_url: str) -> Notice:
    """Word a message. Raises `BusinessRefusalError` when there is no point in it any more."""
    facts = row.facts
    if facts is None:
        raise LookupError("a message's template is unknown, or what it speaks of is missing")
    language = language_of(row.locale)
    url = ""
    parameters: tuple[str, ...]
    if row.template in COURSE_WORDS:
        if facts.get("has_ended"):
            raise BusinessRefusalError("access_ended")
        course = one_line(str(facts["course"]))
        url = f"{public_base_url.rstrip('/')}/courses/{facts['course_slug']}"
        title, body = (words.format(course=course) for words in COURSE_WORDS[row.template][language])
        parameters = (one_line(row.name), course, url)
    elif row.template == "assignment-graded":
        lesson = one_line(str(facts["lesson"]))
        step = "again" if facts["asks_again"] else "passed" if facts["has_passed"] else "failed"
        url = f"{public_base_url.rstrip('/')}/courses/{facts['course_slug']}"
        title = GRADED[language].format(score=facts["score"])
        body = NEXT_STEPS[language][step].format(lesson=lesson)
        parameters = (str(facts["score"]), lesson, url)
    else:
        title, body = one_line(str(facts["title"])), _shortened(one_line(str(facts["body"])))
        parameters = (title, body)
    return Notice(
        message_id=row.id,
        channel=row.channel,
        number=str(row.contact_channels.get(row.channel, "")),
        device=row.device,
        title=title,
        body=_shortened(body),
        url=url,
        language=language,
        template=row.template.replace("-", "_"),
        parameters=parameters,
    )


def _shortened(body: str) -> str:
    return body if len(body) <= LONGEST_BODY else f"{body[: LONGEST_BODY - 1]}…"
