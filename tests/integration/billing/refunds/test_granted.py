"""Money asked back over HTTP and given: whole, in parts, by double clicks, by two at once."""

import asyncio

from db.sql import fetch
from domain.identifiers import new_id
from tests.integration.billing.refunds.asking import Asker, access_ended, books, done, enrolled, given_back
from tests.workflow.conftest import Academy, eventually, one


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
