"""Downloading invoices and credit notes: only one's own, and only what was issued."""

from io import BytesIO

import httpx
import pypdf
import pytest_asyncio
from litestar import Litestar

from bootstrap import Services
from db.queries.billing.refunds import insert_refund, record_refund
from db.queries.billing.settlement import settle
from db.sql import fetch
from db.transaction import transaction
from domain.billing.refund import RefundReason
from tests.integration.billing.test_invoice_numbers import captured, new_course, new_order
from tests.integration.conftest import NewPerson, Person, bearer, token_of


@pytest_asyncio.fixture(loop_scope="session")
async def buyer(services: Services, new_person: NewPerson) -> Person:
    return await new_person()


async def get(client: httpx.AsyncClient, app: Litestar, person: Person, path: str) -> httpx.Response:
    return await client.get(f"/api/v1/purchases/{path}", headers=bearer(await token_of(app, person)))


async def test_the_invoice_of_a_paid_purchase(
    app: Litestar, client: httpx.AsyncClient, buyer: Person, new_person: NewPerson
) -> None:
    order_id = await new_order(buyer.id, await new_course())
    refused = await get(client, app, buyer, f"{order_id}/invoice.pdf")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_invoiced")

    await settle(order_id, captured(order_id))
    purchase = (await get(client, app, buyer, order_id)).json()
    answer = await get(client, app, buyer, f"{order_id}/invoice.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    name = purchase["invoiceNumber"].replace("/", "-")
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}.pdf"'
    [page] = pypdf.PdfReader(BytesIO(answer.content)).pages
    assert purchase["invoiceNumber"] in page.extract_text()

    stranger = await new_person()
    for path in ("invoice.pdf", "credit-notes"):
        assert (await get(client, app, stranger, f"{order_id}/{path}")).status_code == 404


async def test_a_refund_has_a_credit_note(
    app: Litestar, client: httpx.AsyncClient, buyer: Person, new_person: NewPerson
) -> None:
    order_id = await new_order(buyer.id, await new_course())
    await settle(order_id, captured(order_id))
    assert (await get(client, app, buyer, f"{order_id}/credit-notes")).json() == {"items": []}
    payment = await fetch("SELECT id FROM payments WHERE order_id = $1", order_id)
    async with transaction():
        refund_id = await insert_refund(payment[0]["id"], 11_800, RefundReason.OPERATOR)
    await record_refund(refund_id)

    [note] = (await get(client, app, buyer, f"{order_id}/credit-notes")).json()["items"]
    assert (note["total"], note["currency"]) == ("118.00", "INR")
    path = f"credit-notes/{note['id']}/credit-note.pdf"
    answer = await get(client, app, buyer, f"{order_id}/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    [page] = pypdf.PdfReader(BytesIO(answer.content)).pages
    assert note["number"] in page.extract_text()

    other = await new_order(buyer.id, await new_course())
    await settle(other, captured(other))
    for person, order in ((await new_person(), order_id), (buyer, other)):
        assert (await get(client, app, person, f"{order}/{path}")).status_code == 404
