"""The running academy with the reference's worker beside it, and people who are logged in already."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, cycle, islice
from typing import Any

import asyncpg
import msgspec
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue as TaskQueueName
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from api.identity.tokens import AccessTokens
from benchmarks.common import academy
from benchmarks.http_client import Connection
from benchmarks.reference import require_frozen
from benchmarks.reference.worker import QUEUE
from domain.identifiers import new_id
from domain.identity.roles import Role
from domain.stories import TaskQueue
from gateways.temporal.client import temporal_client
from gateways.temporal.codec import EncryptionCodec
from stack.embedded import EmbeddedStack, PythonPart
from stack.process import Part

START_SECONDS = 60
ORDER_TRIES = 8
"""An answer takes up to 8 s."""

TOKEN_LIFE = timedelta(hours=2)
THREE_CHANNELS = ("email", "push", "whatsapp")
BILLING = {"name": "Asha Menon", "state": "KL", "postalCode": "682001", "country": "IN"}


class Buyer(msgspec.Struct, frozen=True):
    """Somebody with an account and a session, and the course that they want."""

    user_id: str
    course_id: str
    price: Decimal
    login: str
    """The request header."""

    @property
    def route(self) -> str:
        """Where they order."""
        return f"/api/v1/courses/{self.course_id}/purchases"

    @property
    def headers(self) -> str:
        """Of the order; everybody orders once, so that their own id will do as key."""
        return f"{self.login}idempotency-key: {self.user_id}\r\n"


class Shop:
    """The stack and the benchmark's own ways into it, which are not measured."""

    def __init__(
        self,
        stack: EmbeddedStack,
        reference: Part,
        sql: asyncpg.Connection,
        ours: Client,
        plain: Client,
        *,
        provider: str,
    ) -> None:
        self.stack = stack
        self.reference = reference
        self.sql = sql
        self.ours = ours
        """A client with the academy's converter and codec."""
        self.plain = plain
        """A client as it comes, for the reference."""
        settings = stack.settings
        self.provider = provider
        self.channels = THREE_CHANNELS if provider == "razorpay" else ("email",)
        """Over which a buyer is told."""
        self.provider_port: int = getattr(settings, f"{provider}_stand_in_port")
        self.order = msgspec.json.encode({"provider": provider, "billing": BILLING})
        """The body of every order."""
        self.api_port = settings.api_port
        self._tokens = AccessTokens.from_setting(settings.jwt_keys.get_secret_value(), settings.public_base_url)
        self._numbers = count(1)

    async def admit(self, how_many: int) -> list[Buyer]:
        """New people with new sessions. The courses are dealt out in turns, as in a shop with many customers."""
        courses = await self.sql.fetch(
            'SELECT id, price FROM courses WHERE "isPublished" AND NOT "isFree" AND price > 0 AND "clinicId" IS NULL'
            ' AND "maxEnrollments" IS NULL ORDER BY id'
        )
        buyers, people, sessions, devices = [], [], [], []
        has_phone = "whatsapp" in self.channels
        until = datetime.now(UTC) + TOKEN_LIFE
        for course in islice(cycle(courses), how_many):
            user_id, session_id = new_id(), new_id()
            number = next(self._numbers)
            phone = {"whatsapp": f"+91{9_000_000_000 + number}"} if has_phone else {}
            consents = dict.fromkeys(phone, datetime.now(UTC).isoformat())
            reached_by = [json.dumps(value) for value in ({"email": True, **phone}, consents)]
            people.append((user_id, f"buyer-{number}@people.example", [Role.STUDENT], *reached_by))
            if has_phone:
                devices.append((new_id(), user_id, f"token-{user_id}"))
            sessions.append((session_id, user_id, until))
            token = self._tokens.issue(user_id, session_id, [Role.STUDENT], life=TOKEN_LIFE)
            buyers.append(Buyer(user_id, course["id"], course["price"], f"authorization: Bearer {token}\r\n"))
        await self.sql.executemany(
            """INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents)
               VALUES ($1, $2, 'none', 'Asha Menon', $3, 'en', 'Asia/Kolkata', $4, $5)""",
            people,
        )
        await self.sql.executemany("INSERT INTO devices (id, user_id, kind, token) VALUES ($1, $2, 'fcm', $3)", devices)
        await self.sql.executemany("INSERT INTO auth_sessions (id, user_id, expires_at) VALUES ($1, $2, $3)", sessions)
        return buyers

    async def rows(self, statement: str, *arguments: Any) -> list[Any]:
        """Of a statement on a connection of the benchmark's own."""
        rows: list[Any] = await self.sql.fetch(statement, *arguments)
        return rows


async def order(shop: Shop, api: Connection, buyer: Buyer) -> tuple[str, str]:
    """Order, and the same again while the answer is 202 (a machine that is busy with others): order and payment id."""
    for _ in range(ORDER_TRIES):
        purchase = await api.post(buyer.route, shop.order, buyer.headers)
        if purchase["checkout"] is not None:
            checkout = purchase["checkout"]
            charge = checkout.get("razorpayOrderId") or checkout["clientSecret"].partition("_secret_")[0]
            return purchase["id"], charge
    raise TimeoutError("an order was not ready to be paid in time")


async def _until_polled(client: Client, queue: str) -> None:
    """A worker process cannot say when it is ready; the server knows who asks it for work."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueueName(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    async with asyncio.timeout(START_SECONDS):
        while not (await client.workflow_service.describe_task_queue(request)).pollers:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@asynccontextmanager
async def open_shop(provider: str = "stripe") -> AsyncIterator[Shop]:
    """Everything started; buyers pay at this provider's stand-in.

    Raises `ThawedError` when the reference is not the one that it was.
    """
    require_frozen()
    async with academy() as stack:
        reference = PythonPart("reference", ["-m", "benchmarks.reference.worker"], stack.settings)
        await stack.start_application()
        await reference.start()
        sql = await asyncpg.connect(stack.settings.database_url)
        try:
            # The clients come last: a process that is forked while they run may hang.
            settings = stack.settings
            codec = EncryptionCodec.from_setting(settings.payload_keys.get_secret_value())
            address, namespace = settings.temporal_address, settings.temporal_namespace
            ours = await temporal_client(address, namespace, codec, lazy=False)
            plain = await Client.connect(address, namespace=namespace)
            for queue in (TaskQueue.CORE, QUEUE):
                await _until_polled(plain, queue)
            yield Shop(stack, reference, sql, ours, plain, provider=provider)
        finally:
            await sql.close()
            await reference.stop()
