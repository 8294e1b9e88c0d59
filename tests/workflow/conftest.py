"""What tests of stories share: a worker on real servers, buyers, courses, and the provider's stand-in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import ActivityEnvironment
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.delivery import EventDelivery
from bootstrap import Services, connect_temporal
from db.queries.billing.placing import PlaceOrder, place_order
from db.sql import as_json, fetch
from domain.billing.payments import NewPayment, ProviderPayment
from domain.billing.purchase import Billing, CheckoutAnswer, OrderRef, PurchasePolicy
from domain.identifiers import new_id, purchase_workflow_id
from domain.stories import TaskQueue
from gateways.temporal.stories import Stories
from tests.integration.conftest import NewPerson, app, client, new_person, services
from worker import worker_for

__all__ = ["app", "client", "new_person", "services"]

T = TypeVar("T")

PATIENCE = timedelta(seconds=20)
"""How long a test waits for a first answer, on a machine that does other things, too."""

BILLING = Billing(name="Test Person", state="KL", postal_code="682001", country="IN")


@dataclass(frozen=True)
class Bought:
    """An order whose story runs, and the first steps' answer."""

    order: OrderRef
    answer: CheckoutAnswer
    handle: WorkflowHandle[Any, Any]

    @property
    def payment_id(self) -> str:
        """The charge at the stand-in."""
        assert self.answer.client_secret is not None
        return self.answer.client_secret.split("_secret_")[0]


class Academy:
    """The purchase as the API and the provider drive it, with a policy and a Temporal client of the test's own."""

    def __init__(
        self,
        services: Services,
        temporal: Client,
        policy: PurchasePolicy,
        new_person: NewPerson,
        *,
        provider: str = "stripe",
    ) -> None:
        self.provider = provider
        self.stories = Stories(temporal, policy)
        self.services = replace(services, temporal=temporal, stories=self.stories, delivery=EventDelivery(self.stories))
        self.new_person = new_person
        self._http = httpx.AsyncClient(base_url=getattr(services.settings, f"{provider}_api_base"), timeout=20)

    async def course(self, price: str | None = "1180.00", **columns: Any) -> str:
        """A published course; `columns` are the brief's."""
        course_id = new_id()
        values = {
            "id": course_id,
            "slug": course_id,
            "title": "Ayurveda for Tests",
            "category": "ayurveda-basics",
            "level": "beginner",
            "price": Decimal(price) if price else None,
            "isFree": False,
            "isPublished": True,
            **columns,
        }
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        await fetch(f"INSERT INTO courses ({names}) VALUES ({marks})", *values.values())
        return course_id

    async def order(self, course_id: str, user_id: str | None = None, currency: str = "INR") -> OrderRef:
        """A placed order, of a new person unless one is named."""
        user_id = user_id or (await self.new_person()).id
        order_id = await place_order(
            PlaceOrder(
                user_id=user_id,
                course_id=course_id,
                route=f"/api/v1/courses/{course_id}/purchases",
                key=new_id(),
                request_hash="of-the-test",
                provider=self.provider,
                currency=currency,
                billing=as_json(BILLING),
            )
        )
        return OrderRef(order_id, user_id, course_id)

    async def buy(self, course_id: str, user_id: str | None = None, currency: str = "INR") -> Bought:
        """Place an order, start its story and wait for the checkout."""
        order = await self.order(course_id, user_id, currency)
        answer = await self.stories.checkout(order, new_id(), PATIENCE)
        handle = self.services.temporal.get_workflow_handle(purchase_workflow_id(order.order_id))
        return Bought(order, answer, handle)

    async def at_provider(self, path: str, **body: Any) -> Any:
        """Do something at the stand-in: pay, decline, set faults."""
        response = await self._http.post(f"/test/{path}", json=body or None)
        assert response.is_success, response.text
        return response.json()

    async def clear_faults(self) -> None:
        """The stand-in behaves well again."""
        await self._http.delete("/test/faults")

    async def book(self, order_id: str) -> list[dict[str, Any]]:
        """The order's charges in the provider's own book, each with its refunds."""
        book = (await self._http.get("/test/book", params={"order_id": order_id})).json()
        kind, named = ("payment_intents", "payment_intent") if self.provider == "stripe" else ("payments", "payment_id")
        charges: list[dict[str, Any]] = book[kind]
        for charge in charges:
            charge["refunds"] = [r for r in book["refunds"] if r[named] == charge["id"]]
            if charge.get("captured"):
                charge["status"] = "succeeded"  # Razorpay's `captured` and, once given back, `refunded`
        return charges

    async def pay_without_webhook(self, bought: Bought) -> ProviderPayment:
        """Pay at the stand-in; the payment as its webhook would tell it."""
        await self.at_provider(f"pay/{bought.payment_id}")
        return await self.services.providers[self.provider].read_payment(bought.payment_id)

    async def captured_at_provider(self, order_id: str, amount_minor: int, currency: str = "INR") -> str:
        """A second charge of an order, made and captured at the provider behind our back; its id."""
        new = NewPayment(order_id=order_id, amount_minor=amount_minor, currency=currency)
        provider = self.services.providers[self.provider]
        payment = await provider.create_payment(new, new_id())
        await self.at_provider(f"pay/{payment.payment_id}")
        return (await provider.read_payment(payment.payment_id)).payment_id

    async def in_activity(self, step: Callable[[], Awaitable[T]]) -> T:
        """Run a step as an activity would run, without a worker."""
        return await ActivityEnvironment().run(step)

    async def close(self) -> None:
        """Close the connection to the stand-in."""
        await self._http.aclose()


NewAcademy = Callable[..., Awaitable[Academy]]


@asynccontextmanager
async def running(academy: Academy, runner: SandboxedWorkflowRunner | None = None) -> AsyncIterator[Academy]:
    """A worker runs the academy's stories."""
    try:
        async with worker_for(academy.services, TaskQueue.CORE, runner):
            yield academy
    finally:
        await academy.clear_faults()
        await academy.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def worker_temporal(services: Services) -> Client:
    """A client that a worker may use."""
    return await connect_temporal(services.settings, services.codec, lazy=False)


@pytest_asyncio.fixture(loop_scope="session")
async def academy(services: Services, worker_temporal: Client, new_person: NewPerson) -> AsyncIterator[Academy]:
    """A worker whose orders expire after 4 s and whose stories ask the provider every second: real time."""
    policy = PurchasePolicy(expires_after_seconds=4, first_poll_seconds=1, longest_poll_seconds=1)
    async with running(Academy(services, worker_temporal, policy, new_person)) as ready:
        yield ready


async def eventually(sql: str, *arguments: Any) -> Any:
    """The first row of a statement, once it has one."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not (rows := await fetch(sql, *arguments)):
            await asyncio.sleep(0.05)
    return rows[0]


async def one(sql: str, *arguments: Any) -> Any:
    """The only row of a statement."""
    rows = await fetch(sql, *arguments)
    assert len(rows) == 1, rows
    return rows[0]
