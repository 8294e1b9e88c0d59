"""Random commands in any order against a plain model: buy, pay, decline, expire, late money, refunds, disputes.

Several small worlds run side by side on one worker; each does one command, lets it be heard of in a random way, and
waits until order, access and books are what the model says. A failing world prints its seed and its commands.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.client import Client

from bootstrap import Services
from tests.integration.conftest import NewPerson
from tests.workflow.conftest import PATIENCE, Academy, running
from tests.workflow.random_orders.world import HASTY, OPEN, World

SEEDS = range(8)
COMMANDS = 14


@pytest_asyncio.fixture(loop_scope="session")
async def academies(
    services: Services, worker_temporal: Client, new_person: NewPerson
) -> AsyncIterator[tuple[Academy, Academy]]:
    """One whose orders stay open, and one whose orders expire at once; one worker runs both."""
    hasty = Academy(services, worker_temporal, HASTY, new_person)
    async with running(Academy(services, worker_temporal, OPEN, new_person)) as academy:
        yield academy, hasty
    await hasty.close()


async def test_any_order_of_commands_leaves_what_a_plain_model_says(academies: tuple[Academy, Academy]) -> None:
    async with asyncio.TaskGroup() as group:
        for seed in SEEDS:
            group.create_task(World(*academies, seed, PATIENCE.total_seconds()).play(COMMANDS))
