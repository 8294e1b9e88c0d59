"""Telling people: rows written by the real settling, real SMTP into the stack's inbox."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from temporalio.testing import ActivityEnvironment

from activities.messages import Messages
from bootstrap import Services
from db.queries.billing.orders import reserve
from db.queries.billing.refunds import insert_refund, record_refund
from db.queries.billing.settlement import settle
from db.sql import as_json, fetch, fetch_one
from db.transaction import in_transaction
from domain.billing.money import to_minor
from domain.billing.payments import PaymentState, ProviderPayment
from domain.billing.purchase import Billing
from domain.billing.refund import RefundReason
from domain.billing.seller import Seller
from domain.errors import BusinessRefusalError, OutageError
from domain.identifiers import new_id
from domain.identity.email_links import LinkTokens
from domain.messaging.unsubscribe import UnsubscribeTokens
from gateways.messaging.protocol import EmailSender
from gateways.messaging.smtp import SmtpSender
from stack.embedded import EmbeddedStack
from tests.integration.conftest import NewPerson, Person

SELLER = Seller("Ayurveda Academy", "12 Vaidya Marg, Kochi", "KL", "32AAACA0001A1Z6", "INR")
LINKS = LinkTokens(["a signing key of at least 32 bytes, for tests"])
MAIL_FROM = "Academy <no-reply@mail.academy.example>"


class Inbox:
    """The stack's inbox, seen by one recipient."""

    def __init__(self, port: int) -> None:
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20)

    async def mails_to(self, person: Person) -> list[Any]:
        found: list[Any] = (await self._http.get("/api/messages", params={"to": person.email})).json()
        return found

    async def whole(self, mail: Any) -> Any:
        return (await self._http.get(f"/api/messages/{mail['id']}")).json()

    async def faults(self, **on: object) -> None:
        assert (await self._http.post("/api/faults", json=on)).status_code == 200

    async def close(self) -> None:
        await self._http.delete("/api/faults")
        await self._http.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def inbox(servers: EmbeddedStack) -> AsyncIterator[Inbox]:
    opened = Inbox(servers.settings.inbox_port)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def messages(services: Services) -> AsyncIterator[Messages]:
    sender = SmtpSender(services.settings.smtp_url)
    yield messages_over(sender)
    await sender.close()


@pytest_asyncio.fixture(loop_scope="session")
async def buyer(new_person: NewPerson) -> Person:
    return await new_person()


def messages_over(sender: EmailSender) -> Messages:
    return Messages(
        sender,
        LINKS,
        UnsubscribeTokens(["a key of the tests, long enough for all"]),
        mail_from=MAIL_FROM,
        public_base_url="https://academy.example",
        seller=SELLER,
    )


async def send(messages: Messages, message_id: str) -> None:
    """Run the activity as a worker would."""
    await ActivityEnvironment().run(messages.send, message_id)


async def row(message_id: str) -> Any:
    return await fetch_one("SELECT * FROM outgoing_messages WHERE id = $1", message_id)


async def new_course(title: str = "Foundations of Āyurveda") -> str:
    course_id, module_id = new_id(), new_id()
    await fetch(
        'INSERT INTO courses (id, slug, title, category, level, price, "isPublished")'
        " VALUES ($1, $1, $2, 'diet', 'beginner', 2999, TRUE)",
        *(course_id, title),
    )
    await fetch(
        'INSERT INTO course_modules (id, "courseId", title, "order") VALUES ($1, $2, \'Ahara\', 2), ($3, $2, $4, 1)',
        *(module_id, course_id, new_id(), "Doshas"),
    )
    await fetch(
        'INSERT INTO course_lessons (id, "moduleId", title, "order", type, "estimatedDuration", "videoDuration")'
        " VALUES ($1, $2, 'Six tastes', 1, 'video', 25, 1), ($3, $2, 'A week of meals', 2, 'video', NULL, 61)",
        *(new_id(), module_id, new_id()),
    )
    return course_id


