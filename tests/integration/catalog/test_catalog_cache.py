"""What is kept of the catalog, for how long, and what happens without Valkey."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from redis.asyncio import Redis

from api.app import create_app
from api.catalog.cursor import encode_cursor
from bootstrap import Services
from cache.catalog import HOLD_SECONDS
from cache.store import PATIENCE_SECONDS
from db.queries.catalog import Position
from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.catalog.catalog_rows import LONG_AGO, add_course, add_lesson, add_module
from tests.integration.conftest import NewPerson, client_of

LIST = "/api/v1/courses"


@pytest_asyncio.fixture(loop_scope="session")
async def second(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Another instance of the API, as another process would be: what it holds is its own."""
    async with client_of(create_app(services)) as client:
        yield client


async def stored_keys(services: Services, pattern: str) -> list[str]:
    """The keys in Valkey that match."""
    return sorted([key.decode() async for key in services.redis.scan_iter(pattern)])


async def test_a_page_is_stored_under_the_briefs_key_for_an_hour(client: httpx.AsyncClient, services: Services) -> None:
    category = new_id()
    await add_course(category)
    await client.get(LIST, params={"category": category})
    (key,) = await stored_keys(services, f"course:list:{category}:*")
    assert 3500 < await services.redis.ttl(key) <= 3600


async def test_questions_that_anybody_can_make_up_are_not_stored(client: httpx.AsyncClient, services: Services) -> None:
    category = new_id()
    await add_course(category)
    await add_course(category, days=-1)
    made_up = encode_cursor(Position(LONG_AGO, "~"))
    for parameters in (
        {"q": "course"},
        {"priceMin": "1.5"},
        {"priceMax": "200"},
        {"cursor": made_up},
        {"level": "advanced"},
    ):
        answer = await client.get(LIST, params={"category": category, **parameters})
        assert answer.status_code == 200
    assert await stored_keys(services, f"course:list:{category}:*") == []
    first = await client.get(LIST, params={"category": category, "limit": "1"})
    await client.get(first.links["next"]["url"])
    assert len(await stored_keys(services, f"course:list:{category}:*")) == 2


async def test_every_change_shows_in_every_instance(
    client: httpx.AsyncClient, second: httpx.AsyncClient, new_person: NewPerson
) -> None:
    category, teacher = new_id(), await new_person(Role.INSTRUCTOR)
    course = await add_course(category, instructorId=teacher.id)
    module = await add_module(course, 1)
    lesson = await add_lesson(module, 1, preview=True)
    changes = [
        ("UPDATE courses SET title = 'changed' WHERE id = $1", course, "changed"),
        ("UPDATE course_modules SET title = 'renamed module' WHERE id = $1", module, "renamed module"),
        ("UPDATE course_lessons SET content = 'new words' WHERE id = $1", lesson, "new words"),
        ("INSERT INTO course_prices (id, course_id, currency, amount) VALUES ($1, $1, 'EUR', 7.25)", course, "7.25"),
        ("UPDATE users SET name = 'New Name' WHERE id = $1", teacher.id, "New Name"),
    ]
    for statement, row, sign in changes:
        for instance in (client, second):
            assert sign not in (await instance.get(f"{LIST}/{course}")).text
        await fetch(statement, row)
        await asyncio.sleep(HOLD_SECONDS)
        for instance in (client, second):
            assert sign in (await instance.get(f"{LIST}/{course}")).text

    for instance in (client, second):
        assert "changed" in (await instance.get(LIST, params={"category": category})).text
    await fetch('UPDATE courses SET "isPublished" = false WHERE id = $1', course)
    await asyncio.sleep(HOLD_SECONDS)
    for instance in (client, second):
        assert (await instance.get(LIST, params={"category": category})).json()["items"] == []
        assert (await instance.get(f"{LIST}/{course}")).status_code == 404


async def test_what_a_caller_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    category = new_id()
    await add_course(category)
    address = f"{LIST}?category={category}"
    cold, warm = await client.get(address), await client.get(address)
    assert cold.content == warm.content
    own = {"x-request-id"}
    assert {k: v for k, v in cold.headers.items() if k not in own} == {
        k: v for k, v in warm.headers.items() if k not in own
    }
    assert (warm.headers["cache-control"], warm.headers["vary"]) == ("no-cache", "Authorization")
    etag = warm.headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        answer = await client.get(address, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert (await client.get(address, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_without_valkey_everything_is_answered(services: Services) -> None:
    nobody = Redis(host="127.0.0.1", port=1, socket_connect_timeout=1)
    category = new_id()
    course = await add_course(category)
    async with client_of(create_app(replace(services, redis=nobody))) as client:
        for _ in range(3):
            assert len((await client.get(LIST, params={"category": category})).json()["items"]) == 1
            assert (await client.get(f"{LIST}/{course}")).status_code == 200
    await nobody.aclose()


async def test_a_valkey_that_does_not_answer_costs_one_request_a_moment(services: Services) -> None:
    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    silent = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    mute = Redis(host="127.0.0.1", port=port, socket_timeout=30)
    category = new_id()
    await add_course(category)
    async with client_of(create_app(replace(services, redis=mute))) as client:
        began = monotonic()
        for number in range(10):
            answer = await client.get(LIST, params={"category": category, "limit": str(number + 1)})
            assert answer.status_code == 200
        assert PATIENCE_SECONDS < monotonic() - began < 4 * PATIENCE_SECONDS
    await mute.aclose()
    silent.close()


@pytest.mark.parametrize("address", [LIST, f"{LIST}/{{course}}"])
async def test_bytes_of_another_release_in_valkey_are_no_answer(
    app: Litestar, client: httpx.AsyncClient, second: httpx.AsyncClient, services: Services, address: str
) -> None:
    category = new_id()
    path = address.format(course=await add_course(category))
    right = await client.get(path, params={"category": category})
    for key in await stored_keys(services, "course:*"):
        await services.redis.set(key, b"\x00not a page", ex=60)
    assert (await second.get(path, params={"category": category})).content == right.content
