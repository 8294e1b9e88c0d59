"""The real process: `python -m api`, over a socket."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from stack.embedded import EmbeddedStack
from stack.process import PROJECT, Part
from tests.integration.conftest import PASSWORD, NewPerson, bearer


@pytest_asyncio.fixture(loop_scope="session")
async def process(servers: EmbeddedStack) -> AsyncIterator[Part]:
    part = servers["api"]
    await part.start()
    yield part
    await part.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def remote(process: Part, servers: EmbeddedStack) -> AsyncIterator[httpx.AsyncClient]:
    base_url = f"http://127.0.0.1:{servers.settings.api_port}"
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=20) as client:
        yield client


async def test_a_person_s_way_through_the_real_process(remote: httpx.AsyncClient, new_person: NewPerson) -> None:
    assert (await remote.get("/health/ready")).json()["status"] == "ok"
    login = {"email": (await new_person()).email, "password": PASSWORD}
    pair = (await remote.post("/api/v1/auth/login", json=login)).json()
    me = await remote.get("/api/v1/auth/me", headers=bearer(pair["accessToken"]))
    assert me.json()["email"] == login["email"]
    answers = await asyncio.gather(
        *(remote.post("/api/v1/auth/refresh", json={"refreshToken": pair["refreshToken"]}) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 401]


async def test_a_huge_body_is_refused_also_in_chunks(remote: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_240

    for content in (b"x" * 1_024_000, chunks()):
        answer = await remote.post("/api/v1/auth/login", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert (await remote.get("/health/live")).status_code == 200


async def test_the_log_names_no_person_and_no_token(
    process: Part, remote: httpx.AsyncClient, new_person: NewPerson
) -> None:
    email = (await new_person()).email
    pair = (await remote.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})).json()
    answer = await remote.get(f"/api/v1/auth/me?email={email}", headers=bearer(pair["accessToken"]))
    log = process.log_file.read_text()
    assert f'"request_id":"{answer.headers["x-request-id"]}"' in log
    for secret in (email, PASSWORD, pair["accessToken"], pair["refreshToken"], "Test Person"):
        assert secret not in log


async def test_sigterm_lets_running_requests_finish(
    process: Part, remote: httpx.AsyncClient, new_person: NewPerson
) -> None:
    people = [await new_person() for _ in range(6)]
    await remote.get("/health/live")
    logins = [
        asyncio.create_task(remote.post("/api/v1/auth/login", json={"email": person.email, "password": PASSWORD}))
        for person in people
    ]
    await asyncio.sleep(0.1)  # two are being hashed, four wait for a thread
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    assert [(await login).status_code for login in logins] == [200] * len(people)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert '"event":"api_stopped"' in process.log_tail()


async def test_what_keeps_it_from_starting_is_one_line(servers: EmbeddedStack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        faults = {
            "API_PORT": str(taken.getsockname()[1]),
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "JWT_KEYS": "short:secret",
            "APP_ENV": "production",
        }
        for name, value in faults.items():
            ended = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "api"],
                env={**os.environ, **servers.environment, name: value},
                cwd=PROJECT,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            print(ended.stdout, ended.stderr)  # for the search of the session's logs
            assert ended.returncode == 1, name
            assert len(ended.stderr.strip().splitlines()) == 1, (name, ended.stderr)
            assert "Traceback" not in ended.stderr + ended.stdout
            assert value not in ended.stderr or name in ("API_PORT", "APP_ENV"), ended.stderr
