"""The e-mail as bytes, read back by the standard library."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import msgspec
import pytest

from domain.errors import BusinessRefusalError
from domain.messaging.messages import OutgoingEmail
from gateways.messaging.mime import as_bytes

EMAIL = OutgoingEmail(
    message_id="<01890a5d@academy.example>",
    to="student@academy.example",
    to_name="Āśā Nair",
    from_="Academy <no-reply@academy.example>",
    subject="Welcome",
    html="<p>Namaste</p>\n",
    text="Namaste\n.\n.starts with a dot\n",
    sent_at=datetime(2026, 11, 22, 8, 30, tzinfo=UTC),
)


def read_back(**changes: Any) -> EmailMessage:
    raw = as_bytes(msgspec.structs.replace(EMAIL, **changes))
    assert raw.replace(b"\r\n", b"").count(b"\n") == 0, "every line ends as RFC 5322 says"
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    message = message_from_bytes(raw, policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert [part.defects for part in message.walk()] == [[], [], []]
    assert all(not getattr(value, "defects", ()) for value in message.values())
    return message


def older_name(message: EmailMessage) -> str:
    """The recipient's name by the older reader: Python 3.11's newer one keeps blanks between encoded words."""
    header = dict(message.raw_items())["To"].replace("\r\n", "").replace("\n", "")
    return str(make_header(decode_header(parseaddr(header)[0])))


def part(message: EmailMessage, subtype: str) -> str:
    body = message.get_body((subtype,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize(
    "words",
    [
        "Welcome to Āyurveda Foundations",
        "आयुर्वेद में आपका स्वागत है " * 6,
        "plain " * 40,
        'quotes " and \\ and =?utf-8?q?tricks?=',
        "",
    ],
)
def test_words_come_back_as_they_went(words: str) -> None:
    message = read_back(subject=words, to_name=words, text=words + "\n", html=f"<p>{words}</p>\n")
    assert " ".join(message["Subject"].split()) == " ".join(words.split())
    [to] = message["To"].addresses
    assert to.addr_spec == "student@academy.example"
    assert " ".join(older_name(message).split()) == " ".join(words.split())
    assert part(message, "plain") == words + "\n"
    assert part(message, "html") == f"<p>{words}</p>\n"


def test_every_header_that_a_good_mail_has() -> None:
    message = read_back(reply_to="help@academy.example", unsubscribe_url="https://academy.example/u/1", language="hi")
    assert message["Message-ID"] == EMAIL.message_id
    assert message["Date"].datetime == EMAIL.sent_at
    assert message["From"].addresses[0].addr_spec == "no-reply@academy.example"
    assert message["Reply-To"] == "help@academy.example"
    assert message["List-Unsubscribe"] == "<https://academy.example/u/1>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Content-Language"] == "hi"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"


def test_the_same_message_is_the_same_bytes() -> None:
    assert as_bytes(EMAIL) == as_bytes(EMAIL)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hello\r\nBcc: everybody@example.com"},
        {"subject": "Hello\nBcc: everybody@example.com"},
        {"to_name": "A\r\nBcc: everybody@example.com"},
        {"to": "student@academy.example>\r\nBcc: <x@example.com"},
        {"to": "a@b.example, c@d.example"},
        {"to": "two words@academy.example"},
        {"from_": "Academy\r\nBcc: x@example.com <no-reply@academy.example>"},
        {"from_": "Academy"},
        {"reply_to": "x@example.com\r\nBcc: y@example.com"},
        {"message_id": "<1@a>\r\nBcc: <x@example.com>"},
        {"message_id": "01890a5d@academy.example"},
        {"unsubscribe_url": "https://academy.example/\r\nBcc: x@example.com"},
        {"unsubscribe_url": "https://academy.example/ü"},
        {"language": "en\r\nBcc: x@example.com"},
        {"subject": "nul \x00"},
    ],
)
def test_headers_cannot_be_smuggled_in(changes: dict[str, str]) -> None:
    with pytest.raises(BusinessRefusalError, match="message_invalid"):
        as_bytes(msgspec.structs.replace(EMAIL, **changes))
