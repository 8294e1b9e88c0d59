"""The command line that every payment provider's stand-in has: `--port P --book FILE --webhook-url URL`."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from settings import Settings, SettingsError, current_settings
from stack.process import port_is_free
from stack.stand_ins.app import StandIn
from stack.stand_ins.serving import serve


class Place(NamedTuple):
    """What the command line says."""

    book: Path
    webhook_url: str
    events: frozenset[str]


def run_stand_in(program: str, make: Callable[[Settings, Place], StandIn], default_events: frozenset[str]) -> int:
    """Serve until SIGTERM or SIGINT; secrets come from the settings. Returns the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("--port", type=int, required=True, help="loopback port")
    parser.add_argument("--book", type=Path, required=True, help="SQLite file; made when absent")
    parser.add_argument("--webhook-url", default="", help="where events are posted; nowhere when empty")
    parser.add_argument(
        "--events", default=",".join(sorted(default_events)), help="event types the endpoint is subscribed to"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if not port_is_free(given.port):
        print(f"Port {given.port} is taken: stop what listens there or choose another --port.", file=sys.stderr)
        return 1
    place = Place(given.book, given.webhook_url, frozenset(given.events.split(",")))
    try:
        settings = current_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    asyncio.run(_run(lambda: make(settings, place), given.port))
    return 0


async def _run(make: Callable[[], StandIn], port: int) -> None:
    stand_in = make()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    stand_in.start()
    try:
        await serve(stand_in, port, stop)
    finally:
        await stand_in.close()
