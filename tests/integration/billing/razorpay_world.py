"""One Razorpay stand-in as a real process, the listener of its webhooks, and our client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from domain.billing.payments import ProviderPayment
from domain.identifiers import charge_key, new_id
from gateways.payments.razorpay import RazorpayPayments
from gateways.payments.signatures import verify_razorpay
from stack.stand_ins.razorpay.events import DEFAULT_EVENTS
from tests.integration.stand_ins import (
    KEY_ID,
    SECRET_KEY,
    WEBHOOK_SECRET,
    Controls,
    Listener,
    StandIn,
    new_payment,
    new_ports,
)


class RazorpayWorld:
    """Everything that speaks Razorpay."""

    def __init__(self, folder: Path, webhook_port: int, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.webhook_port = webhook_port
        self.listener = Listener(
            lambda body, headers: verify_razorpay(
                body, headers.get("x-razorpay-signature"), headers.get("x-razorpay-event-id"), WEBHOOK_SECRET
            )
        )
        self.process = StandIn(
            *("stack.stand_ins.razorpay", "--port", str(port), "--book", str(folder / "book.db")),
            *("--webhook-url", f"http://127.0.0.1:{webhook_port}/webhooks"),
            *("--events", ",".join({*DEFAULT_EVENTS, "order.paid"})),  # an adopter may subscribe to it all the same
            ports=(port,),
        )
        self.controls = Controls(self.base)
        self.razorpay = self.client(timeout_seconds=10)

    def client(self, *, timeout_seconds: float, secret: str = SECRET_KEY) -> RazorpayPayments:
        """Another client of this stand-in."""
        return RazorpayPayments(self.base, KEY_ID, secret, timeout_seconds)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything, and end it."""
        await self.process.start()
        async with self.listener.listening(self.webhook_port):
            yield
        await self.razorpay.close()
        await self.controls.close()
        assert await self.process.stop() == 0

    async def opened(self, order_id: str | None = None, amount: int = 199_900) -> ProviderPayment:
        """A charge that waits for its payer; `amount` in paise."""
        order = order_id or new_id()
        return await self.razorpay.create_payment(new_payment(order, amount), charge_key(order, 1))

    async def paid(self) -> ProviderPayment:
        """A payment that was captured."""
        charge = await self.opened()
        await self.controls.post(f"pay/{charge.payment_id}")
        return await self.razorpay.read_payment(charge.payment_id)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RazorpayWorld]:
    world = RazorpayWorld(tmp_path_factory.mktemp("razorpay"), *new_ports(2))
    async with world.running():
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def world(started: RazorpayWorld) -> AsyncIterator[RazorpayWorld]:
    started.listener.reset()
    yield started
    await started.controls.well_behaved()
