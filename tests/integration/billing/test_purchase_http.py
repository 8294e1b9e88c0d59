"""Buying over HTTP: idempotency, one open order, outages, and what others may see."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar
from temporalio.client import Client

from bootstrap import Services
from db.sql import fetch
from domain.billing.purchase import PurchasePolicy
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.billing.stripe_events import post_event
from tests.integration.conftest import NewPerson, bearer, token_of
from tests.workflow.conftest import Academy, eventually, one, running, worker_temporal

__all__ = ["worker_temporal"]

POLICY = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=300)
BODY: dict[str, Any] = {
    "provider": "stripe",
    "billing": {"name": "Test Person", "state": "KL", "postalCode": "682001", "country": "IN"},
}
ADDRESS = {"lines": ["Second floor, Vaidya Bhavan", "12 Vaidya Marg"], "city": "Kochi"}
FIRM = {**BODY["billing"], "name": "Test Firm", "gstin": "32AAACA0001A1Z6", "address": ADDRESS}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def academy(services: Services, worker_temporal: Client, new_person: NewPerson) -> AsyncIterator[Academy]:
    """A worker; stories that the API starts ask the provider by themselves only after 30 s."""
    async with running(Academy(services, worker_temporal, POLICY, new_person)) as ready:
        yield ready


class Buyer:
    """Somebody signed in who buys over HTTP."""

    def __init__(self, client: httpx.AsyncClient, user_id: str, token: str) -> None:
        self.client = client
        self.user_id = user_id
        self.headers = bearer(token)

    async def buy(self, course: str, key: str | None = None, **changes: Any) -> httpx.Response:
        headers = {**self.headers, "Idempotency-Key": key or new_id()}
        return await self.client.post(
            f"/api/v1/courses/{course}/purchases", json={**BODY, **changes}, headers=headers, timeout=20
        )

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(f"/api/v1/{path}", headers=self.headers)


@pytest_asyncio.fixture(loop_scope="session")
async def buyer(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Buyer:
    person = await new_person(Role.STUDENT)
    return Buyer(client, person.id, await token_of(app, person))


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Buyer:
    person = await new_person(Role.STUDENT)
    return Buyer(client, person.id, await token_of(app, person))


async def pay(academy: Academy, buyer: Buyer, services: Services, purchase: dict[str, Any]) -> None:
    """Pay at the stand-in, and bring its webhook."""
    payment_id = purchase["checkout"]["clientSecret"].split("_secret_")[0]
    intent = await academy.at_provider(f"pay/{payment_id}")
    answer = await post_event(buyer.client, services, "payment_intent.succeeded", intent)
    assert answer.status_code == 200, answer.text


async def test_a_purchase_from_the_first_request_to_the_reasons_for_access(
    academy: Academy, services: Services, buyer: Buyer
) -> None:
    answer = await buyer.buy(await academy.course())
    assert answer.status_code == 201, answer.text
    purchase = answer.json()
    assert answer.headers["Location"] == f"/api/v1/purchases/{purchase['id']}"
    assert purchase["workflowId"] == f"purchase/{purchase['id']}"
    assert (purchase["status"], purchase["amount"], purchase["currency"]) == ("awaiting_payment", "1180.00", "INR")
    assert [(line["kind"], line["description"], line["amount"]) for line in purchase["lines"]] == [
        ("course", "Ayurveda for Tests", "1000.00"),
        ("tax", "CGST", "90.00"),
        ("tax", "SGST", "90.00"),
    ]

    await pay(academy, buyer, services, purchase)

    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'enrolled'", purchase["id"])
    shown = (await buyer.get(f"purchases/{purchase['id']}")).json()
    assert (shown["status"], shown["checkout"]) == ("enrolled", None)
    mine = (await buyer.get("me/purchases")).json()["items"]
    assert [item["id"] for item in mine] == [purchase["id"]]
    enrollment = (await buyer.get("me/enrollments")).json()["items"][0]
    assert enrollment["status"] == "active"
    access = (await buyer.get(f"me/enrollments/{enrollment['id']}/access")).json()
    assert [(r["reason"], r["sourceId"], r["until"]) for r in access["reasons"]] == [("purchase", purchase["id"], None)]


async def test_the_same_key_and_body_answer_the_same_while_it_runs_and_after(
    academy: Academy, services: Services, buyer: Buyer
) -> None:
    course, key = await academy.course(), new_id()
    answers = await asyncio.gather(*(buyer.buy(course, key) for _ in range(5)))
    assert {a.status_code for a in answers} == {201}, [a.text for a in answers]
    assert len({a.json()["id"] for a in answers}) == 1
    assert len({a.json()["checkout"]["clientSecret"] for a in answers}) == 1
    purchase = answers[0].json()
    assert len(await academy.book(purchase["id"])) == 1

    await pay(academy, buyer, services, purchase)
    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'enrolled'", purchase["id"])
    after = await buyer.buy(course, key)
    assert (after.status_code, after.json()["id"], after.json()["status"]) == (201, purchase["id"], "enrolled")


async def test_the_same_key_with_another_body_is_refused(academy: Academy, buyer: Buyer) -> None:
    course, key = await academy.course(), new_id()
    assert (await buyer.buy(course, key)).status_code == 201
    other = await buyer.buy(course, key, billing={**BODY["billing"], "state": "MH"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_another_tab_joins_the_open_order(academy: Academy, buyer: Buyer) -> None:
    course = await academy.course()
    tabs = await asyncio.gather(*(buyer.buy(course) for _ in range(4)))
    assert {t.status_code for t in tabs} == {201}, [t.text for t in tabs]
    assert len({t.json()["id"] for t in tabs}) == 1
    await one("SELECT FROM orders WHERE course_id = $1", course)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"isPublished": False}, 404, "course_not_found"),
        ({"price": None}, 422, "no_price"),
        ({"maxEnrollments": 0}, 409, "course_full"),
    ],
)
async def test_what_cannot_be_sold_is_refused_the_same_way_each_time(
    academy: Academy, buyer: Buyer, changes: dict[str, Any], status: int, code: str
) -> None:
    course, key = await academy.course(**changes), new_id()
    for _ in range(2):
        answer = await buyer.buy(course, key)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["Content-Type"].startswith("application/problem+json")


async def test_an_owned_course_is_refused_before_anything_is_written(academy: Academy, buyer: Buyer) -> None:
    course = await academy.course(price=None, isFree=True)
    first = await buyer.buy(course)
    assert (first.status_code, first.json()["status"]) == (201, "enrolled")
    again = await buyer.buy(course)
    assert (again.status_code, again.json()["code"]) == (409, "course_owned")
    await one("SELECT FROM orders WHERE course_id = $1", course)


async def test_a_currency_without_a_price_is_never_converted(academy: Academy, buyer: Buyer) -> None:
    course = await academy.course()
    assert (await buyer.buy(course, currency="USD")).json()["code"] == "no_price"
    strange = await buyer.buy(course, currency="XYZ")
    assert (strange.status_code, strange.json()["errors"][0]["field"]) == (422, "currency")


async def test_a_firm_is_billed_with_its_address(academy: Academy, buyer: Buyer) -> None:
    answer = await buyer.buy(await academy.course(), billing=FIRM)
    assert answer.status_code == 201, answer.text
    invoice = await one("SELECT buyer FROM invoices WHERE order_id = $1", answer.json()["id"])
    assert msgspec.json.decode(invoice["buyer"]) == FIRM


@pytest.mark.parametrize(
    "changes",
    [
        {"provider": "paypal"},
        {"billing": None},
        {"billing": {**BODY["billing"], "state": "XX"}},
        {"billing": {**BODY["billing"], "country": "India"}},
        {"billing": {**BODY["billing"], "name": ""}},
        {"billing": {**FIRM, "gstin": "27AAPFU0939F1ZV"}},  # of another state
        {"billing": {**FIRM, "state": "MH", "gstin": "27AAPFU0939F1ZO"}},  # its check character
        {"billing": {**FIRM, "country": "AE"}},
        {"billing": {**FIRM, "address": None}},
        {"billing": {**BODY["billing"], "gstin": FIRM["gstin"]}},
        {"billing": {**FIRM, "address": {**ADDRESS, "lines": []}}},
        {"billing": {**FIRM, "address": {**ADDRESS, "lines": ["x"] * 4}}},
        {"billing": {**FIRM, "address": {**ADDRESS, "city": " "}}},
        {"amount": 1},
    ],
)
async def test_a_body_that_is_wrong_is_named_and_nothing_is_written(
    academy: Academy, buyer: Buyer, changes: dict[str, Any]
) -> None:
    course = await academy.course()
    answer = await buyer.buy(course, **changes)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]
    assert await fetch("SELECT FROM orders WHERE course_id = $1", course) == []


@pytest.mark.parametrize("key", [None, "has space", "x" * 201])
async def test_a_missing_or_strange_key_is_refused(academy: Academy, buyer: Buyer, key: str | None) -> None:
    headers = buyer.headers if key is None else {**buyer.headers, "Idempotency-Key": key}
    answer = await buyer.client.post(f"/api/v1/courses/{await academy.course()}/purchases", json=BODY, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("idempotency_key_missing", "validation_failed")


async def test_anothers_purchase_and_access_are_not_found(academy: Academy, buyer: Buyer, stranger: Buyer) -> None:
    purchase = (await buyer.buy(await academy.course(price=None, isFree=True))).json()
    enrollment = (await buyer.get("me/enrollments")).json()["items"][0]
    for path in (f"purchases/{purchase['id']}", f"me/enrollments/{enrollment['id']}/access", "purchases/nonsense"):
        assert (await stranger.get(path)).status_code == 404
    assert (await stranger.get("me/purchases")).json()["items"] == []


async def test_lists_are_walked_by_cursor(academy: Academy, buyer: Buyer) -> None:
    for _ in range(3):
        assert (await buyer.buy(await academy.course(price=None, isFree=True))).status_code == 201
    seen: list[str] = []
    path = "me/purchases?limit=2"
    while True:
        page = await buyer.get(path)
        seen += [item["id"] for item in page.json()["items"]]
        cursor = page.json()["nextCursor"]
        if cursor is None:
            break
        assert 'rel="next"' in page.headers["Link"]
        path = f"me/purchases?limit=2&cursor={cursor}"
    assert len(seen) == len(set(seen)) == 3


async def test_a_clinics_own_course_is_sold_to_its_members_only(
    academy: Academy, buyer: Buyer, stranger: Buyer
) -> None:
    clinic = new_id()
    await fetch("INSERT INTO clinics (id, slug, name, state, settings) VALUES ($1, $1, 'Clinic', 'KL', '{}')", clinic)
    await fetch(
        "INSERT INTO clinic_members (id, clinic_id, user_id) VALUES ($1, $2, $3)", new_id(), clinic, buyer.user_id
    )
    course = await academy.course(clinicId=clinic)
    assert (await stranger.buy(course)).json()["code"] == "course_not_found"
    purchase = (await buyer.buy(course)).json()
    handle = academy.services.temporal.get_workflow_handle(purchase["workflowId"])
    found = {pair.key.name for pair in (await handle.describe()).typed_search_attributes}
    assert found >= {"LmsCourseId", "LmsClinicId"}
    assert "LmsUserId" not in found, "a clinic's course says something about the health of who takes it"
