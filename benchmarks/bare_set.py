"""`python -m benchmarks.bare_set PORT REDIS_URL_FILE`: Litestar with one handler that does one Valkey SET.

Served as `api/__main__.py` serves the API; nothing else is in it.
"""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar, Request, Response, post
from redis.asyncio import BlockingConnectionPool, Redis


async def serve(port: int, redis_url: str) -> None:
    """Serve until SIGTERM. The pool is the API's."""
    redis = Redis.from_pool(BlockingConnectionPool.from_url(redis_url, max_connections=32, timeout=2))

    @post("/set/{key:str}", status_code=200)
    async def bare(key: str, request: Request[Any, Any, Any]) -> Response[bytes]:
        await redis.set(f"progress:{key}", await request.body())
        return Response(b"{}")

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
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_text()))
