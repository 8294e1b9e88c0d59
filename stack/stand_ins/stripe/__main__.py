"""`python -m stack.stand_ins.stripe --port P --book FILE --webhook-url URL`; secrets come from the settings."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from settings import SettingsError, current_settings
from stack.process import port_is_free
from stack.stand_ins.serving import end_process, serve
from stack.stand_ins.stripe.app import StripeStandIn
from stack.stand_ins.stripe.webhooks import DEFAULT_EVENTS


def main() -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m stack.stand_ins.stripe", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="loopback port")
    parser.add_argument("--book", type=Path, required=True, help="SQLite file; made when absent")
    parser.add_argument("--webhook-url", default="", help="where events are posted; nowhere when empty")
    parser.add_argument(
        "--events", default=",".join(sorted(DEFAULT_EVENTS)), help="event types the endpoint is subscribed to"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if not port_is_free(arguments.port):
        print(f"Port {arguments.port} is taken: stop what listens there or choose another --port.", file=sys.stderr)
        return 1
    try:
        asyncio.run(_run(arguments))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    settings = current_settings()
    stand_in = StripeStandIn(
        arguments.book,
        secret_key=settings.stripe_secret_key.get_secret_value(),
        webhook_url=arguments.webhook_url,
        webhook_secret=settings.stripe_webhook_secret.get_secret_value(),
        events=frozenset(arguments.events.split(",")),
    )
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    stand_in.start()
    try:
        await serve(stand_in, arguments.port, stop)
    finally:
        await stand_in.close()


if __name__ == "__main__":
    end_process(main())
