"""Benchmark (c): a warm catalog page and a warm course page, against a bare handler with the same bytes and headers.

The bare handler runs in a process of its own: in the API it would pay for the API's guards and request log, and the
question is what the whole way of a request costs. Only one of the two is under load at a time. The load generator
has the other core; what it could do at most is told by the server's own CPU share, printed for each page.
"""

import asyncio
from functools import partial

import msgspec
import psutil

from benchmarks.bare_page import BarePage
from benchmarks.common import abba, academy, free_ports, is_quick, json_line, median_ratio
from benchmarks.http_load import Load, drive, exchange
from stack.embedded import EmbeddedStack, PythonPart
from stack.process import Part, accepts_connections

PAGES = {"catalog-page": "/api/v1/courses", "course-page": "/api/v1/courses/introduction-to-ayurveda"}
GOAL = 0.5
ROUNDS, BLOCK_SECONDS = (1, 0.5) if is_quick() else (5, 2.0)
CONNECTIONS = 64
SET_BY_THE_SERVER = {"date", "server", "content-length", "content-type"}


class Block(msgspec.Struct, frozen=True):
    """One block of load, and the CPU seconds that the server spent on it."""

    load: Load
    cpu_seconds: float


async def measure(part: Part, port: int, path: str) -> Block:
    """Put load on one server for a block."""
    process = psutil.Process(part.pid)
    before = sum(process.cpu_times()[:2])
    load = await asyncio.to_thread(drive, port, path, connections=CONNECTIONS, seconds=BLOCK_SECONDS)
    return Block(load, sum(process.cpu_times()[:2]) - before)


async def compare(stack: EmbeddedStack, name: str, path: str) -> str:
    """Measure one page; its JSON line."""
    api, api_port = stack["api"], stack.settings.api_port
    stored = stack.settings.data_dir / f"{name}.bin"
    stored.write_bytes(msgspec.msgpack.encode(page_of(await asyncio.to_thread(exchange, api_port, path))))
    (port,) = free_ports(1)
    bare = PythonPart(
        "bare",
        ["-m", "benchmarks.bare_page", str(port), str(stored)],
        stack.settings,
        partial(accepts_connections, port),
    )
    await bare.start()
    try:
        story, reference = partial(measure, api, api_port, path), partial(measure, bare, port, "/page")
        await story()
        await reference()
        rounds = await abba(story, reference, ROUNDS)
    finally:
        await bare.stop()
    for each in rounds:
        rates = [
            f"{block.load.rate:,.0f}/s ({block.cpu_seconds / block.load.seconds:.0%} CPU)"
            for block in (*each.story, *each.reference)
        ]
        print(f"{name}: API {rates[0]}, {rates[1]}; bare {rates[2]}, {rates[3]}")
    per_cpu = median_ratio(rounds, lambda block: block.load.requests / block.cpu_seconds)
    print(f"{name}: requests per CPU second of the server, API ÷ bare: {per_cpu:.3f}")
    return json_line(f"warm {name} ÷ bare Litestar handler", median_ratio(rounds, lambda block: block.load.rate), GOAL)


def page_of(answer: bytes) -> BarePage:
    """The same body and headers, for the bare handler."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:]]
    return BarePage({name: value for name, value in lines if name.lower() not in SET_BY_THE_SERVER}, body)


async def main() -> None:
    """Both pages; their JSON lines come last."""
    # The limits count, as they would in production, but refuse nobody.
    async with academy("postgres", "valkey", "temporal", rate_limit_per_address=100_000_000) as stack:
        await stack["api"].start()
        lines = [await compare(stack, name, path) for name, path in PAGES.items()]
    print(*lines, sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
