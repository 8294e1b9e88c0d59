"""The whole academy on one machine: which processes it is made of, and in which order they start and stop."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from settings import Settings
from stack.accounts import stand_in_accounts
from stack.postgres import Postgres
from stack.process import HOST, ChildFailedError, Part, StackError, accepts_connections, port_is_free, secret_file
from stack.temporal import Temporal
from stack.valkey import Valkey

APPLICATION = ("worker", "api")
"""What runs on the servers, in the order of its start."""

JOBS = {
    "migrations": ["-m", "db.migrate"],
    "temporal-setup": ["bootstrap.py"],
    "demo-data": ["-m", "stack.demo"],
}
"""What runs to its end between the start of the servers and of the application, in this order."""

PROVIDERS = ("stripe", "razorpay")
"""Payment providers that have a stand-in."""

PORTS = {
    "postgres": ("postgres_port",),
    "valkey": ("valkey_port",),
    "temporal": ("temporal_port", "temporal_ui_port"),
    "stripe": ("stripe_stand_in_port",),
    "razorpay": ("razorpay_stand_in_port",),
    "inbox": ("smtp_port", "inbox_port"),
    "api": ("api_port",),
}
"""The settings that hold the ports of each part."""


class PythonPart(Part):
    """A program of this project, run with this interpreter; ready when `ready` says so."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        settings: Settings,
        ready: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        super().__init__(name, data_dir=settings.data_dir, environment=environment_of(settings))
        self._arguments = arguments
        self._ready = ready

    def command(self) -> list[str]:
        return [sys.executable, "-u", *self._arguments]

    async def is_ready(self) -> bool:
        return self._ready is None or await self._ready()


class EmbeddedStack:
    """The parts by name. As a context manager it starts the servers and, at the end, stops all that runs.

    Servers are `postgres`, `valkey`, `temporal`, `stripe` and `razorpay` (stand-ins) and `inbox`; one that the settings
    place elsewhere is no part of the stack. `worker` and `api` are parts to be started by name. The jobs
    (`migrations`, `temporal-setup`, `demo-data`) run to their end through `run_job`.
    """

    def __init__(self, settings: Settings, report: Callable[[str], None] = lambda line: None) -> None:
        self._report = report
        settings = settings.model_copy(update={"data_dir": settings.data_dir.resolve()})
        if "public_base_url" not in settings.model_fields_set:
            settings = settings.model_copy(update={"public_base_url": f"http://{HOST}:{settings.api_port}"})
        addresses, servers = _servers(settings)
        if settings.demo_password is None and settings.app_env != "production":
            addresses["demo_password"] = SecretStr(secret_file(settings.data_dir / "demo.password"))
        self.settings = settings.model_copy(update=addresses)
        """The settings with the address of every server filled in: what the application has to use."""
        self.servers = tuple(servers)
        self.parts: dict[str, Part] = {**servers, **_application(self.settings)}

    @property
    def environment(self) -> dict[str, str]:
        """The settings as environment variables, secrets included."""
        return environment_of(self.settings)

    def __getitem__(self, name: str) -> Part:
        return self.parts[name]

    async def __aenter__(self) -> Self:
        try:
            await self.start_servers()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start_servers(self) -> None:
        """Start every server side by side. Raises `StackError` when one cannot start."""
        await self.end_leftovers()
        self._require_free_ports()
        await self._start_together(self.servers)

    async def end_leftovers(self) -> None:
        """End what an earlier stack left running when it was killed."""
        for part in self.parts.values():
            await part.end_leftover()

    async def start_application(self) -> None:
        """Start worker and API side by side, once servers and jobs are done."""
        await self._start_together(APPLICATION)

    async def run_job(self, name: str) -> None:
        """Run a job to its end. Raises `ChildFailedError` with the tail of its log when it fails."""
        job = PythonPart(name, JOBS[name], self.settings)
        await job.start()
        try:
            code = await job.wait()
        finally:
            await job.kill()
        if code != 0:
            raise ChildFailedError(f"{name} failed with exit code {code}. The log:\n{job.log_tail()}")
        self._report(f"{name}: done")

    async def stop(self) -> None:
        """Stop all that runs: API, worker, stand-ins, Temporal, Valkey, PostgreSQL, each after the other."""
        for name in reversed(self.parts):
            if self.parts[name].running:
                self._report(f"{name}: stopping")
            await self.parts[name].stop()

    def _require_free_ports(self) -> None:
        for name, fields in PORTS.items():
            for field in fields:
                port = getattr(self.settings, field)
                if name in self.parts and not port_is_free(port):
                    raise StackError(
                        f"Port {port}, which {name} needs, is taken by another program: "
                        f"end that program, or set {field.upper()} to a free port."
                    )

    async def _start_together(self, names: tuple[str, ...]) -> None:
        try:
            async with asyncio.TaskGroup() as starts:
                for name in names:
                    starts.create_task(self._start(name))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _start(self, name: str) -> None:
        await self.parts[name].start()
        self._report(f"{name}: started")