async def paid_order(buyer: Person, course_id: str) -> tuple[str, ProviderPayment]:
    order_id = new_id()
    await fetch(
        "INSERT INTO orders (id, user_id, course_id, status, provider, currency, billing)"
        " VALUES ($1, $2, $3, 'preparing', 'stripe', 'INR', $4)",
        *(order_id, buyer.id, course_id, as_json(Billing("Somebody", "KL", "682001", "IN"))),
    )
    reserved = await reserve(order_id, datetime.now(UTC) + timedelta(hours=1), SELLER)
    minor = to_minor(reserved.amount, "INR")
    return order_id, ProviderPayment(
        provider="stripe",
        payment_id=f"pi_{order_id}",
        order_id=order_id,
        state=PaymentState.SUCCEEDED,
        amount_minor=minor,
        received_minor=minor,
        currency="INR",
        created_at=datetime.now(UTC),
    )


async def welcome(buyer: Person, course_id: str | None = None) -> str:
    """The id of the message that a purchase queues."""
    order_id, payment = await paid_order(buyer, course_id or await new_course())
    [message_id] = (await settle(order_id, payment)).message_ids
    return message_id


async def refund(order_id: str) -> str:
    """The id of the message that a whole refund queues."""
    payment = await fetch_one("SELECT * FROM payments WHERE order_id = $1", order_id)
    assert payment is not None

    async def insert() -> str:
        return await insert_refund(payment["id"], payment["amount_minor"], RefundReason.OPERATOR)

    [message_id] = (await record_refund(await in_transaction(insert))).message_ids
    return message_id


async def test_a_purchase_is_confirmed_once(messages: Messages, inbox: Inbox, buyer: Person) -> None:
    course_id = await new_course()
    message_id = await welcome(buyer, course_id)
    await send(messages, message_id)
    await send(messages, message_id)

    [mail] = await inbox.mails_to(buyer)
    assert mail["messageId"] == f"<{message_id}@mail.academy.example>"
    assert mail["subject"] == "Welcome to Foundations of Āyurveda"
    assert mail["links"] == [f"https://academy.example/courses/{course_id}"]
    whole = await inbox.whole(mail)
    for part in ("html", "text"):
        words = whole[part].replace("\N{NO-BREAK SPACE}", " ")
        assert "Test Person" in words
        assert "₹2,999.00 (including ₹457.48 tax)" in words
        assert words.index("Doshas") < words.index("Ahara") < words.index("Six tastes") < words.index("A week of meals")
        assert "25 min" in words
        assert "2 min" in words, "61 seconds of video"
    written = await row(message_id)
    assert (written["status"], written["failure"]) == ("sent", None)
    assert datetime.now(UTC) - written["sent_at"] < timedelta(minutes=1)


async def test_a_crash_before_the_mark_sends_the_same_bytes_again(
    messages: Messages, inbox: Inbox, buyer: Person
) -> None:
    message_id = await welcome(buyer)
    await send(messages, message_id)
    await fetch("UPDATE outgoing_messages SET status = 'queued', sent_at = NULL WHERE id = $1", message_id)
    await send(messages, message_id)
    first, second = [await inbox.whole(mail) for mail in await inbox.mails_to(buyer)]
    assert first.pop("id") != second.pop("id"), "two deliveries"
    for mail in (first, second):
        mail.pop("receivedAt")  # by the inbox's own clock, which may not have ticked between
    assert first == second
    assert (await row(message_id))["status"] == "sent"


async def test_a_connection_cut_before_the_250_leaves_one_message_id(
    messages: Messages, inbox: Inbox, buyer: Person
) -> None:
    message_id = await welcome(buyer)
    await inbox.faults(dropAfterStore=1)
    with pytest.raises(OutageError):
        await send(messages, message_id)
    assert (await row(message_id))["status"] == "queued"
    await send(messages, message_id)
    assert len({mail["messageId"] for mail in await inbox.mails_to(buyer)}) == 1


async def test_a_recipient_refused_for_good_is_a_failure_and_no_error(
    messages: Messages, inbox: Inbox, buyer: Person, caplog: pytest.LogCaptureFixture
) -> None:
    message_id = await welcome(buyer)
    await inbox.faults(refuseRecipients=[buyer.email])
    await send(messages, message_id)
    written = await row(message_id)
    assert (written["status"], written["failure"], written["sent_at"]) == ("failed", "recipient_refused", None)
    assert message_id in str([record.__dict__ for record in caplog.records])
    assert buyer.email not in str([record.__dict__ for record in caplog.records])

    await inbox.faults()
    await send(messages, message_id)
    assert await inbox.mails_to(buyer) == [], "a failed one is left alone"


