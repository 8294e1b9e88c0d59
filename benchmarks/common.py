"""What every benchmark shares: an academy of its own, ABBA rounds, and the JSON line at the end."""

import json
import os
import socket
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from settings import Settings, load_settings
from stack.embedded import JOBS, EmbeddedStack
from stack.postgres import remove_data

T = TypeVar("T")


class Round(NamedTuple, Generic[T]):
    """One ABBA round: story, reference, reference, story. What drifts evenly cancels out."""

    story: tuple[T, T]
    reference: tuple[T, T]

    def ratio(self, value: Callable[[T], float]) -> float:
        """Story ÷ reference, each the sum of its two blocks."""
        return sum(map(value, self.story)) / sum(map(value, self.reference))


async def abba(story: Callable[[], Awaitable[T]], reference: Callable[[], Awaitable[T]], rounds: int) -> list[Round[T]]:
    """Measure both in turns. Run each once before, so that neither pays for warming up."""
    measured = []
    for _ in range(rounds):
        first = await story()
        middle = await reference(), await reference()
        measured.append(Round((first, await story()), middle))
    return measured


def median_ratio(rounds: Sequence[Round[T]], value: Callable[[T], float]) -> float:
    """The median of the rounds' own ratios."""
    return statistics.median(each.ratio(value) for each in rounds)


def json_line(name: str, ratio: float, goal: float) -> str:
    """What a benchmark prints last, for whoever compares runs."""
    return json.dumps({"name": name, "ratio": round(ratio, 3), "goal": goal})


def is_quick() -> bool:
    """Whether only a smoke run was asked for (`--quick`): everything once and short, its figures mean nothing."""
    return "--quick" in sys.argv[1:]


def free_ports(count: int) -> list[int]:
    """Different ports that nothing listens on now."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def benchmark_settings(data_dir: Path, **overrides: object) -> Settings:
    """The usual settings on free ports, whatever the environment says."""
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    defaults = {name: field.default for name, field in Settings.model_fields.items() if name not in UNSET}
    values = {
        **defaults,
        "data_dir": data_dir,
        "public_base_url": f"http://127.0.0.1:{ports['api_port']}",
        "demo_password": "demo-password-of-the-benchmarks",
        "rate_limit_per_address": 0,  # the load comes from one address, and from few people
        "rate_limit_per_user": 0,
        **ports,
        **overrides,
    }
    return load_settings(_env_file=None, **values)


UNSET = ("stripe_api_base", "razorpay_api_base")
"""The stack starts its stand-ins only where these are not set at all."""


@asynccontextmanager
async def academy(*servers: str, **overrides: object) -> AsyncIterator[EmbeddedStack]:
    """Real servers with the demo data, in a directory of their own: all of them, or only the ones named.

    Worker and API are started by the benchmark: `await stack["api"].start()`.
    """
    with tempfile.TemporaryDirectory(prefix="academy-bench-") as name:
        folder = Path(name)
        os.chmod(name, 0o755)  # PostgreSQL runs as another user when we are root
        stack = EmbeddedStack(benchmark_settings(folder / "data", **overrides))
        stack.servers = servers or stack.servers
        async with stack:
            for job in JOBS:
                await stack.run_job(job)
            yield stack
        remove_data(stack.settings.data_dir)
