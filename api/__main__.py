"""`python -m api`: the HTTP server, one process, until SIGTERM or Ctrl-C."""

import asyncio
import errno
import signal
import socket
import sys

import structlog
from granian.constants import Interfaces
from granian.server.embed import Server

from api.app import create_app
from api.operations.metrics import Metrics
from bootstrap import end_process, open_services
from domain.errors import AcademyError
from logs import log_to_stdout
from settings import Settings, SettingsError, current_settings

log = structlog.get_logger("api")

EVERYWHERE = "0.0.0.0"  # noqa: S104 (production serves others; everything else stays on this machine)
LOOPBACK = "127.0.0.1"


async def serve(settings: Settings) -> None:
    """Serve until a signal; then finish the requests that are being answered."""
    address = EVERYWHERE if settings.app_env == "production" else LOOPBACK
    _require_free_port(address, settings.api_port)
    async with open_services(settings) as services:
        metrics = Metrics()
        if settings.api_metrics_address:
            metrics.serve(settings.api_metrics_address)
        server = Server(
            create_app(services, metrics.observe if settings.api_metrics_address else None),
            address=address,
            port=settings.api_port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        log.info("api_started", port=settings.api_port)
        await server.serve()
        log.info("api_stopped")


def main() -> int:
    """Run, and say in one line why it could not; the exit code."""
    log_to_stdout("api")
    try:
        asyncio.run(serve(current_settings()))
    except (SettingsError, AcademyError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            words = f"Port {current_settings().api_port} is taken: end what listens there, or set API_PORT."
        else:
            words = f"PostgreSQL does not answer at DATABASE_URL ({type(error).__name__}): is it running?"
        sys.stderr.write(words + "\n")
        return 1
    return 0


def _require_free_port(address: str, port: int) -> None:
    """Raises `OSError`; Granian itself would panic."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, port))


if __name__ == "__main__":
    end_process(main())
