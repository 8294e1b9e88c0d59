"""`python -m tests.workflow.record`: record a history of every way that a story can go, for `test_replay.py`.

Runs the stories on servers of its own (a minute), writes `histories/*.json` that have no file yet, and
`histories/commands.txt`.
`python -m tests.workflow.record commands` writes only the latter, without any server.
"""

import asyncio
import base64
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowFailureError, WorkflowHandle

import workflows.profiles
from bootstrap import connect_temporal, end_process, open_services
from db.queries.identity.email_links import queue_verification
from db.sql import fetch
from domain.billing.dispute import EVIDENCE_ALARM
from domain.billing.payments import ProviderEvent
from domain.billing.purchase import PurchasePolicy
from domain.identifiers import (
    completion_workflow_id,
    dispute_workflow_id,
    late_payment_workflow_id,
    message_workflow_id,
    new_id,
    notice_workflow_id,
    purchase_workflow_id,
    refund_workflow_id,
)
from domain.identity.roles import Role
from domain.messaging.telling import Channel
from domain.stories import PAYMENT_SIGNAL, REFUND_SIGNAL, Story, TaskQueue
from gateways.payments.razorpay_objects import Payment, payment_of
from gateways.temporal.codec import EncryptionCodec
from settings import Settings
from stack.embedded import EmbeddedStack
from stack.postgres import remove_data
from tests.conftest import settings_for_tests
from tests.integration.conftest import Person
from tests.integration.learning.learners import complete, course_of, enroll
from tests.integration.messaging.phones import communication_to, quiet_for_seconds, with_device, with_phone
from tests.workflow.commands import COMMANDS_FILE, all_commands
from tests.workflow.conftest import Academy, Bought, eventually, one, running
from tests.workflow.record_quizzes import record_quizzes
from worker import workflow_runner

HISTORIES = Path(__file__).parent / "histories"

PAYLOAD_KEYS = "recorded:cmVjb3JkZWQtaGlzdG9yaWVzLXRlc3Qta2V5LTMyLWI="
"""Encrypts the recorded payloads; it protects nothing but made-up people."""

SOON = timedelta(seconds=3)
"""How long a step's patience lasts here: a replay does not look at time-outs."""

Handle = WorkflowHandle[Any, Any]


async def somebody(*roles: Role) -> Person:
    """A person without a login."""
    person = Person(new_id(), f"{new_id()}@people.example", roles or (Role.STUDENT,))
    await fetch(
        "INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents)"
        " VALUES ($1, $2, '', 'Test Person', $3, 'en', 'Asia/Kolkata', '{\"email\": true}', '{}')",
        *(person.id, person.email, list(person.roles)),
    )
    return person


