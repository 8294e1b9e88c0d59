"""An author at work: a client with a login, and courses made by it."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest_asyncio
from litestar import Litestar

from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.conftest import NewPerson, Person, bearer, token_of

Made = dict[str, Any]


class Desk:
    """What one person writes by the API."""

    def __init__(self, client: httpx.AsyncClient, person: Person, headers: dict[str, str]) -> None:
        self.person = person
        self._client = client
        self._headers = headers

    async def ask(self, method: str, path: str, body: object = None, *, version: int | None = None) -> httpx.Response:
        """Any call."""
        match = {} if version is None else {"If-Match": f'"{version}"'}
        address = path if path.startswith("/api") else f"/api/v1/authoring/{path}"
        return await self._client.request(method, address, json=body, headers={**self._headers, **match})

    async def do(self, method: str, path: str, body: object = None) -> Any:
        """A call that works; its answer."""
        answer = await self.ask(method, path, body)
        assert answer.is_success, (method, path, answer.text)
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, body: object = None, *, version: int | None = None) -> str:
        """The problem's code of a call that is refused."""
        answer = await self.ask(method, path, body, version=version)
        assert not answer.is_success, answer.text
        return str(answer.json()["code"])

    async def course(self, **more: object) -> Made:
        """A draft with all but lessons."""
        body = {"title": "Dosha and diet", "slug": f"s-{new_id()}", "category": "nutrition", "level": "beginner"}
        return dict(await self.do("POST", "courses", {**body, "description": "Eat well.", "price": "1180.00", **more}))

    async def module(self, course: Made, title: str = "A module") -> str:
        """A module behind the others; its id."""
        after = await self.do("POST", f"courses/{course['id']}/modules", {"title": title})
        return str(after["modules"][-1]["id"])

    async def lesson(self, module_id: str, **more: object) -> str:
        """A text lesson behind the others; its id."""
        body = {"title": "A lesson", "type": "text", "content": "Words.", **more}
        return str((await self.do("POST", f"modules/{module_id}/lessons", body))["id"])

    async def read(self, course: Made) -> Made:
        """The course now."""
        return dict(await self.do("GET", f"courses/{course['id']}"))


NewDesk = Callable[[Role], Awaitable[Desk]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def new_desk(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> NewDesk:
    """Seats somebody of a role."""

    async def seat(role: Role) -> Desk:
        person = await new_person(role)
        return Desk(client, person, bearer(await token_of(app, person)))

    return seat


@pytest_asyncio.fixture(loop_scope="session")
async def author(new_desk: NewDesk) -> Desk:
    """An instructor."""
    return await new_desk(Role.INSTRUCTOR)


@pytest_asyncio.fixture(loop_scope="session")
async def editor(new_desk: NewDesk) -> Desk:
    """Somebody who publishes."""
    return await new_desk(Role.CONTENT_ADMIN)