def environment_of(settings: Settings) -> dict[str, str]:
    """Settings as the environment variables from which they would be read again, secrets included."""
    environment = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        environment[name.upper()] = "" if plain is None else str(plain)
    return environment


def _servers(settings: Settings) -> tuple[dict[str, object], dict[str, Part]]:
    """The addresses and parts of the servers that the settings do not place elsewhere, in order of start."""
    data_dir = settings.data_dir
    addresses: dict[str, object] = {}
    parts: dict[str, Part] = {}
    if not settings.database_url:
        postgres = Postgres(port=settings.postgres_port, data_dir=data_dir)
        parts["postgres"], addresses["database_url"] = postgres, postgres.url
    if not settings.redis_url:
        valkey = Valkey(port=settings.valkey_port, data_dir=data_dir)
        parts["valkey"], addresses["redis_url"] = valkey, valkey.url
    if not settings.temporal_address:
        temporal = Temporal(
            port=settings.temporal_port,
            ui_port=settings.temporal_ui_port,
            namespace=settings.temporal_namespace,
            codec_endpoint=f"{settings.public_base_url}/codec",
            data_dir=data_dir,
        )
        parts["temporal"] = temporal
        addresses["temporal_address"], addresses["temporal_ui_url"] = temporal.address, temporal.ui_url
    for provider in PROVIDERS:
        if f"{provider}_api_base" not in settings.model_fields_set and settings.app_env != "production":
            port = getattr(settings, f"{provider}_stand_in_port")
            parts[provider] = _stand_in(settings, provider, port)
            addresses[f"{provider}_api_base"] = f"http://{HOST}:{port}"
    if not settings.smtp_url:
        if settings.app_env != "production":
            addresses |= stand_in_accounts(settings)
        parts["inbox"] = _inbox(settings.model_copy(update=addresses))
        addresses["smtp_url"] = f"smtp://{HOST}:{settings.smtp_port}"
    return addresses, parts


def _stand_in(settings: Settings, provider: str, port: int) -> Part:
    webhook = f"http://{HOST}:{settings.api_port}/api/v1/webhooks/{provider}"
    book = settings.data_dir / f"{provider}-book.sqlite"
    return PythonPart(
        provider,
        [
            *("-m", f"stack.stand_ins.{provider}", "--port", str(port)),
            *("--book", str(book), "--webhook-url", webhook),
        ],
        settings,
        lambda: accepts_connections(port),
    )


def _inbox(settings: Settings) -> Part:
    async def ready() -> bool:
        return all([await accepts_connections(port) for port in (settings.smtp_port, settings.inbox_port)])

    return PythonPart(
        "inbox",
        [
            *("-m", "stack.inbox", "--smtp-port", str(settings.smtp_port)),
            *("--port", str(settings.inbox_port), "--dir", str(settings.data_dir / "inbox")),
        ],
        settings,
        ready,
    )


def _application(settings: Settings) -> dict[str, Part]:
    async def api_is_live() -> bool:
        return await asyncio.to_thread(_answers_200, settings.api_port, "/health/live")

    return {
        "worker": PythonPart("worker", ["worker.py"], settings),
        "api": PythonPart("api", ["-m", "api"], settings, api_is_live),
    }


def _answers_200(port: int, path: str) -> bool:
    connection = HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
