"""One Stripe stand-in for a file of tests, well-behaved again after each."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.stand_ins import StripeWorld, new_ports


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StripeWorld]:
    world = StripeWorld(tmp_path_factory.mktemp("stripe"), *new_ports(2))
    async with world.running():
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def world(started: StripeWorld) -> AsyncIterator[StripeWorld]:
    started.listener.reset()
    yield started
    await started.controls.well_behaved()
