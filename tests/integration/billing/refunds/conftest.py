"""A worker, a buyer and an admin for whoever asks for money back."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from litestar import Litestar
from temporalio.client import Client

from bootstrap import Services
from domain.billing.purchase import PurchasePolicy
from domain.identity.roles import Role
from tests.integration.billing.refunds.asking import Asker, asker
from tests.integration.conftest import NewPerson
from tests.workflow.conftest import Academy, running, worker_temporal

__all__ = ["worker_temporal"]


POLICY = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=1, longest_poll_seconds=1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def academy(services: Services, worker_temporal: Client, new_person: NewPerson) -> AsyncIterator[Academy]:
    """A worker; orders that the tests place ask the provider every second."""
    async with running(Academy(services, worker_temporal, POLICY, new_person)) as ready:
        yield ready


@pytest_asyncio.fixture(loop_scope="session")
async def buyer(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Asker:
    return await asker(app, client, await new_person(Role.STUDENT))


@pytest_asyncio.fixture(loop_scope="session")
async def admin(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Asker:
    return await asker(app, client, await new_person(Role.SUPER_ADMIN))
