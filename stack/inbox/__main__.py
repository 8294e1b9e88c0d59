"""`python -m stack.inbox --smtp-port P --port P --dir DIR`: SMTP on the one port, the web view on the other."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from settings import current_settings
from stack.inbox.mailbox import Mailbox
from stack.inbox.server import Handler, new_session
from stack.inbox.web import Web
from stack.process import port_is_free
from stack.stand_ins.phones.app import Phones
from stack.stand_ins.serving import ADDRESS, end_process, serve


def main() -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m stack.inbox", description=__doc__)
    parser.add_argument("--smtp-port", type=int, required=True, help="loopback port for SMTP")
    parser.add_argument("--port", type=int, required=True, help="loopback port for the web view and the JSON API")
    parser.add_argument("--dir", type=Path, required=True, help="folder of the mails; made when absent")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    for port in (arguments.smtp_port, arguments.port):
        if not port_is_free(port):
            print(f"Port {port} is taken: stop what listens there or choose another.", file=sys.stderr)
            return 1
    asyncio.run(_run(arguments))
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    mailbox = Mailbox(arguments.dir)
    handler = Handler(mailbox)
    phones = Phones(current_settings(), arguments.dir / "phones.jsonl")
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    smtp = await loop.create_server(lambda: new_session(handler), ADDRESS, arguments.smtp_port)
    try:
        await serve(Web(mailbox, handler, phones), arguments.port, stop)
    finally:
        smtp.close()
        await phones.close()


if __name__ == "__main__":
    end_process(main())
