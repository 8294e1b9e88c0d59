"""The academy under fire: the whole embedded stack, with links between its parts, to be killed and watched."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import psutil
from temporalio.client import Client

from api.identity.tokens import AccessTokens
from gateways.temporal.client import temporal_client
from gateways.temporal.codec import EncryptionCodec
from settings import Settings
from stack.embedded import EmbeddedStack
from stack.process import HOST
from tests.chaos.books import in_one_shape
from tests.chaos.links import Link
from tests.chaos.news import News

VICTIMS = ("api", "worker", "temporal", "postgres", "valkey")
"""What is killed. The stand-ins stand for others' systems."""

RESTART_PAUSE_SECONDS = 1.0
"""What ends by itself is started again after this long, as the supervisor of `make run` does."""

Cleanup = Callable[[], Awaitable[object]]


class Academy:
    """The running stack and everybody's books: ours (SQL), Temporal's, the provider's, the inbox."""

    def __init__(self, stack: EmbeddedStack, temporal: Client, links: dict[str, Link], http: httpx.AsyncClient) -> None:
        self.stack = stack
        self.temporal = temporal
        self.links = links
        self.http = http
        settings = stack.settings
        self.tokens = AccessTokens.from_setting(settings.jwt_keys.get_secret_value(), settings.public_base_url)
        self.shop = f"http://{HOST}:{links['buyer-api'].port}"
        """The API, as buyers reach it."""
        self.providers = {"stripe": settings.stripe_api_base, "razorpay": settings.razorpay_api_base}
        self.news = News(self)
        self.inbox = f"http://{HOST}:{settings.inbox_port}"
        self.course_id = ""
        self.died: list[str] = []
        """Parts that ended without having been killed by a test."""
        self._sql: asyncpg.Connection | None = None
        self._sql_lock = asyncio.Lock()
        self._restarting = asyncio.Lock()
        self._cleanups: list[Cleanup] = []

    async def sql(self, statement: str, *arguments: Any) -> list[Any]:
        """The rows of a statement. Raises `OSError` or `asyncpg.PostgresError` while PostgreSQL is away."""
        async with self._sql_lock:
            if self._sql is None or self._sql.is_closed():
                self._sql = await self.new_sql_session()
            try:
                rows: list[Any] = await self._sql.fetch(statement, *arguments)
            except asyncpg.InternalClientError as error:
                # The server died between two messages of the protocol, and the client lost its way.
                self._sql.terminate()
                raise ConnectionError from error
            return rows

    async def new_sql_session(self) -> asyncpg.Connection:
        """A connection that bypasses every link."""
        return await asyncpg.connect(self.stack.settings.database_url, timeout=5, command_timeout=10)

    async def book(self, order_id: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """The providers' own books, whole or of one order: `payment_intents`, `charges`, `refunds`, `disputes`."""
        books = {}
        for name, base in self.providers.items():
            answer = await self.http.get(f"{base}/test/book", params={"order_id": order_id} if order_id else {})
            books[name] = answer.raise_for_status().json()
        razorpay = in_one_shape(books["razorpay"])
        return {kind: books["stripe"][kind] + found for kind, found in razorpay.items()}

    async def provider_faults(self, **plan: object) -> None:
        """Switch faults on at every provider (`stack/stand_ins/faults.py`); `release` switches them off."""
        for base in self.providers.values():
            (await self.http.post(f"{base}/test/faults", json=plan)).raise_for_status()

    async def happen(self, provider: str, act: str, *, told_by: str = "", **body: object) -> dict[str, Any]:
        """Have a payer or a bank act at a provider (`news.py`); what it acted on."""
        return await self.news.happen(provider, act, told_by=told_by, **body)

    async def mails(self, address: str) -> list[dict[str, Any]]:
        """What the inbox has for somebody."""
        answer = await self.http.get(f"{self.inbox}/api/messages", params={"to": address})
        mails: list[dict[str, Any]] = answer.raise_for_status().json()
        return mails

    def at_release(self, cleanup: Cleanup) -> None:
        """Have something undone when the kill is over."""
        self._cleanups.append(cleanup)

    async def kill(self, name: str) -> None:
        """SIGKILL; what the dead process had not yet got through its links is lost with it."""
        await self._restarting.acquire()
        await self.stack[name].kill()
        for link in self.links.values():
            if name in link.ends:
                link.cut()

    async def restart(self, name: str) -> None:
        """Start what `kill` has killed."""
        await self.stack[name].start()
        self._restarting.release()

    async def release(self) -> None:
        """Let everything flow again, and switch every fault off."""
        for link in self.links.values():
            link.release()
        while self._cleanups:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._cleanups.pop()()
        for base in self.providers.values():
            (await self.http.delete(f"{base}/test/faults")).raise_for_status()
        await self.news.release()
        (await self.http.delete(f"{self.inbox}/api/faults")).raise_for_status()

    async def keep_alive(self) -> None:
        """Start again whatever ends by itself, until cancelled."""
        while True:
            await asyncio.sleep(RESTART_PAUSE_SECONDS)
            async with self._restarting:
                for name in VICTIMS:
                    if not self.stack[name].running:
                        self.died.append(name)
                        await self.stack[name].start()


@asynccontextmanager
async def open_academy(settings: Settings) -> AsyncIterator[Academy]:
    """Start everything, with the demo data; stop it at the end and see that no process is left."""
    async with AsyncExitStack() as opened:
        family: list[psutil.Process] = []
        opened.callback(_require_gone, family)
        stack = await opened.enter_async_context(EmbeddedStack(settings))
        for job in ("migrations", "temporal-setup", "demo-data"):
            await stack.run_job(job)
        links = _links_of(stack.settings)
        for link in links.values():
            await link.open()
            opened.push_async_callback(link.close)
        _lead_through(stack, links)
        await stack.start_application()
        codec = EncryptionCodec.from_setting(settings.payload_keys.get_secret_value())
        temporal = await temporal_client(
            stack.settings.temporal_address, settings.temporal_namespace, codec, lazy=False
        )
        http = await opened.enter_async_context(httpx.AsyncClient(timeout=10))
        academy = Academy(stack, temporal, links, http)
        await _choose_course(academy)
        keeper = asyncio.create_task(academy.keep_alive())
        try:
            yield academy
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            pids = [part.pid for part in stack.parts.values() if part.pid is not None]
            family += [process for pid in pids for process in _with_children(pid)]


def _with_children(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _require_gone(family: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == [], f"processes outlived the stack: {alive}"


def _links_of(settings: Settings) -> dict[str, Link]:
    postgres, smtp = urlsplit(settings.database_url).port or 0, urlsplit(settings.smtp_url).port or 0
    links = [
        Link("buyer", "api", settings.api_port),
        Link("api", "temporal", settings.temporal_port),
        Link("worker", "temporal", settings.temporal_port),
        Link("api", "postgres", postgres),
        Link("worker", "postgres", postgres),
        Link("worker", "inbox", smtp),
    ]
    return {"-".join(link.ends): link for link in links}


def _lead_through(stack: EmbeddedStack, links: dict[str, Link]) -> None:
    """Give worker and API the links' addresses instead of the servers' own."""
    settings = stack.settings
    worker, api = stack["worker"].environment, stack["api"].environment
    worker["TEMPORAL_ADDRESS"] = f"{HOST}:{links['worker-temporal'].port}"
    worker["SMTP_URL"] = f"smtp://{HOST}:{links['worker-inbox'].port}"
    for part, environment in (("worker", worker), ("api", api)):
        environment["DATABASE_URL"] = settings.database_url.replace(
            f":{settings.postgres_port}/", f":{links[f'{part}-postgres'].port}/"
        )
    api["TEMPORAL_ADDRESS"] = f"{HOST}:{links['api-temporal'].port}"


async def _choose_course(academy: Academy) -> None:
    rows = await academy.sql(
        'SELECT id FROM courses WHERE "isPublished" AND NOT "isFree" AND "clinicId" IS NULL'
        ' AND "maxEnrollments" IS NULL AND "instructorId" IS NOT NULL AND price IS NOT NULL ORDER BY id LIMIT 1'
    )
    academy.course_id = rows[0]["id"]
