"""`python -m benchmarks.reference.worker`: the reference's own worker process, until SIGTERM.

Default sandbox, default converter, no codec. How much it may do at once, its pollers and its cache are read off our
own worker, so that the two are set alike by construction.
"""

import asyncio
import signal
from typing import Any

import asyncpg
from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.reference.steps import TABLE, Steps
from benchmarks.reference.story import FiveSteps, Signalled
from bootstrap import end_process, open_services
from domain.stories import TaskQueue
from settings import Settings, current_settings
from worker import worker_for

QUEUE = "reference"
SAME_AS_OURS = ("max_", "nonsticky_", "sticky_", "workflow_task_poller_", "activity_task_poller_", "tuner", "disable_")
"""How the names of a worker's settings begin that decide how fast it is; the rest says what it runs."""


async def our_settings(settings: Settings) -> dict[str, Any]:
    """Of the product's worker, which is made for this and never run."""
    async with open_services(settings, for_worker=True) as services:
        ours = dict(worker_for(services, TaskQueue.CORE).config())
    return {name: value for name, value in ours.items() if name.startswith(SAME_AS_OURS)}


async def run() -> None:
    """Make the table, then work until a signal."""
    settings = current_settings()
    alike = await our_settings(settings)
    client = await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncpg.create_pool(
        settings.database_url, min_size=2, max_size=settings.database_pool_size, reset=_leave_as_it_is
    ) as pool:
        await pool.execute(TABLE)
        steps = Steps(pool)
        async with Worker(
            client, task_queue=QUEUE, workflows=[FiveSteps, Signalled], activities=[steps.insert], **alike
        ):
            await stop.wait()


async def _leave_as_it_is(_connection: Any) -> None:
    """As in `db.engine`: a round trip that we spare ourselves is not charged to the reference either."""


if __name__ == "__main__":
    asyncio.run(run())
    end_process(0)
