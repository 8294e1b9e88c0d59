"""Serving a stand-in: one process, one event loop, loopback only."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from stack.stand_ins.http import Receive, Scope, Send

ADDRESS = "127.0.0.1"
LAST_ANSWERS_SECONDS = 1.0
"""How long a stop waits for requests under way, which a fault may be holding for a minute."""

App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]


async def serve(app: App, port: int, stop: asyncio.Event) -> None:
    """Serve an ASGI application without lifespan until `stop` is set.

    Granian embedded in our own loop: the book's writes, the webhooks and the requests share one thread, so
    a change needs no locks; and a killed process leaves no worker behind.
    """
    under_way: set[asyncio.Task[None]] = set()

    async def tracked(scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.get_running_loop().create_task(app(scope, receive, send))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        # Waited for, not awaited: a request that the stop gives up is no error of the server's.
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    server = Server(
        tracked,
        address=ADDRESS,
        port=port,
        interface=Interfaces.ASGINL,
        backlog=1024,
        websockets=False,
        log_level=LogLevels.error,
    )
    serving = asyncio.get_running_loop().create_task(server.serve())
    stopping = asyncio.get_running_loop().create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.stop()  # type: ignore[no-untyped-call]  # granian's own gap
    await asyncio.wait({serving}, timeout=LAST_ANSWERS_SECONDS)
    for task in under_way:
        task.cancel()
    await serving


def end_process(code: int) -> NoReturn:
    """End with `code`, without the interpreter's own farewell.

    Granian's threads may still be calling into the interpreter while it is taken down, and then the process
    aborts (exit 134, seen in about one stop of thirty).
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
