"""Asking for money back over HTTP: policy, admins, double clicks, outages, and what follows."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from temporalio.client import Client

from activities.delivery import EventDelivery
from activities.sweeps import Sweeps
from api.app import create_app
from bootstrap import Services, connect_temporal
from db.sql import fetch
from domain.billing.payments import ProviderRefund
from domain.billing.purchase import PurchasePolicy
from domain.billing.refund import RefundRef
from domain.identifiers import new_id, refund_workflow_id
from domain.identity.roles import Role
from gateways.temporal.stories import Stories
from tests.conftest import free_ports
from tests.integration.billing.stripe_events import post_event
from tests.integration.conftest import NewPerson, Person, bearer, client_of, token_of
from tests.workflow.conftest import PATIENCE, Academy, Bought, eventually, one, running, worker_temporal

__all__ = ["worker_temporal"]

POLICY = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=1, longest_poll_seconds=1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def academy(services: Services, worker_temporal: Client, new_person: NewPerson) -> AsyncIterator[Academy]:
    """A worker; orders that the tests place ask the provider every second."""
    async with running(Academy(services, worker_temporal, POLICY, new_person)) as ready:
        yield ready


class Asker:
    """Somebody signed in who asks for refunds over HTTP."""

    def __init__(self, client: httpx.AsyncClient, person: Person, token: str) -> None:
        self.client = client
        self.id = person.id
        self.headers = bearer(token)

    async def ask(self, order_id: str, key: str | None = None, **body: Any) -> httpx.Response:
        headers = {**self.headers, "Idempotency-Key": key or new_id()}
        return await self.client.post(f"/api/v1/purchases/{order_id}/refunds", json=body, headers=headers, timeout=20)

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(f"/api/v1/{path}", headers=self.headers)


async def asker(app: Litestar, client: httpx.AsyncClient, person: Person) -> Asker:
    return Asker(client, person, await token_of(app, person))


@pytest_asyncio.fixture(loop_scope="session")
async def buyer(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Asker:
    return await asker(app, client, await new_person(Role.STUDENT))


@pytest_asyncio.fixture(loop_scope="session")
async def admin(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Asker:
    return await asker(app, client, await new_person(Role.SUPER_ADMIN))


async def enrolled(academy: Academy, buyer: Asker) -> Bought:
    """A course of 1180 rupees, paid."""
    course = await academy.course(instructorId=(await academy.new_person()).id)
    bought = await academy.buy(course, buyer.id)
    await academy.at_provider(f"pay/{bought.payment_id}")
    assert await bought.handle.result() == "enrolled"
    return bought


async def given_back(academy: Academy, bought: Bought) -> list[int]:
    """What the provider's own book has sent back of the order's charges."""
    charges = await academy.book(bought.order.order_id)
    return sorted(r["amount"] for c in charges for r in c["refunds"] if r["status"] == "succeeded")


async def access_ended(bought: Bought) -> bool:
    row = await one("SELECT ended_at FROM entitlements WHERE source_id = $1", bought.order.order_id)
    enrollment = await one('SELECT status FROM course_enrollments WHERE "userId" = $1', bought.order.user_id)
    assert (row["ended_at"] is not None) == (enrollment["status"] == "cancelled")
    return row["ended_at"] is not None


async def books(bought: Bought) -> dict[str, Any]:
    """The balance of every account by this order's postings."""
    rows = await fetch(
        "SELECT account_id, sum(amount) AS sum FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id"
        " WHERE p.order_id = $1 GROUP BY account_id",
        bought.order.order_id,
    )
    return {row["account_id"]: str(row["sum"]) for row in rows}


