"""Accounts and sessions on real PostgreSQL and Valkey."""

import asyncio
import dataclasses

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from litestar import Litestar
from pydantic import SecretStr
from redis.asyncio import Redis

from api.app import create_app
from api.identity.tokens import AUDIENCE
from bootstrap import Services
from db.sql import fetch, fetch_one
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.conftest import PASSWORD, NewPerson, bearer, client_of

AUTH = "/api/v1/auth"
JSON_UTF8 = "application/json; charset=utf-8"


async def log_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post(f"{AUTH}/login", json={"email": email, "password": password})


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(f"{AUTH}/refresh", json={"refreshToken": token})


async def status_of_me(client: httpx.AsyncClient, access_token: str) -> int:
    return (await client.get(f"{AUTH}/me", headers=bearer(access_token))).status_code


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem, whose form is checked on the way."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].endswith(f"/problems/{problem['code']}")
    assert problem["requestId"] == answer.headers["x-request-id"]
    return answer.status_code, problem["code"]


async def test_register_log_in_and_see_oneself(client: httpx.AsyncClient) -> None:
    email = f"{new_id()}@Example.ORG"
    body = {"email": f" {email} ", "password": PASSWORD, "name": "  Asha   Menon "}
    registered = await client.post(f"{AUTH}/register", json=body)
    assert registered.status_code == 201, registered.text
    me = registered.json()
    assert (
        me.items()
        >= {
            "email": email.lower(),
            "name": "Asha Menon",
            "roles": ["Student"],
            "permissions": ["course:enroll", "course:view"],
            "locale": "en",
            "timeZone": "Asia/Kolkata",
        }.items()
    )
    logged_in = await log_in(client, email.upper())
    assert logged_in.status_code == 200
    assert set(logged_in.json()) == {"accessToken", "refreshToken", "expiresIn"}
    assert logged_in.json()["expiresIn"] == 900
    assert logged_in.headers["cache-control"] == "no-store"
    seen = await client.get(f"{AUTH}/me", headers=bearer(logged_in.json()["accessToken"]))
    assert seen.json() == me

    again = await client.post(f"{AUTH}/register", json={**body, "email": email.swapcase()})
    assert code_of(again) == (409, "email_taken")
    stored = await fetch_one("SELECT password_hash FROM users WHERE id = $1", me["id"])
    assert stored is not None
    assert stored["password_hash"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_two_registrations_at_once_make_one_account(client: httpx.AsyncClient) -> None:
    body = {"email": f"{new_id()}@example.org", "password": PASSWORD, "name": "Twin"}
    answers = await asyncio.gather(*(client.post(f"{AUTH}/register", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_every_problem_of_a_registration_is_named_at_once(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{AUTH}/register", json={"email": "no", "password": "short", "name": " "})
    assert code_of(answer) == (422, "validation_failed")
    assert [error["field"] for error in answer.json()["errors"]] == ["email", "password", "name"]
    assert "short" not in answer.text


@pytest.mark.parametrize(
    "word", ["' OR '1'='1", "x'; DROP TABLE users; --", "\x00", "%", "admin@academy.example'--", "\\"]
)
async def test_what_looks_like_sql_is_only_a_wrong_login(client: httpx.AsyncClient, word: str) -> None:
    assert code_of(await log_in(client, word, word)) == (401, "credentials_refused")
    assert code_of(await refresh(client, word)) == (401, "refresh_token_refused")
    assert await status_of_me(client, "x" if word == "\x00" else word) == 401
    assert await fetch("SELECT 1 FROM users LIMIT 0") == []


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", "application/json", (400, "malformed_body")),
        (b"{", "application/json", (400, "malformed_body")),
        (b"\xff\xfe", "application/json", (400, "malformed_body")),
        (b"[" * 100_000, "application/json", (400, "malformed_body")),
        (b'{"email": "\\ud800", "password": "x"}', "application/json", (400, "malformed_body")),
        (b"null", "application/json", (422, "validation_failed")),
        (b"[]", "application/json", (422, "validation_failed")),
        (b'{"email": 5, "password": []}', "application/json", (422, "validation_failed")),
        (b'{"email": "a@b.example"}', "application/json", (422, "validation_failed")),
        (b'{"email": "a@b.example", "password": "' + b"x" * 100_000 + b'"}', JSON_UTF8, (401, "credentials_refused")),
        (b'{"email": "' + b"x" * 1_000_000 + b'"}', "application/json", (413, "body_too_large")),
        (b"email=a&password=b", "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
        (b'{"email": "a@b.example", "password": "x"}', "text/plain", (415, "unsupported_media_type")),
    ],
)  # fmt: skip
async def test_bodies_that_are_none(
    client: httpx.AsyncClient, body: bytes, content_type: str, expected: tuple[int, str]
) -> None:
    answer = await client.post(f"{AUTH}/login", content=body, headers={"Content-Type": content_type})
    assert code_of(answer) == expected
    assert "Traceback" not in answer.text
    assert len(answer.content) < 2_000


async def test_a_refresh_token_works_once_and_its_reuse_ends_the_session(
    client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    person = await new_person()
    first = (await log_in(client, person.email)).json()
    other_device = (await log_in(client, person.email)).json()
    second = (await refresh(client, first["refreshToken"])).json()
    assert second["refreshToken"] != first["refreshToken"]
    assert await status_of_me(client, second["accessToken"]) == 200

    assert code_of(await refresh(client, first["refreshToken"])) == (401, "refresh_token_refused")
    assert code_of(await refresh(client, second["refreshToken"])) == (401, "refresh_token_refused")
    assert await status_of_me(client, first["accessToken"]) == 401
    assert await status_of_me(client, second["accessToken"]) == 401
    assert await status_of_me(client, other_device["accessToken"]) == 200

    session = jwt.decode(first["accessToken"], options={"verify_signature": False})["sid"]
    trail = await fetch(
        "SELECT action, actor_id, details::text AS why FROM audit_events WHERE subject_id = $1", session
    )
    assert [(row["action"], row["actor_id"]) for row in trail] == [("session.revoked", person.id)]
    assert "refresh_token_reused" in trail[0]["why"]


async def test_of_doubled_refreshes_exactly_one_wins(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    person = await new_person()
    for _ in range(5):
        token = (await log_in(client, person.email)).json()["refreshToken"]
        answers = await asyncio.gather(*(refresh(client, token) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [200, 401]


async def test_refresh_tokens_are_stored_as_hashes_only(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    token = (await log_in(client, (await new_person()).email)).json()["refreshToken"]
    assert await fetch_one("SELECT 1 FROM refresh_tokens t WHERE t::text LIKE '%' || $1 || '%'", token) is None


async def test_an_expired_session_cannot_be_prolonged_and_is_no_reuse(
    client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    person = await new_person()
    pair = (await log_in(client, person.email)).json()
    await fetch("UPDATE auth_sessions SET expires_at = now() WHERE user_id = $1", person.id)
    assert code_of(await refresh(client, pair["refreshToken"])) == (401, "refresh_token_refused")
    assert await status_of_me(client, pair["accessToken"]) == 401
    assert await fetch("SELECT 1 FROM audit_events WHERE actor_id = $1", person.id) == []


async def test_logging_out_ends_both_tokens_at_once(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    pair = (await log_in(client, (await new_person()).email)).json()
    answer = await client.post(f"{AUTH}/logout", headers=bearer(pair["accessToken"]))
    assert (answer.status_code, answer.content) == (204, b"")
    assert await status_of_me(client, pair["accessToken"]) == 401
    assert code_of(await refresh(client, pair["refreshToken"])) == (401, "refresh_token_refused")
    again = await client.post(f"{AUTH}/logout", headers=bearer(pair["accessToken"]))
    assert code_of(again) == (401, "login_required")
    assert again.headers["www-authenticate"].startswith("Bearer")


async def test_a_disabled_account_is_out_at_once(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    person = await new_person()
    pair = (await log_in(client, person.email)).json()
    await fetch("UPDATE users SET disabled_at = now() WHERE id = $1", person.id)
    assert await status_of_me(client, pair["accessToken"]) == 401
    assert code_of(await refresh(client, pair["refreshToken"])) == (401, "refresh_token_refused")
    assert code_of(await log_in(client, person.email)) == (403, "account_disabled")
    # Only who knows the password learns that the account is disabled.
    assert code_of(await log_in(client, person.email, "another password")) == (401, "credentials_refused")


async def test_a_changed_role_acts_at_once(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    person = await new_person(Role.SUPER_ADMIN)
    token = (await log_in(client, person.email)).json()["accessToken"]
    decoded = {"json": {"payloads": []}, "headers": bearer(token)}
    assert (await client.post("/codec/decode", **decoded)).status_code == 200  # type: ignore[arg-type]
    await fetch("UPDATE users SET roles = '{Student}' WHERE id = $1", person.id)
    assert (await client.post("/codec/decode", **decoded)).status_code == 403  # type: ignore[arg-type]


async def test_keys_rotate_without_logging_anybody_out(
    services: Services, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    token = (await log_in(client, (await new_person()).email)).json()["accessToken"]
    old = services.settings.jwt_keys.get_secret_value()
    new = "next:a brand new secret of more than 32 bytes"
    for setting, expected in ((f"{new},{old}", 200), (new, 401)):
        async with client_of(create_app(with_keys(services, setting))) as rotated:
            assert await status_of_me(rotated, token) == expected


async def test_tokens_that_say_they_need_no_signature(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    person = await new_person()
    token = (await log_in(client, person.email)).json()["accessToken"]
    header, claims, signature = token.split(".")
    none = jwt.encode({"sub": person.id, "aud": AUDIENCE}, "", algorithm="none").split(".")[0]
    for forged in (f"{none}.{claims}.", f"{none}.{claims}.{signature}", f"{header}.{claims}.", f"{header}.{claims}"):
        assert await status_of_me(client, forged) == 401


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer x", "Bearer a b", "ÿ", "Bearer ÿ"])
async def test_headers_that_are_no_login(client: httpx.AsyncClient, value: str) -> None:
    answer = await client.get(f"{AUTH}/me", headers={b"Authorization": value.encode("latin-1")})
    assert code_of(answer) == (401, "login_required")


async def test_hashes_of_other_parameters_are_renewed_at_login(
    client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    person = await new_person()
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    await fetch("UPDATE users SET password_hash = $2 WHERE id = $1", person.id, weak)
    for _ in range(2):
        assert (await log_in(client, person.email)).status_code == 200
        row = await fetch_one("SELECT password_hash FROM users WHERE id = $1", person.id)
        assert row is not None
        assert "m=65536,t=3,p=4" in row["password_hash"]


async def test_an_account_closes_its_door_after_ten_failures(app: Litestar, new_person: NewPerson) -> None:
    person, other = await new_person(), await new_person()
    async with client_of(app, "192.0.2.10") as thief, client_of(app, "192.0.2.11") as owner:
        tries = await asyncio.gather(*(log_in(thief, person.email, f"guess number {n}") for n in range(15)))
        assert sorted(answer.status_code for answer in tries) == [401] * 10 + [429] * 5
        # Also for the owner, from elsewhere and with the right password: who asks is not known.
        refused = await log_in(owner, person.email.upper())
        assert code_of(refused) == (429, "too_many_requests")
        assert 0 < int(refused.headers["retry-after"]) <= 15 * 60
        assert (await log_in(thief, other.email)).status_code == 200


async def test_success_forgets_failures(app: Litestar, new_person: NewPerson) -> None:
    person = await new_person()
    async with client_of(app, "192.0.2.12") as client:
        for _ in range(2):
            failed = [await log_in(client, person.email, "a wrong password") for _ in range(9)]
            assert {answer.status_code for answer in failed} == {401}
            assert (await log_in(client, person.email)).status_code == 200


async def test_an_address_closes_after_a_hundred_failures(app: Litestar, new_person: NewPerson) -> None:
    person = await new_person()
    async with client_of(app, "192.0.2.13") as guesser, client_of(app, "192.0.2.14") as owner:
        # Too long a password is refused without the cost of a hash.
        failed = await asyncio.gather(*(log_in(guesser, f"{n}@nobody.example", "x" * 300) for n in range(105)))
        assert sorted(answer.status_code for answer in failed) == [401] * 100 + [429] * 5
        assert (await log_in(guesser, person.email)).status_code == 429
        assert (await log_in(owner, person.email)).status_code == 200


async def test_without_valkey_logins_work_and_are_still_counted(services: Services, new_person: NewPerson) -> None:
    person = await new_person()
    async with Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=1) as nobody:
        app = create_app(dataclasses.replace(services, redis=nobody))
        async with client_of(app, "192.0.2.15") as client, asyncio.timeout(30):
            assert (await log_in(client, person.email)).status_code == 200
            tries = [await log_in(client, person.email, "x" * 300) for _ in range(12)]
            assert [answer.status_code for answer in tries] == [401] * 10 + [429] * 2


def with_keys(services: Services, setting: str) -> Services:
    settings = services.settings.model_copy(update={"jwt_keys": SecretStr(setting)})
    return dataclasses.replace(services, settings=settings)
