"""`python -m benchmarks.bare_page PORT FILE`: a Litestar application with one handler that answers FILE's bytes.

Served as `api/__main__.py` serves the API; nothing else is in it.
"""

import asyncio
import signal
import sys
from pathlib import Path

import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar, MediaType, Response, get


class BarePage(msgspec.Struct, frozen=True):
    """The answer: its body, and the headers that the application itself sets."""

    headers: dict[str, str]
    body: bytes


async def serve(port: int, page: BarePage) -> None:
    """Serve until SIGTERM."""

    @get("/page")
    async def bare() -> Response[bytes]:
        return Response(page.body, headers=page.headers, media_type=MediaType.JSON)

    server = Server(
        Litestar([bare], openapi_config=None, logging_config=None),
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.stop)
    await server.serve()


if __name__ == "__main__":
    stored = msgspec.msgpack.decode(Path(sys.argv[2]).read_bytes(), type=BarePage)
    asyncio.run(serve(int(sys.argv[1]), stored))