async def done(academy: Academy, refund_id: str) -> None:
    """Until the refund's story has ended."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        story = academy.services.temporal.get_workflow_handle(refund_workflow_id(refund_id))
        assert await story.result() == "succeeded"


async def test_a_buyer_has_everything_back_within_the_policy(academy: Academy, buyer: Asker) -> None:
    bought = await enrolled(academy, buyer)
    order_id = bought.order.order_id

    answer = await buyer.ask(order_id, reason="It is not for me.")

    assert answer.status_code == 201, answer.text
    refund = answer.json()
    assert answer.headers["Location"] == f"/api/v1/purchases/{order_id}/refunds/{refund['id']}"
    assert (refund["amount"], refund["currency"], refund["reason"]) == ("1180.00", "INR", "buyer_wish")
    assert refund["note"] is None, "what one wrote is read by those who decide about refunds"
    await done(academy, refund["id"])
    shown = (await buyer.get(f"purchases/{order_id}/refunds/{refund['id']}")).json()
    assert shown["status"] == "succeeded"
    assert [r["id"] for r in (await buyer.get(f"purchases/{order_id}/refunds")).json()["items"]] == [refund["id"]]
    assert (await buyer.get(f"purchases/{order_id}")).json()["status"] == "refunded"
    assert await given_back(academy, bought) == [118_000]
    assert await access_ended(bought)
    assert set((await books(bought)).values()) == {"0.00"}
    await eventually(
        "SELECT FROM outgoing_messages WHERE dedupe_key = $1 AND status = 'sent'", f"refund:{refund['id']}:email"
    )


async def test_a_double_click_and_a_repetition_are_one_refund(academy: Academy, buyer: Asker) -> None:
    bought, key = await enrolled(academy, buyer), new_id()
    answers = await asyncio.gather(*(buyer.ask(bought.order.order_id, key) for _ in range(5)))
    assert {a.status_code for a in answers} == {201}, [a.text for a in answers]
    assert len({a.json()["id"] for a in answers}) == 1
    await done(academy, answers[0].json()["id"])
    again = await buyer.ask(bought.order.order_id, key)
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (
        201,
        answers[0].json()["id"],
        "succeeded",
    )
    other = await buyer.ask(bought.order.order_id, key, reason="another body")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await given_back(academy, bought) == [118_000]


async def test_two_tabs_buyer_and_admin_at_once_never_exceed_the_payment(
    academy: Academy, buyer: Asker, admin: Asker
) -> None:
    bought = await enrolled(academy, buyer)
    order_id = bought.order.order_id
    asked = [buyer.ask(order_id) for _ in range(3)]
    asked += [admin.ask(order_id, amount="500.00", reason="a part") for _ in range(4)]
    answers = await asyncio.gather(*asked)

    assert {a.status_code for a in answers} <= {201, 409, 422}, [a.text for a in answers]
    refused = {a.json()["code"] for a in answers if a.status_code != 201}
    assert refused <= {"nothing_to_refund", "refund_exceeds_payment"}
    granted = [a.json() for a in answers if a.status_code == 201]
    for refund in granted:
        await done(academy, refund["id"])
    row = await one("SELECT sum(amount_minor) AS sum FROM refunds WHERE order_id = $1", order_id)
    assert (
        row["sum"]
        == sum(await given_back(academy, bought))
        == sum(round(float(refund["amount"]) * 100) for refund in granted)
    )
    assert row["sum"] == 118_000, "a buyer asked for all that was left, so all went back, once"
    assert set((await books(bought)).values()) == {"0.00"}


async def test_an_admin_gives_parts_back_and_access_ends_only_when_told_or_all_is_back(
    academy: Academy, buyer: Asker, admin: Asker
) -> None:
    bought = await enrolled(academy, buyer)
    order_id = bought.order.order_id
    first = await admin.ask(order_id, amount="180.01", reason="A lesson was missing.")
    assert first.status_code == 201, first.text
    assert first.json()["note"] == "A lesson was missing."
    await done(academy, first.json()["id"])
    assert (await buyer.get(f"purchases/{order_id}")).json()["status"] == "partially_refunded"
    assert not await access_ended(bought)

    too_much = await admin.ask(order_id, amount="1000.00", reason="too much")
    assert (too_much.status_code, too_much.json()["code"]) == (422, "refund_exceeds_payment")

    rest = await buyer.ask(order_id)
    assert rest.json()["amount"] == "999.99", "all that is left"
    await done(academy, rest.json()["id"])
    assert await access_ended(bought)
    assert await given_back(academy, bought) == [18_001, 99_999]
    assert set((await books(bought)).values()) == {"0.00"}
    nothing = await admin.ask(order_id, reason="once more")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_refund")


async def test_a_part_with_end_access_ends_this_reason_and_no_other(
    academy: Academy, buyer: Asker, admin: Asker
) -> None:
    bought = await enrolled(academy, buyer)
    await fetch(
        "INSERT INTO entitlements (id, user_id, course_id, reason, source_id, since)"
        " VALUES ($1, $2, $3, 'plan', $1, now())",
        *(new_id(), bought.order.user_id, bought.order.course_id),
    )
    refund = await admin.ask(bought.order.order_id, amount="100.00", endAccess=True, reason="Agreed by telephone.")
    await done(academy, refund.json()["id"])
    ended = await one("SELECT ended_reason FROM entitlements WHERE source_id = $1", bought.order.order_id)
    assert ended["ended_reason"] == "refunded"
    enrollment = await one('SELECT status FROM course_enrollments WHERE "userId" = $1', bought.order.user_id)
    assert enrollment["status"] == "active", "the plan goes on"


async def test_the_policy_refuses_a_buyer_and_not_an_admin(academy: Academy, buyer: Asker, admin: Asker) -> None:
    bought = await enrolled(academy, buyer)
    order_id, user_id = bought.order.order_id, bought.order.user_id
    await fetch('UPDATE course_enrollments SET "completionPercentage" = 21 WHERE "userId" = $1', user_id)
    watched = await buyer.ask(order_id)
    assert (watched.status_code, watched.json()["code"]) == (409, "watched_too_far")

    await fetch('UPDATE course_enrollments SET "completionPercentage" = 20 WHERE "userId" = $1', user_id)
    await watch_half_a_lesson(bought)
    lessons = await buyer.ask(order_id)
    assert lessons.json()["code"] == "watched_too_far", "half of two lessons is 25 %, whatever the enrollment says"

    await fetch('DELETE FROM lesson_progress WHERE "lessonId" LIKE $1', f"{order_id}%")
    await fetch("UPDATE payments SET captured_at = now() - interval '15 days' WHERE order_id = $1", order_id)
    late = await buyer.ask(order_id)
    assert (late.status_code, late.json()["code"]) == (409, "refund_window_over")
    assert await fetch("SELECT FROM refunds WHERE order_id = $1", order_id) == []

    allowed = await admin.ask(order_id, reason="goodwill")
    assert allowed.status_code == 201, allowed.text
    await done(academy, allowed.json()["id"])


async def watch_half_a_lesson(bought: Bought) -> None:
    """Two lessons, one of them watched by half."""
    order_id = bought.order.order_id
    await fetch(
        'INSERT INTO course_modules (id, "courseId", title, "order") VALUES ($1, $2, \'M\', 1)',
        *(order_id, bought.order.course_id),
    )
    for number in (1, 2):
        await fetch(
            "INSERT INTO course_lessons (id, \"moduleId\", title, \"order\", type) VALUES ($1, $2, 'L', $3, 'video')",
            *(f"{order_id}:{number}", order_id, number),
        )
    await fetch(
        'INSERT INTO lesson_progress (id, "enrollmentId", "lessonId", status, "progressPercentage")'
        " SELECT $1, id, $1, 'in_progress', 50 FROM course_enrollments WHERE \"userId\" = $2",
        *(f"{order_id}:1", bought.order.user_id),
    )


@pytest.mark.parametrize(
    ("who", "body", "fields"),
    [
        ("buyer", {"amount": "1.00"}, ["amount"]),
        ("buyer", {"amount": "1.00", "endAccess": False}, ["amount", "endAccess"]),
        ("admin", {"amount": "1.00"}, ["reason"]),
        ("admin", {"amount": "1.001", "reason": "x"}, ["amount"]),
        ("admin", {"amount": "0.00", "reason": "x"}, ["amount"]),
        ("admin", {"amount": "1e9", "reason": "x"}, ["amount"]),
        ("admin", {"amount": "-1", "reason": "x"}, ["amount"]),
    ],
)
async def test_what_may_not_be_asked_is_named(  # noqa: PLR0917  # fixtures
    academy: Academy, buyer: Asker, admin: Asker, who: str, body: dict[str, Any], fields: list[str]
) -> None:
    bought = await academy.buy(await academy.course(), buyer.id)
    answer = await {"buyer": buyer, "admin": admin}[who].ask(bought.order.order_id, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [error["field"] for error in answer.json()["errors"]] == fields


async def test_what_is_not_paid_or_free_has_nothing_to_give_back(academy: Academy, buyer: Asker) -> None:
    unpaid = await academy.buy(await academy.course(), buyer.id)
    free = await academy.buy(await academy.course(price=None, isFree=True), buyer.id)
    for bought in (unpaid, free):
        answer = await buyer.ask(bought.order.order_id)
        assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_refund")


async def test_others_find_nothing(
    academy: Academy, app: Litestar, client: httpx.AsyncClient, new_person: NewPerson, buyer: Asker
) -> None:
    bought = await enrolled(academy, buyer)
    stranger = await asker(app, client, await new_person(Role.CLINIC_ADMIN, Role.INSTRUCTOR, Role.CONTENT_ADMIN))
    path = f"purchases/{bought.order.order_id}/refunds"
    assert (await stranger.ask(bought.order.order_id)).status_code == 404
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.get(f"{path}/{new_id()}")).status_code == 404
    assert (await buyer.get(f"{path}/{new_id()}")).status_code == 404


async def test_the_providers_no_waits_for_a_person_and_is_tried_again(
    academy: Academy, services: Services, buyer: Asker
) -> None:
    bought = await enrolled(academy, buyer)
    await academy.at_provider("faults", refunds={"mode": "pending"})
    refund = (await buyer.ask(bought.order.order_id)).json()
    made = await eventually(
        "SELECT provider_refund_id AS id FROM refunds WHERE id = $1 AND status = 'submitted'", refund["id"]
    )
    await academy.clear_faults()
    failed = await academy.at_provider(f"refunds/{made['id']}/fail")
    assert (await post_event(buyer.client, services, "refund.failed", failed)).status_code == 200
    await eventually("SELECT FROM refunds WHERE id = $1 AND attention = 'refund_failed'", refund["id"])
    shown = (await buyer.get(f"purchases/{bought.order.order_id}/refunds/{refund['id']}")).json()
    assert shown["status"] == "needs_attention"
    assert (await buyer.get(f"purchases/{bought.order.order_id}")).json()["status"] == "needs_attention"
    assert not await access_ended(bought)
    again = await buyer.ask(bought.order.order_id)
    assert again.json()["code"] == "nothing_to_refund", "it is still on its way"

    story = academy.services.temporal.get_workflow_handle(refund_workflow_id(refund["id"]))
    assert await story.execute_update("retry") == "refund_failed"

    await done(academy, refund["id"])
    assert await given_back(academy, bought) == [118_000]
    assert (await buyer.get(f"purchases/{bought.order.order_id}")).json()["status"] == "refunded"


async def test_a_disputed_payment_is_not_refunded_until_the_bank_has_decided(
    academy: Academy, services: Services, buyer: Asker, admin: Asker
) -> None:
    bought = await enrolled(academy, buyer)
    order_id = bought.order.order_id
    dispute = await academy.at_provider(f"dispute/{bought.payment_id}")
    answer = await post_event(buyer.client, services, "charge.dispute.created", dispute)
    assert answer.status_code == 200, answer.text
    await eventually("SELECT FROM disputes WHERE order_id = $1 AND state = 'needs_response'", order_id)
    assert (await buyer.get(f"purchases/{order_id}")).json()["status"] == "disputed"

    for refused in (await buyer.ask(order_id), await admin.ask(order_id, amount="1.00", reason="goodwill")):
        assert (refused.status_code, refused.json()["code"]) == (409, "payment_disputed")

    won = await academy.at_provider(f"disputes/{dispute['id']}/win")
    await post_event(buyer.client, services, "charge.dispute.closed", won)
    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'enrolled'", order_id)
    event = await one(
        "SELECT status, payment_id FROM provider_events WHERE event_type = $1 AND payment_id = $2",
        "charge.dispute.created",
        bought.payment_id,
    )
    assert event["status"] == "delivered"
    granted = await buyer.ask(order_id)
    assert granted.status_code == 201, granted.text
    await done(academy, granted.json()["id"])
    assert set((await books(bought)).values()) == {"0.00"}


async def test_temporal_down_answers_503_and_nothing_is_half_done(
    academy: Academy, services: Services, buyer: Asker
) -> None:
    bought, key = await enrolled(academy, buyer), new_id()
    settings = services.settings.model_copy(update={"temporal_address": f"127.0.0.1:{next(free_ports())}"})
    stories = Stories(await connect_temporal(settings, services.codec, lazy=True), POLICY)
    cut_off = replace(services, stories=stories, delivery=EventDelivery(stories))
    async with client_of(create_app(cut_off)) as client:
        buyer_there = Asker(client, Person(buyer.id, "", ()), buyer.headers["Authorization"].removeprefix("Bearer "))
        answer = await buyer_there.ask(bought.order.order_id, key)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert await fetch("SELECT FROM refunds WHERE order_id = $1", bought.order.order_id) == []
    assert await fetch("SELECT FROM idempotency_keys WHERE key = $1", key) == []

    again = await buyer.ask(bought.order.order_id, key)
    assert again.status_code == 201
    await done(academy, again.json()["id"])


async def test_a_refund_whose_start_was_lost_is_started_by_the_relay(
    academy: Academy, services: Services, buyer: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = await enrolled(academy, buyer)

    async def lost(*_: Any) -> None:
        from domain.errors import OutageError

        raise OutageError("temporal")

    with monkeypatch.context() as patched:
        patched.setattr(Stories, "tell_refund", lost)
        answer = await buyer.ask(bought.order.order_id)
    assert (answer.status_code, answer.json()["status"]) == (201, "requested")
    await fetch("UPDATE refunds SET created_at = now() - interval '1 minute' WHERE id = $1", answer.json()["id"])

    await academy.in_activity(Sweeps(services.providers, academy.services.delivery, academy.stories).relay)

    await done(academy, answer.json()["id"])


async def test_a_start_that_the_relay_was_quicker_with_is_no_error(
    academy: Academy, buyer: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = await enrolled(academy, buyer)
    tell = Stories.tell_refund

    async def overtaken(stories: Stories, refund: RefundRef, news: ProviderRefund | None) -> None:
        await tell(stories, refund, news)
        await academy.services.temporal.get_workflow_handle(refund_workflow_id(refund.refund_id)).result()
        await tell(stories, refund, news)

    with monkeypatch.context() as patched:
        patched.setattr(Stories, "tell_refund", overtaken)
        answer = await buyer.ask(bought.order.order_id)

    assert (answer.status_code, answer.json()["status"]) == (201, "succeeded")