@dataclass
class Recorder:
    """One academy whose orders stay open, one whose orders expire soon, and what was recorded."""

    open: Academy
    soon: Academy
    razorpay: Academy
    """Orders of Razorpay's that expire soon."""

    def __post_init__(self) -> None:
        self.recorded: dict[str, Handle] = {}

    async def keep(self, name: str, handle: Handle) -> None:
        """Record a story, once it has ended."""
        async with asyncio.timeout(60):
            await handle.result()
        self.recorded[name] = handle

    async def bought(self, **course: Any) -> Bought:
        """An order that can be paid."""
        return await self.open.buy(await self.open.course(**course))

    async def paid(self) -> None:
        """By a webhook's news; by asking, after a decline; and after news that comes twice."""
        signalled, asked, doubled = [await self.bought() for _ in range(3)]
        payment = await self.open.pay_without_webhook(signalled)
        await signalled.handle.signal(PAYMENT_SIGNAL, payment)
        await self.keep("purchase-paid-by-news", signalled.handle)
        await self.open.at_provider(f"decline/{asked.payment_id}")
        await self.open.at_provider(f"pay/{asked.payment_id}")
        await self.keep("purchase-paid-by-asking", asked.handle)
        payment = await self.open.pay_without_webhook(doubled)
        for _ in range(2):
            await doubled.handle.signal(PAYMENT_SIGNAL, payment)
        await self.keep("purchase-paid-by-doubled-news", doubled.handle)

    async def free(self) -> None:
        """Enrolled at once."""
        await self.keep("purchase-free", (await self.bought(price=None, isFree=True)).handle)

    async def refused(self) -> None:
        """By our own rules."""
        await self.keep("purchase-refused", (await self.bought(isPublished=False)).handle)

    async def abandoned(self) -> None:
        """By a person, while nobody had paid; and refused, since somebody had."""
        bought, paid = await self.bought(), await self.bought()
        await bought.handle.execute_update("abandon")
        await self.keep("purchase-abandoned", bought.handle)
        await self.open.at_provider(f"pay/{paid.payment_id}")
        try:
            await paid.handle.execute_update("abandon")
        except Exception as error:  # the refusal is what is recorded
            print(f"abandon: {type(error).__name__}")
        await self.keep("purchase-abandoned-too-late", paid.handle)

    async def given_back(self) -> None:
        """A wrong amount: the purchase starts a refund."""
        bought = await self.bought()
        await self.open.at_provider(f"pay/{bought.payment_id}", amount=100)
        await self.keep("purchase-wrong-amount", bought.handle)
        await self.keep("refund", await self.refund_of(bought))

    async def refund_of(self, bought: Bought) -> Handle:
        """The story of the order's refund."""
        row = await one("SELECT id FROM refunds WHERE order_id = $1", bought.order.order_id)
        return self.open.services.temporal.get_workflow_handle(refund_workflow_id(row["id"]))

    async def late(self) -> None:
        """Expired; then money came: enrolled, or given back since the seat is gone."""
        for end, seat_is_taken in (("enrolled", False), ("refunded", True)):
            bought = await self.soon.buy(await self.soon.course(maxEnrollments=1))
            await self.keep("purchase-expired", bought.handle)
            if seat_is_taken:
                await self.open.buy(bought.order.course_id)
            payment_id = await self.soon.captured_at_provider(bought.order.order_id, 118_000)
            payment = await self.soon.services.providers["stripe"].read_payment(payment_id)
            event = ProviderEvent(provider="stripe", event_id=new_id(), event_type="recorded", payment=payment)
            await self.soon.services.delivery.deliver(event)
            story = late_payment_workflow_id(payment.provider, payment.payment_id)
            await self.keep(f"late-payment-{end}", self.soon.services.temporal.get_workflow_handle(story))

    async def disputes(self) -> None:
        """Won; lost by a webhook's news; alarmed, answered, and lost by asking."""
        for name, due_in, steps in (
            ("dispute-won", None, ("win",)),
            ("dispute-lost-and-told", None, ("respond", "lose")),
            ("dispute-alarmed", EVIDENCE_ALARM.total_seconds() + 4, ("respond", "lose")),
        ):
            bought = await self.bought()
            await self.open.at_provider(f"pay/{bought.payment_id}")
            await bought.handle.result()
            made = await self.open.at_provider(
                f"dispute/{bought.payment_id}", **({} if due_in is None else {"due_in_seconds": due_in})
            )
            await self.dispute_news(made["id"])
            if due_in is not None:
                await eventually("SELECT FROM disputes WHERE order_id = $1 AND attention <> ''", bought.order.order_id)
            for step in steps:
                await self.open.at_provider(f"disputes/{made['id']}/{step}")
                if due_in is None:
                    await self.dispute_news(made["id"])
            row = await one("SELECT id FROM disputes WHERE order_id = $1", bought.order.order_id)
            await self.keep(name, self.open.services.temporal.get_workflow_handle(dispute_workflow_id(row["id"])))

    async def dispute_news(self, provider_dispute_id: str) -> None:
        """What a webhook brings."""
        dispute = await self.open.services.providers["stripe"].read_dispute(provider_dispute_id)
        event = ProviderEvent(provider="stripe", event_id=new_id(), event_type="recorded", dispute=dispute)
        await self.open.services.delivery.deliver(event)

    async def returned_refunds(self) -> None:
        """The payer's bank sends a refund back: paid again, and given up."""
        for repair in ("retry", "give_up"):
            bought = await self.bought()
            await self.open.at_provider(f"pay/{bought.payment_id}", amount=100)
            await bought.handle.result()
            await (await self.refund_of(bought)).result()
            row = await one("SELECT provider_refund_id AS id FROM refunds WHERE order_id = $1", bought.order.order_id)
            await self.open.at_provider(f"refunds/{row['id']}/fail")
            news = await self.open.services.providers["stripe"].read_refund(row["id"])
            event = ProviderEvent(provider="stripe", event_id=new_id(), event_type="recorded", refund=news)
            await self.open.services.delivery.deliver(event)
            owed = await eventually(
                "SELECT id FROM refunds WHERE order_id = $1 AND attention = 'refund_returned'", bought.order.order_id
            )
            story = self.open.services.temporal.get_workflow_handle(refund_workflow_id(owed["id"]))
            await story.execute_update(repair)
            await self.keep(f"refund-returned-then-{'retried' if repair == 'retry' else 'given-up'}", story)

    async def failed_refund(self) -> None:
        """The provider fails it, and a person makes it at the dashboard."""
        await self.open.at_provider("faults", refunds={"mode": "pending"})
        bought = await self.bought()
        await self.open.at_provider(f"pay/{bought.payment_id}", amount=100)
        row = await eventually(
            "SELECT id, provider_refund_id AS made FROM refunds WHERE order_id = $1 AND status = 'submitted'",
            bought.order.order_id,
        )
        await self.open.clear_faults()
        await self.open.at_provider(f"refunds/{row['made']}/fail")
        await eventually("SELECT FROM refunds WHERE id = $1 AND attention = 'refund_failed'", row["id"])
        made = await self.open.at_provider(f"refund-at-dashboard/{bought.payment_id}")
        news = await self.open.services.providers["stripe"].read_refund(made["id"])
        event = ProviderEvent(provider="stripe", event_id=new_id(), event_type="recorded", refund=news)
        await self.open.services.delivery.deliver(event)
        await self.keep("refund-failed-then-at-dashboard", await self.refund_of(bought))

    async def disputed_refunds(self) -> None:
        """A refund of a disputed payment is refused: given up when the dispute is lost, retried when it is won."""
        for name, step, repair in (
            ("refund-refused-then-given-up", "lose", "give_up"),
            ("refund-refused-then-retried", "win", "retry"),
        ):
            bought = await self.bought()
            payment_id = await self.open.captured_at_provider(bought.order.order_id, 100)
            made = await self.open.at_provider(f"dispute/{payment_id}")
            payment = await self.open.services.providers["stripe"].read_payment(payment_id)
            await bought.handle.signal(PAYMENT_SIGNAL, payment)
            await eventually("SELECT FROM refunds WHERE order_id = $1 AND attention <> ''", bought.order.order_id)
            await self.open.at_provider(f"disputes/{made['id']}/{step}")
            story = await self.refund_of(bought)
            await story.execute_update(repair)
            await self.keep(name, story)

    async def authorised_late(self) -> None:
        """By the bank of a payment that had failed: captured, and no longer to be captured."""
        client = self.razorpay.services.temporal
        for end, is_let_go in (("captured", False), ("let-go", True)):
            bought = await self.razorpay.buy(await self.razorpay.course())
            failed = await self.razorpay.at_provider(f"decline/{bought.payment_id}")
            await bought.handle.result()
            held = await self.razorpay.at_provider(f"authorize-late/{failed['id']}")
            if is_let_go:
                await self.razorpay.at_provider(f"let-go/{held['id']}")
            payment = payment_of(msgspec.convert(held, Payment))
            payment = msgspec.structs.replace(payment, order_id=bought.order.order_id)
            event = ProviderEvent(provider="razorpay", event_id=new_id(), event_type="recorded", payment=payment)
            await self.razorpay.services.delivery.deliver(event)
            story = client.get_workflow_handle(late_payment_workflow_id(payment.provider, payment.payment_id))
            with suppress(WorkflowFailureError):
                await story.result()
            self.recorded[f"late-payment-authorised-{end}"] = story

    async def sweeps(self) -> None:
        """The scheduled walks."""
        for story, name in (
            (Story.EVENT_RELAY, "event-relay"),
            (Story.PAYMENT_RECONCILE, "payment-reconcile"),
            (Story.IDENTITY_CLEANUP, "identity-cleanup"),
            (Story.STORAGE_CLEANUP, "storage-cleanup"),
        ):
            client = self.open.services.temporal
            await self.keep(name, await client.start_workflow(story, id=name, task_queue=TaskQueue.CORE))

    async def message(self) -> None:
        """A message with a story of its own."""
        person = await somebody()
        message_id = await queue_verification(person.id)
        assert message_id is not None
        await self.open.stories.tell_message(message_id)
        handle = self.open.services.temporal.get_workflow_handle(message_workflow_id(message_id))
        await self.keep("message", handle)

    async def completion(self) -> None:
        """A course that somebody came to the end of."""
        course_id, [lesson] = await course_of(1)
        learner = await enroll((await somebody()).id, course_id)
        await complete(learner, lesson)
        await self.open.stories.tell_completion(learner)
        handle = self.open.services.temporal.get_workflow_handle(completion_workflow_id(learner))
        await self.keep("completion", handle)

    async def quizzes(self) -> None:
        """Deadlines, and a voided question."""
        await record_quizzes(self.open, self.keep, somebody)

    async def notices(self) -> None:
        """A purchase that sends two at once, and one that starts stories for them, since its buyer sleeps; one that
        waits for the end of quiet hours; one that has nothing left to do."""
        person = await somebody()
        await with_phone(person, Channel.WHATSAPP, Channel.SMS)
        await with_device(person, "fcm")
        bought = await self.open.buy(await self.open.course(price=None, isFree=True), person.id)
        await self.keep("purchase-told-over-all-channels", bought.handle)
        await quiet_for_seconds(person, 4)
        bought = await self.open.buy(await self.open.course(price=None, isFree=True), person.id)
        await self.keep("purchase-with-notices-left", bought.handle)
        await quiet_for_seconds(person, 4)
        [message_id] = (await communication_to(person, Channel.SMS)).notices
        await self.open.stories.tell_notice(message_id)
        await self.keep("notice-after-quiet-hours", self.notice(message_id))
        [message_id] = (await communication_to(person, Channel.SMS)).notices
        await fetch("UPDATE outgoing_messages SET status = 'failed' WHERE id = $1", message_id)
        await self.open.stories.tell_notice(message_id)
        await self.keep("notice-ended-before", self.notice(message_id))

    def notice(self, message_id: str) -> Handle:
        """The story of a message over one channel."""
        return self.open.services.temporal.get_workflow_handle(notice_workflow_id(message_id))

    async def attention_at_provider(self) -> None:
        """The provider is down for longer than all patience; retried, abandoned, or left alone until the end."""
        await self.open.at_provider(
            "faults", api=[{"operation": "create_payment", "kind": "rate_limit", "times": 10_000}]
        )
        retried, abandoned = [await self.open.order(await self.open.course()) for _ in range(2)]
        for order in (retried, abandoned):
            await self.open.stories.ensure_purchase(order)
        client = self.open.services.temporal
        handles = [client.get_workflow_handle(purchase_workflow_id(o.order_id)) for o in (retried, abandoned)]
        for order in (retried, abandoned):
            await eventually("SELECT FROM orders WHERE id = $1 AND attention IS NOT NULL", order.order_id)
        await self.open.clear_faults()
        await handles[0].execute_update("retry")
        await handles[1].execute_update("abandon")
        await self.keep("purchase-attention-then-abandoned", handles[1])
        row = await eventually(
            "SELECT provider_payment_id AS id FROM orders WHERE id = $1 AND status = 'awaiting_payment'",
            retried.order_id,
        )
        await self.open.at_provider(f"pay/{row['id']}")
        await self.keep("purchase-attention-then-retried", handles[0])

    async def charge_refused(self) -> None:
        """By the provider."""
        await self.open.at_provider("faults", api=[{"operation": "create_payment", "kind": "refuse"}])
        await self.keep("purchase-charge-refused", (await self.bought()).handle)
        await self.open.clear_faults()

    async def attention_at_database(self) -> None:
        """Captured money that cannot be settled, given back by a person."""
        bought = await self.bought()
        payment = await self.open.pay_without_webhook(bought)
        await fetch("ALTER TABLE payments RENAME TO payments_away")
        try:
            await bought.handle.signal(PAYMENT_SIGNAL, payment)
            await eventually("SELECT FROM orders WHERE id = $1 AND attention IS NOT NULL", bought.order.order_id)
        finally:
            await fetch("ALTER TABLE payments_away RENAME TO payments")
        await bought.handle.execute_update("refund")
        await self.keep("purchase-attention-then-refunded", bought.handle)
        await self.keep("refund-by-operator", await self.refund_of(bought))

    async def slow_refunds(self) -> None:
        """Pending at the provider: told by news, asked for, failed and retried."""
        await self.open.at_provider("faults", refunds={"mode": "pending"})
        told, asked, failed = [await self.bought() for _ in range(3)]
        refunds = {}
        for bought in (told, asked, failed):
            await self.open.at_provider(f"pay/{bought.payment_id}", amount=100)
            row = await eventually(
                "SELECT provider_refund_id AS id FROM refunds WHERE order_id = $1 AND status = 'submitted'",
                bought.order.order_id,
            )
            refunds[bought.order.order_id] = row["id"]
        await self.open.at_provider(f"refunds/{refunds[asked.order.order_id]}/succeed")
        await self.keep("refund-asked-for", await self.refund_of(asked))
        await self.open.at_provider(f"refunds/{refunds[failed.order.order_id]}/fail")
        await eventually("SELECT FROM orders WHERE id = $1 AND attention IS NOT NULL", failed.order.order_id)
        story, refund_id = await self.refund_of(told), refunds[told.order.order_id]
        await self.open.at_provider(f"refunds/{refund_id}/succeed")
        news = await self.open.services.providers["stripe"].read_refund(refund_id)
        await story.signal(REFUND_SIGNAL, news)
        await self.keep("refund-told", story)
        await self.open.clear_faults()
        story = await self.refund_of(failed)
        await story.execute_update("retry")
        await self.keep("refund-failed-then-retried", story)


