"""The stand-ins put together: four providers, their receipts, and what a test can see and make go wrong.

GET    /api/phones?to=               what was taken, the newest last
DELETE /api/phones
POST   /api/phones/faults            {"provider": "twilio", "kind": "hang_after", "times": 1}; GET shows what is left of
                                     them, DELETE switches all off
POST   /api/phones/subscriptions     a browser subscribes: what its page would send us
POST   /api/phones/receipts/{status} optional JSON {"id"}: report a message (the last one) once more, signed
"""

import asyncio
import contextlib
import json
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import httpx
import msgspec

from domain.identifiers import new_id
from gateways.messaging.signatures import twilio_signature, whatsapp_signature
from settings import Settings
from stack.process import HOST
from stack.stand_ins.http import Answer, Request, json_answer, problem
from stack.stand_ins.phones.book import FAULTS, Fault, PhoneBook, PhoneMessage
from stack.stand_ins.phones.wire import (
    REFUSALS,
    Browser,
    RefusedError,
    Taken,
    access_token,
    read_fcm,
    read_twilio,
    read_whatsapp,
)

HANG_SECONDS = 60.0


class Phones:
    """Answers what is addressed to a provider, and leaves the rest to the inbox."""

    def __init__(self, settings: Settings, book: Path) -> None:
        self._settings = settings
        self._book = PhoneBook(book)
        self._browsers: dict[str, Browser] = {}
        self._http = httpx.AsyncClient(timeout=5)
        self._reporting: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop reporting."""
        for task in self._reporting:
            task.cancel()
        await self._http.aclose()

    def newest_first(self) -> list[PhoneMessage]:
        """For the inbox's page."""
        return self._book.messages[::-1]

    def clear(self) -> None:
        """Forget what was taken."""
        self._book.clear()

    async def handle(self, request: Request) -> Answer | None:  # noqa: PLR0911  # a table of routes
        """The answer of the provider that this address belongs to; `None` when there is none."""
        match [request.method, *request.path.strip("/").split("/")]:
            case ["POST", "2010-04-01", "Accounts", _, "Messages.json"]:
                return await self._send("twilio", request)
            case ["POST", "v23.0", _, "messages"]:
                return await self._send("whatsapp", request)
            case ["POST", "v1", "projects", _, "messages:send"]:
                return await self._send("fcm", request)
            case ["POST", "push", _]:
                return await self._send("webpush", request)
            case ["POST", "token"]:
                return access_token(request, self._settings)
            case [_, "api", "phones", *rest]:
                return await self._control(request, rest)
        return None

    async def _send(self, provider: str, request: Request) -> Answer:
        fault = self._book.next_fault(provider)
        early = {"busy": Answer(429, b"{}"), "error_before": Answer(500, b"{}")}
        if fault in early:
            return early[fault]
        if fault == "hang_before":
            await asyncio.wait({asyncio.ensure_future(request.gone())}, timeout=HANG_SECONDS)
            return Answer(500, b"{}")
        if fault in REFUSALS:
            return REFUSALS[fault][provider]()
        try:
            message, answer = self._read(provider, request)
        except RefusedError as refused:
            return refused.answer
        self._book.add(message)
        self._report_later(message)
        if fault == "hang_after":
            await asyncio.wait({asyncio.ensure_future(request.gone())}, timeout=HANG_SECONDS)
        return Answer(500, b"{}") if fault == "error_after" else answer

    def _read(self, provider: str, request: Request) -> Taken:
        if provider != "webpush":
            return {"twilio": read_twilio, "whatsapp": read_whatsapp, "fcm": read_fcm}[provider](
                request, self._settings
            )
        browser = self._browsers.get(request.path)
        if browser is None:
            raise RefusedError(Answer(404, b""))
        return browser.read(f"http://{HOST}:{self._settings.inbox_port}{request.path}", request)

    async def _control(self, request: Request, rest: list[str]) -> Answer:  # noqa: PLR0911  # a table of routes
        match [request.method, *rest]:
            case ["GET"]:
                to = parse_qs(request.query.decode()).get("to", [None])[0]
                return json_answer(200, [m for m in self._book.messages if to is None or m.to == to])
            case ["DELETE"]:
                self._book.clear()
            case ["POST", "faults"]:
                return self._add_fault(request)
            case ["GET", "faults"]:
                return json_answer(200, self._book.faults)
            case ["DELETE", "faults"]:
                self._book.faults.clear()
            case ["POST", "subscriptions"]:
                path = f"/push/{new_id()}"
                browser = self._browsers[path] = Browser()
                return json_answer(201, browser.subscription(f"http://{HOST}:{self._settings.inbox_port}{path}"))
            case ["POST", "receipts", status]:
                wanted = json.loads(request.body or b"{}").get("id")
                message = next((m for m in self.newest_first() if wanted in (None, m.id)), None)
                if message is None:
                    return problem(404, "No such message.")
                return json_answer(200, {"status": await self._report(message, status)})
            case _:
                return problem(404, "There is nothing here.")
        return json_answer(200, {})

    def _add_fault(self, request: Request) -> Answer:
        try:
            fault = msgspec.json.decode(request.body, type=Fault)
        except msgspec.MsgspecError as error:
            return problem(400, str(error))
        providers = REFUSALS.get(fault.kind, REFUSALS["gone"])
        if fault.kind not in FAULTS or fault.provider not in providers:
            return problem(400, f"There are {', '.join(FAULTS)}; of {fault.kind}: {', '.join(providers)}.")
        self._book.faults.append(fault)
        return json_answer(200, fault)

    def _report_later(self, message: PhoneMessage) -> None:
        """As the real ones do: soon after, and maybe before their caller has digested the answer."""

        async def report() -> None:
            with contextlib.suppress(httpx.HTTPError):
                await self._report(message, "delivered")

        task = asyncio.get_running_loop().create_task(report())
        self._reporting.add(task)
        task.add_done_callback(self._reporting.discard)

    async def _report(self, message: PhoneMessage, status: str) -> int | None:
        """The API's answer to a signed receipt; `None` of a provider without receipts."""
        if message.provider == "twilio" and message.callback:
            fields = [("MessageSid", message.id), ("MessageStatus", status), ("To", message.to)]
            secret = self._settings.twilio_auth_token.get_secret_value()
            headers = {
                "X-Twilio-Signature": twilio_signature(message.callback, fields, secret),
                "Content-Type": "application/x-www-form-urlencoded",
            }
            answer = await self._http.post(message.callback, content=urlencode(fields), headers=headers)
        elif message.provider == "whatsapp":
            statuses = [{"id": message.id, "status": status, "recipient_id": message.to[1:]}]
            change = {"field": "messages", "value": {"messaging_product": "whatsapp", "statuses": statuses}}
            body = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]})
            secret = self._settings.whatsapp_app_secret.get_secret_value()
            headers = {
                "X-Hub-Signature-256": whatsapp_signature(body.encode(), secret),
                "Content-Type": "application/json",
            }
            url = f"{self._settings.public_base_url}/api/v1/webhooks/whatsapp"
            answer = await self._http.post(url, content=body, headers=headers)
        else:
            return None
        return answer.status_code
