"""Mails on disk, one `.eml` file (RFC 5322) each; the file's name is the mail's id."""

import contextlib
import os
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from html import unescape
from pathlib import Path

import msgspec
import uuid_utils

ENVELOPE_TO = "Delivered-To"
"""Trace header that we add, as mail servers do on final delivery (RFC 9228)."""

_LINK_IN_HTML = re.compile(r"""href\s*=\s*["'](https?://[^"']+)["']""", re.IGNORECASE)
_LINK_IN_TEXT = re.compile(r"https?://[^\s<>\"')]+")
_ID = re.compile(r"[0-9a-f-]{36}")


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A mail in the list."""

    id: str
    message_id: str
    to: list[str]
    """The envelope's recipients."""
    from_: str = msgspec.field(name="from")
    subject: str
    received_at: datetime
    links: list[str]


class Mail(Summary, frozen=True, kw_only=True, rename="camel"):
    """A mail in full."""

    html: str
    text: str
    headers: list[tuple[str, str]]


class Mailbox:
    """A folder of mails. A file appears in it whole or not at all; it survives a killed process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._seen: dict[str, Summary] = {}

    def store(self, content: bytes, sender: str, recipients: list[str]) -> str:
        """Write a mail down; its id."""
        mail_id = str(uuid_utils.uuid7())
        trace = [f"Return-Path: <{sender}>", *(f"{ENVELOPE_TO}: {recipient}" for recipient in recipients)]
        unfinished = self._folder / f"{mail_id}.part"
        unfinished.write_bytes("".join(f"{line}\r\n" for line in trace).encode() + content)
        os.rename(unfinished, self._folder / f"{mail_id}.eml")
        return mail_id

    def summaries(self, recipient: str | None = None) -> list[Summary]:
        """All mails, newest first; of one recipient when named."""
        ids = sorted((path.stem for path in self._folder.glob("*.eml")), reverse=True)
        self._seen = {mail_id: self._seen.get(mail_id) or _summary(self._read(mail_id)) for mail_id in ids}
        return [mail for mail in self._seen.values() if recipient is None or recipient in mail.to]

    def mail(self, mail_id: str) -> Mail | None:
        """One mail, or `None`."""
        if not _ID.fullmatch(mail_id) or not (self._folder / f"{mail_id}.eml").exists():
            return None
        return self._read(mail_id)

    def raw(self, mail_id: str) -> bytes | None:
        """The file as it is, or `None`."""
        if self.mail(mail_id) is None:
            return None
        return (self._folder / f"{mail_id}.eml").read_bytes()

    def clear(self) -> int:
        """Delete every mail; how many."""
        paths = list(self._folder.glob("*.eml"))
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        self._seen.clear()
        return len(paths)

    def _read(self, mail_id: str) -> Mail:
        message = message_from_bytes((self._folder / f"{mail_id}.eml").read_bytes())
        html, text = _part(message, "text/html"), _part(message, "text/plain")
        links = [unescape(link) for link in _LINK_IN_HTML.findall(html)] or _LINK_IN_TEXT.findall(text)
        return Mail(
            id=mail_id,
            message_id=str(message.get("Message-ID", "")).strip(),
            to=[str(to) for to in message.get_all(ENVELOPE_TO, [])],
            from_=_words(message.get("From")),
            subject=_words(message.get("Subject")),
            received_at=datetime.fromtimestamp(int(mail_id.replace("-", "")[:12], 16) / 1000, UTC),
            links=list(dict.fromkeys(links)),
            html=html,
            text=text,
            headers=[(name, _words(value)) for name, value in message.items()],
        )


def _summary(mail: Mail) -> Summary:
    return Summary(**{name: getattr(mail, name) for name in Summary.__struct_fields__})


def _part(message: Message, content_type: str) -> str:
    for part in message.walk():
        if part.get_content_type() == content_type and part.get_filename() is None:
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                charset = part.get_content_charset() or "utf-8"
                with contextlib.suppress(LookupError):
                    return payload.decode(charset, errors="replace")
                return payload.decode("utf-8", errors="replace")
    return ""


def _words(value: object) -> str:
    """A header's value with its encoded words (RFC 2047) read."""
    raw = " ".join(str(value or "").split())
    try:
        return str(make_header(decode_header(raw)))
    except (LookupError, ValueError):
        return raw