def be_impatient() -> None:
    """Let every step give up soon: two quick tries, then three patient seconds."""
    for name in ("DATABASE", "PAYMENT", "MESSAGE"):
        profile = getattr(workflows.profiles, name)
        quick = replace(profile.quick, retry=replace(profile.quick.retry, maximum_attempts=2))
        patient = replace(profile.patient, schedule_to_close=SOON)
        setattr(workflows.profiles, name, replace(profile, quick=quick, patient=patient))


async def record(settings: Settings) -> None:
    """Play every story and write what the server kept of it."""
    async with AsyncExitStack() as opened:
        stack = await opened.enter_async_context(EmbeddedStack(settings, report=print))
        await stack.run_job("migrations")
        services = await opened.enter_async_context(open_services(stack.settings))
        temporal = await connect_temporal(services.settings, services.codec, lazy=False)
        patient = PurchasePolicy(expires_after_seconds=120, first_poll_seconds=2, longest_poll_seconds=2)
        hasty = PurchasePolicy(expires_after_seconds=3, first_poll_seconds=1, longest_poll_seconds=1)
        academies = [Academy(services, temporal, policy, somebody) for policy in (patient, hasty)]
        academies.append(Academy(services, temporal, hasty, somebody, provider="razorpay"))
        await opened.enter_async_context(running(academies[0], workflow_runner("workflows.profiles")))
        opened.push_async_callback(academies[1].close)
        opened.push_async_callback(academies[2].close)
        recorder = Recorder(*academies)
        await play(recorder)
        await write(recorder.recorded, services.codec)


