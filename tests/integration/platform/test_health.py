"""Health routes, problems and pages, and what the API answers while something is down."""

import dataclasses

import asyncpg
import httpx
import pytest
from litestar import Litestar
from redis.asyncio import Redis
from temporalio.client import Client

import db.engine
from api.app import create_app
from api.http.problem_table import PROBLEMS
from bootstrap import Services
from domain.identity.roles import Role
from tests.integration.conftest import NewPerson, bearer, client_of, token_of

NOBODY = "127.0.0.1:1"


async def test_all_is_well(client: httpx.AsyncClient) -> None:
    live = await client.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ok", "dependencies": {"postgres": "ok", "valkey": "ok", "temporal": "ok"}},
    )


async def test_each_dependency_that_is_down_is_named(services: Services) -> None:
    temporal = await Client.connect(NOBODY, lazy=True)
    down = dataclasses.replace(services, redis=Redis.from_url(f"redis://{NOBODY}"), temporal=temporal)
    async with client_of(create_app(down)) as client:
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["status"] == "error"
        assert ready.json()["dependencies"]["postgres"] == "ok"
        assert set(ready.json()["dependencies"].values()) <= {"ok", "error", "timeout"}
        assert "ok" not in (ready.json()["dependencies"]["valkey"], ready.json()["dependencies"]["temporal"])
        assert (await client.get("/health/live")).status_code == 200


async def test_without_postgresql_every_route_says_503_and_nothing_inner(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await token_of(app, await new_person(Role.STUDENT))
    async with asyncpg.create_pool("postgresql://nobody@127.0.0.1:1/none", min_size=0) as nobody:
        monkeypatch.setattr(db.engine.DB, "pool", nobody)
        for answer in [
            await client.get("/api/v1/auth/me", headers=bearer(token)),
            await client.post("/api/v1/auth/login", json={"email": "a@b.example", "password": "x"}),
            await client.post("/api/v1/auth/refresh", json={"refreshToken": "x"}),
        ]:
            assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
            assert int(answer.headers["retry-after"]) > 0
            assert "127.0.0.1:1" not in answer.text
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["dependencies"]["postgres"]) == (503, "error")
    monkeypatch.undo()
    assert (await client.get("/api/v1/auth/me", headers=bearer(token))).status_code == 200


async def test_an_unexpected_error_says_nothing_inner(
    client: httpx.AsyncClient, app: Litestar, new_person: NewPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: str) -> None:
        raise RuntimeError("secret@example.org")

    monkeypatch.setattr("api.identity.controller.profile_of", fails)
    token = await token_of(app, await new_person(Role.STUDENT))
    answer = await client.get("/api/v1/auth/me", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


async def test_problems_of_routing(client: httpx.AsyncClient) -> None:
    missing = await client.get("/nowhere")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    wrong = await client.delete("/health/live")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["allow"]
    for answer in (missing, wrong):
        assert answer.headers["content-type"] == "application/problem+json"


async def test_every_problem_has_its_page(client: httpx.AsyncClient) -> None:
    for code, kind in PROBLEMS.items():
        page = await client.get(f"/problems/{code}")
        assert page.status_code == 200
        assert kind.title.split("'")[0] in page.text
    assert (await client.get("/problems/unheard_of")).status_code == 404


async def test_the_documentation_needs_nobody_else(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    page = await client.get("/docs")
    assert page.status_code == 200
    for path in document["paths"]:
        assert f"<code>{path}</code>" in page.text
    assert "<script" not in page.text
    assert "src=" not in page.text
    assert "https://" not in page.text
