"""A classroom for each test."""

import httpx
import pytest_asyncio
from litestar import Litestar

from tests.integration.assignments.classroom import Classroom, open_classroom
from tests.integration.conftest import NewPerson


@pytest_asyncio.fixture(loop_scope="session")
async def room(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Classroom:
    return await open_classroom(app, client, new_person)
