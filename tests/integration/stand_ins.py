"""The stand-ins as real processes, and a listener for their webhooks."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx

from domain.billing.payments import NewPayment, ProviderEvent, ProviderPayment
from domain.identifiers import charge_key, new_id
from gateways.payments.signatures import PayloadError, SignatureError, verify_stripe
from gateways.payments.stripe import StripePayments
from stack.process import accepts_connections
from tests.conftest import free_ports

T = TypeVar("T")

KEY_ID = "rzp_test_integration"
SECRET_KEY = "sk_test_integration"
WEBHOOK_SECRET = "whsec_integration"
STARTS_WITHIN_SECONDS = 30.0


async def eventually(look: Callable[[], Awaitable[T]], within_seconds: float = 15.0) -> T:
    """The first true answer of `look`; fails when none comes in time."""
    deadline = time.monotonic() + within_seconds
    while not (answer := await look()):
        assert time.monotonic() < deadline, f"did not happen within {within_seconds} s, last answer: {answer!r}"
        await asyncio.sleep(0.02)
    return answer


class StandIn:
    """A process of ours that listens on loopback ports."""

    def __init__(self, *arguments: str, ports: tuple[int, ...]) -> None:
        self._arguments = arguments
        self._ports = ports
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it listens."""
        environment = {
            **os.environ,
            "APP_ENV": "test",
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "RAZORPAY_KEY_ID": KEY_ID,
            "RAZORPAY_KEY_SECRET": SECRET_KEY,
            "RAZORPAY_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *self._arguments, env=environment, cwd=Path(__file__).parents[2]
        )

        async def listening() -> bool:
            assert self._process is not None
            assert self._process.returncode is None, "the stand-in ended at once"
            return all([await accepts_connections(port) for port in self._ports])

        await eventually(listening, STARTS_WITHIN_SECONDS)

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), 10)

    async def kill(self) -> None:
        """SIGKILL, as chaos does."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


class Listener:
    """What an academy does with webhooks: verify, remember, answer. `answers` may be set to refuse some."""

    def __init__(self, verify: Callable[[bytes, dict[str, str]], ProviderEvent]) -> None:
        self._verify = verify
        self.events: list[ProviderEvent] = []
        self.refused = 0
        self.connections = 0
        self.answers: list[int] = []
        """Statuses for the next webhooks, before anything is looked at."""

    def reset(self) -> None:
        """As new."""
        self.events.clear()
        self.answers.clear()
        self.refused = 0

    def types(self, payment_id: str) -> list[str]:
        """The types of the events about one payment and its refunds, in order of arrival."""
        return [
            event.event_type
            for event in self.events
            if payment_id
            in (event.payment.payment_id if event.payment else "", event.refund.payment_id if event.refund else "")
        ]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                named = (line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in named}
                body = await reader.readexactly(int(headers["content-length"]))
                status = self._answer(body, headers)
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())
        except (EOFError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, body: bytes, headers: dict[str, str]) -> int:
        if self.answers:
            return self.answers.pop(0)
        try:
            self.events.append(self._verify(body, headers))
        except (SignatureError, PayloadError):
            self.refused += 1
            return 400
        return 200

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        """Listen on a loopback port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        try:
            yield
        finally:
            server.close()


class Controls:
    """The stand-in's `/test/…`."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._http = httpx.AsyncClient(base_url=base, timeout=20)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def post(self, path: str, body: object = None, *, expect: int = 200) -> Any:
        """POST a control."""
        response = await self._http.post(f"/test/{path}", json=body) if body else await self._http.post(f"/test/{path}")
        assert response.status_code == expect, response.text
        return response.json()

    async def faults(self, **plan: object) -> None:
        """Switch faults on."""
        await self.post("faults", plan)

    async def well_behaved(self) -> None:
        """Switch all faults off."""
        await self._http.delete("/test/faults")

    async def book(self, order_id: str) -> Any:
        """What the provider's own book says of an order."""
        return (await self._http.get("/test/book", params={"order_id": order_id})).json()

    async def deliveries(self, about: str | None = None) -> list[Any]:
        """The webhooks about one object, or all."""
        found = (await self._http.get("/test/webhooks")).json()["deliveries"]
        return [one for one in found if about in (None, one["object"])]


def new_ports(count: int) -> list[int]:
    """Free loopback ports."""
    ports = free_ports()
    return [next(ports) for _ in range(count)]


class StripeWorld:
    """One stand-in, its listener and our client."""

    def __init__(self, folder: Path, webhook_port: int, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.port = port
        self.listener = Listener(
            lambda body, headers: verify_stripe(body, headers.get("stripe-signature"), WEBHOOK_SECRET)
        )
        self.webhook_port = webhook_port
        self.process = StandIn(
            *("stack.stand_ins.stripe", "--port", str(port), "--book", str(folder / "book.db")),
            *("--webhook-url", f"http://127.0.0.1:{webhook_port}/webhooks"),
            ports=(port,),
        )
        self.controls = Controls(self.base)
        self.stripe = StripePayments(self.base, SECRET_KEY, timeout_seconds=10)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything, and end it."""
        await self.process.start()
        async with self.listener.listening(self.webhook_port):
            yield
        await self.stripe.close()
        await self.controls.close()
        assert await self.process.stop() == 0

    async def opened(self, order_id: str | None = None, amount: int = 199_900) -> ProviderPayment:
        """A payment that waits for its payer; `amount` in paise."""
        order = order_id or new_id()
        return await self.stripe.create_payment(new_payment(order, amount), charge_key(order, 1))

    async def paid(self) -> ProviderPayment:
        """A payment that was paid, as it stood before."""
        payment = await self.opened()
        await self.controls.post(f"pay/{payment.payment_id}")
        return payment


def new_payment(order_id: str, amount: int = 199_900) -> NewPayment:
    """A charge of `amount` paise for an order."""
    return NewPayment(order_id=order_id, amount_minor=amount, currency="INR")


def an_hour_ago() -> datetime:
    """Long enough ago for everything of this test run."""
    return datetime.now(UTC) - timedelta(hours=1)