async def play(recorder: Recorder) -> None:
    """What needs a well-behaved world goes side by side; each fault has the world to itself."""
    calm: list[Callable[[], Awaitable[None]]] = [
        recorder.paid,
        recorder.free,
        recorder.refused,
        recorder.abandoned,
        recorder.given_back,
        recorder.late,
        recorder.authorised_late,
        recorder.disputes,
        recorder.disputed_refunds,
        recorder.returned_refunds,
        recorder.sweeps,
        recorder.message,
        recorder.completion,
        recorder.notices,
        recorder.quizzes,
    ]
    await asyncio.gather(*(part() for part in calm))
    for part in (
        recorder.charge_refused,
        recorder.attention_at_provider,
        recorder.slow_refunds,
        recorder.failed_refund,
        recorder.attention_at_database,
    ):
        await part()


async def write(recorded: dict[str, Handle], codec: EncryptionCodec) -> None:
    """The histories as JSON, without what they say of this machine: only those that have no file yet, since an old one
    that was overwritten would hide what a change broke."""
    new = {name: handle for name, handle in recorded.items() if not (HISTORIES / f"{name}.json").exists()}
    for name, handle in sorted(new.items()):
        events = json.loads((await handle.fetch_history()).to_json())
        text = json.dumps(await without_machine(events, codec), indent=1, ensure_ascii=False) + "\n"
        (HISTORIES / f"{name}.json").write_text(text, encoding="utf-8")
    print(f"{len(new)} new histories recorded in {HISTORIES.name}/")


