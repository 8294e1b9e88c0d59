"""The web side: a list, a page for each mail, and the same as JSON."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
from jinja2 import Environment, FileSystemLoader

from stack.inbox.mailbox import Mail, Mailbox
from stack.inbox.server import Handler, SmtpFaults
from stack.stand_ins.http import Answer, Receive, Request, Scope, Send, json_answer, problem, read_request, send_answer
from stack.stand_ins.phones.app import Phones

HTML = b"text/html; charset=utf-8"
OWN_PAGE_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'"
MAIL_POLICY = b"sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data: https:"
"""A mail's HTML is somebody else's: no script, no form, and nothing of this site."""

_templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


class Web:
    """The ASGI application."""

    def __init__(self, mailbox: Mailbox, smtp: Handler, phones: Phones) -> None:
        self._phones = phones
        self._mailbox = mailbox
        self._smtp = smtp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        request = await read_request(scope, receive)
        if request is not None:
            answer = await self._phones.handle(request)
            await send_answer(send, answer or self._routed(request))

    def _routed(self, request: Request) -> Answer:  # noqa: PLR0911  # a table of routes
        match [request.method, *request.path.strip("/").split("/")]:
            case ["GET", ""]:
                return _page("list.html", mails=self._mailbox.summaries(), phones=self._phones.newest_first())
            case ["GET", "messages", mail_id]:
                return self._of(mail_id, lambda mail: _page("message.html", mail=mail))
            case ["GET", "messages", mail_id, "html"]:
                return self._of(mail_id, _foreign_html)
            case ["GET", "messages", mail_id, "raw"]:
                raw = self._mailbox.raw(mail_id)
                return problem(404, "No such mail.") if raw is None else _plain(raw)
            case ["POST", "clear"]:
                self._mailbox.clear()
                self._phones.clear()
                return Answer(303, b"", ((b"location", b"/"),), content_type=HTML)
            case ["GET", "api", "messages"]:
                return json_answer(200, self._mailbox.summaries(_query(request, "to")))
            case ["DELETE", "api", "messages"]:
                return json_answer(200, {"deleted": self._mailbox.clear()})
            case ["GET", "api", "messages", mail_id]:
                return self._of(mail_id, lambda mail: json_answer(200, mail))
            case [("GET" | "POST" | "DELETE"), "api", "faults"]:
                return self._faults(request)
            case _:
                return problem(404, "There is nothing here.")

    def _of(self, mail_id: str, shown: Callable[[Mail], Answer]) -> Answer:
        mail = self._mailbox.mail(mail_id)
        return problem(404, "No such mail.") if mail is None else shown(mail)

    def _faults(self, request: Request) -> Answer:
        """POST replaces what is on, DELETE switches everything off."""
        if request.method == "POST":
            try:
                self._smtp.faults = msgspec.json.decode(request.body, type=SmtpFaults)
            except msgspec.MsgspecError as error:
                return problem(400, str(error))
        elif request.method == "DELETE":
            self._smtp.faults = SmtpFaults()
        return json_answer(200, self._smtp.faults)


def _page(template: str, **values: object) -> Answer:
    body = _templates.get_template(template).render(**values).encode()
    return Answer(200, body, ((b"content-security-policy", OWN_PAGE_POLICY),), content_type=HTML)


def _foreign_html(mail: Mail) -> Answer:
    headers = ((b"content-security-policy", MAIL_POLICY), (b"x-content-type-options", b"nosniff"))
    return Answer(200, mail.html.encode(), headers, content_type=HTML)


def _plain(raw: bytes) -> Answer:
    headers = ((b"x-content-type-options", b"nosniff"),)
    return Answer(200, raw, headers, content_type=b"text/plain; charset=utf-8")


def _query(request: Request, name: str) -> str | None:
    return parse_qs(request.query.decode()).get(name, [None])[0]