async def test_later_raises_and_the_row_stays_queued(messages: Messages, inbox: Inbox, buyer: Person) -> None:
    message_id = await welcome(buyer)
    await inbox.faults(temporary=1)
    with pytest.raises(OutageError) as outage:
        await send(messages, message_id)
    assert buyer.email not in repr(outage.value)
    assert (await row(message_id))["status"] == "queued"
    await send(messages, message_id)
    assert len(await inbox.mails_to(buyer)) == 1


async def test_no_mail_server_raises_and_the_row_stays_queued(services: Services, buyer: Person) -> None:
    message_id = await welcome(buyer)
    sender = SmtpSender("smtp://127.0.0.1:9")
    with pytest.raises(OutageError):
        await send(messages_over(sender), message_id)
    await sender.close()
    assert (await row(message_id))["status"] == "queued"


async def test_a_closed_account_gets_no_mail(messages: Messages, inbox: Inbox, buyer: Person) -> None:
    message_id = await welcome(buyer)
    await fetch("UPDATE users SET disabled_at = now() WHERE id = $1", buyer.id)
    await send(messages, message_id)
    assert await inbox.mails_to(buyer) == []
    assert (await row(message_id))["failure"] == "recipient_disabled"


async def test_a_refund_is_confirmed_and_overtakes_the_welcome(messages: Messages, inbox: Inbox, buyer: Person) -> None:
    welcome_id = await welcome(buyer)
    order_id = msgspec.json.decode((await row(welcome_id))["params"])["orderId"]
    await fetch("UPDATE users SET locale = 'hi' WHERE id = $1", buyer.id)
    await send(messages, await refund(order_id))
    await send(messages, welcome_id)
    assert (await row(welcome_id))["failure"] == "access_ended"
    [mail] = await inbox.mails_to(buyer)
    assert mail["subject"] == "Foundations of Āyurveda के लिए आपका रिफ़ंड"
    whole = await inbox.whole(mail)
    assert "₹2,999.00" in whole["html"]
    assert "समाप्त हो गई है" in whole["text"]
    assert ["Content-Language", "hi"] in whole["headers"]


async def test_a_free_course_is_confirmed(messages: Messages, inbox: Inbox, buyer: Person) -> None:
    course_id = await new_course("Free tasting")
    await fetch('UPDATE courses SET "isFree" = TRUE, price = NULL WHERE id = $1', course_id)
    order_id, payment = await paid_order(buyer, course_id)
    assert payment.amount_minor == Decimal(0)
    [message_id] = (await settle(order_id, None)).message_ids
    await send(messages, message_id)
    [mail] = await inbox.mails_to(buyer)
    assert "Price: free" in (await inbox.whole(mail))["text"]


async def test_a_title_with_a_line_end_injects_nothing(messages: Messages, inbox: Inbox, buyer: Person) -> None:
    await send(messages, await welcome(buyer, await new_course("A\r\nBcc: victim@academy.example\r\n\r\nB")))
    [mail] = await inbox.mails_to(buyer)
    assert mail["subject"] == "Welcome to A Bcc: victim@academy.example B"
    assert "Bcc" not in dict((await inbox.whole(mail))["headers"])


async def test_a_template_of_a_newer_worker_waits_for_it(messages: Messages, inbox: Inbox, buyer: Person) -> None:
    message_id = await welcome(buyer)
    await fetch("UPDATE outgoing_messages SET template = 'from-the-future' WHERE id = $1", message_id)
    with pytest.raises(LookupError):
        await send(messages, message_id)
    assert (await row(message_id))["status"] == "queued"
    assert await inbox.mails_to(buyer) == []


async def test_a_message_without_a_row_is_not_tried_again(messages: Messages) -> None:
    with pytest.raises(BusinessRefusalError, match="message_missing"):
        await send(messages, new_id())
