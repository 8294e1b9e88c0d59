"""Money asked back over HTTP and refused: by policy, by what was paid, to strangers, while a bank decides."""

from typing import Any

import httpx
import pytest
from litestar import Litestar

from bootstrap import Services
from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.billing.refunds.asking import Asker, asker, books, done, enrolled
from tests.integration.billing.stripe_events import post_event
from tests.integration.conftest import NewPerson
from tests.workflow.conftest import Academy, Bought, eventually, one


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