async def without_machine(value: Any, codec: EncryptionCodec) -> Any:
    """A history's JSON without names of processes and machines, and without the stack traces of its failures."""
    if isinstance(value, list):
        return [await without_machine(item, codec) for item in value]
    if not isinstance(value, dict):
        return value
    cleaned = {key: await without_machine(item, codec) for key, item in value.items() if key != "identity"}
    if cleaned.get("kind") == "TASK_QUEUE_KIND_STICKY":
        cleaned["name"] = "sticky-queue-of-the-recorder"  # else it holds the name of the machine
    if "encodedAttributes" in cleaned:
        cleaned["encodedAttributes"] = await without_stack_trace(cleaned["encodedAttributes"], codec)
    return cleaned


async def without_stack_trace(attributes: dict[str, Any], codec: EncryptionCodec) -> dict[str, Any]:
    """The encrypted message of a failure, encrypted again without its stack trace."""
    metadata = {key: base64.b64decode(text) for key, text in attributes["metadata"].items()}
    (plain,) = await codec.decode([Payload(metadata=metadata, data=base64.b64decode(attributes["data"]))])
    said = json.loads(plain.data)
    data = json.dumps({**said, "stack_trace": ""}).encode()
    (sealed,) = await codec.encode([Payload(metadata=dict(plain.metadata), data=data)])
    return {
        "metadata": {key: base64.b64encode(text).decode() for key, text in sealed.metadata.items()},
        "data": base64.b64encode(sealed.data).decode(),
    }


def main(arguments: list[str]) -> int:
    """The exit code."""
    if arguments not in ([], ["commands"]):
        print(__doc__)
        return 2
    HISTORIES.mkdir(exist_ok=True)
    if not arguments:
        be_impatient()
        with tempfile.TemporaryDirectory(prefix="academy-record-") as name:
            Path(name).chmod(0o755)  # PostgreSQL runs as another user when this one is root
            settings = settings_for_tests(Path(name) / "data", payload_keys=PAYLOAD_KEYS)
            asyncio.run(record(settings))
            remove_data(settings.data_dir)
    COMMANDS_FILE.write_text(all_commands(), encoding="utf-8")
    print(f"the commands of every story are in {HISTORIES.name}/{COMMANDS_FILE.name}")
    return 0


if __name__ == "__main__":
    end_process(main(sys.argv[1:]))
