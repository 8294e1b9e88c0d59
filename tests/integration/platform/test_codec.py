"""The codec endpoint of the Temporal UI."""

import base64
from typing import Any

import httpx
from litestar import Litestar
from temporalio.api.common.v1 import Payload

from bootstrap import Services
from db.sql import fetch, fetch_one
from domain.identity.roles import Role
from tests.integration.conftest import PASSWORD, NewPerson, bearer, client_of, token_of

PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'{"amount":"1180.00"}')
JsonPayload = dict[str, Any]


def as_json(payload: Payload) -> JsonPayload:
    """As the UI sends it: protobuf JSON, bytes in base64."""
    metadata = {name: base64.b64encode(value).decode() for name, value in payload.metadata.items()}
    return {"metadata": metadata, "data": base64.b64encode(payload.data).decode()}


async def post(client: httpx.AsyncClient, path: str, body: object, token: str, **headers: str) -> httpx.Response:
    return await client.post(path, json=body, headers={**bearer(token), "X-Namespace": "default", **headers})


async def test_what_is_encrypted_comes_back_plain_and_the_reading_is_recorded(
    services: Services, app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    admin = await new_person(Role.SUPER_ADMIN)
    token = await token_of(app, admin)
    [sealed] = await services.codec.encode([PLAIN])
    answer = await post(client, "/codec/decode", {"payloads": [as_json(sealed), as_json(PLAIN)]}, token)
    assert answer.status_code == 200, answer.text
    # The second was not encrypted and passes through, so that a typed update works.
    assert answer.json() == {"payloads": [as_json(PLAIN), as_json(PLAIN)]}

    [event] = await fetch("SELECT * FROM audit_events WHERE actor_id = $1", admin.id)
    assert (event["action"], event["subject_type"], event["subject_id"]) == ("payloads.decoded", "namespace", "default")
    assert event["details"] == '{"count": 2}'


async def test_encode_makes_what_a_worker_can_read(
    services: Services, app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    token = await token_of(app, await new_person(Role.SUPER_ADMIN))
    answer = await post(client, "/codec/encode", {"payloads": [as_json(PLAIN)]}, token)
    [sealed] = answer.json()["payloads"]
    assert base64.b64decode(sealed["metadata"]["encoding"]) == b"binary/encrypted"
    assert "1180" not in base64.b64decode(sealed["data"]).decode("latin-1")
    payload = Payload(
        metadata={name: base64.b64decode(value) for name, value in sealed["metadata"].items()},
        data=base64.b64decode(sealed["data"]),
    )
    assert await services.codec.decode([payload]) == [PLAIN]


async def test_a_page_of_history_fits(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> None:
    token = await token_of(app, await new_person(Role.SUPER_ADMIN))
    many = {"payloads": [as_json(Payload(metadata={"encoding": b"json/plain"}, data=b"x" * 20_000))] * 100}
    assert (await post(client, "/codec/encode", many, token)).status_code == 200


async def test_what_is_no_payload_is_a_problem(
    services: Services, app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    token = await token_of(app, await new_person(Role.SUPER_ADMIN))
    [sealed] = await services.codec.encode([PLAIN])
    broken, foreign = Payload(), Payload()
    broken.CopyFrom(sealed)
    broken.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
    foreign.CopyFrom(sealed)
    foreign.metadata["encryption-key-id"] = b"lost"
    for payload in (broken, foreign, Payload(metadata={"encoding": b"binary/encrypted"}, data=b"x")):
        answer = await post(client, "/codec/decode", {"payloads": [as_json(payload)]}, token)
        assert (answer.status_code, answer.json()["code"]) == (422, "payload_not_readable")
    bodies: list[object] = [{"payloads": 5}, {"payloads": [{"data": "a"}]}, {"payloads": [5]}, [], "x"]
    for body in bodies:
        answer = await post(client, "/codec/decode", body, token)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), body
    assert (await post(client, "/codec/decode", {}, token)).json() == {}


async def test_only_the_ui_may_call_from_a_browser(
    services: Services, app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    origin = services.settings.temporal_ui_url
    asks = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-namespace",
    }
    preflight = await client.options("/codec/decode", headers={"Origin": origin, **asks})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert preflight.headers["access-control-allow-credentials"] == "true"
    assert preflight.headers["access-control-allow-methods"] == "POST"
    allowed = preflight.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "x-namespace"} <= set(allowed)

    # A refusal must be readable, too, or the UI cannot say that a login is missing.
    refused = await client.post("/codec/decode", json={}, headers={"Origin": origin})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin

    token = await token_of(app, await new_person(Role.SUPER_ADMIN))
    for other in (origin + "0", origin.replace("http", "https"), "null", "http://evil.example", "*"):
        answers = [
            await client.options("/codec/decode", headers={"Origin": other, **asks}),
            await post(client, "/codec/decode", {}, token, Origin=other),
        ]
        for answer in answers:
            assert not [name for name in answer.headers if name.startswith("access-control")], other
    elsewhere = await client.options("/api/v1/auth/me", headers={"Origin": origin, **asks})
    assert "access-control-allow-origin" not in elsewhere.headers


async def test_the_login_page_sets_a_cookie_that_opens_the_codec_and_nothing_else(
    app: Litestar, new_person: NewPerson
) -> None:
    admin = await new_person(Role.SUPER_ADMIN)
    async with client_of(app, "192.0.2.20") as browser:
        page = await browser.get("/codec/login")
        assert page.headers["content-type"].startswith("text/html")
        assert '<form method="post" action="/codec/login">' in page.text
        answer = await browser.post("/codec/login", data={"email": admin.email, "password": PASSWORD})
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"].lower()
        for part in ("httponly", "samesite=strict", "path=/codec", "max-age=900"):
            assert part in cookie
        assert (await browser.post("/codec/decode", json={"payloads": [as_json(PLAIN)]})).status_code == 200
        assert (await browser.get("/api/v1/auth/me")).status_code == 401
        token = browser.cookies["codec_access"]
        browser.cookies.set("codec_access", token, domain="academy.test", path="/")
        assert (await browser.get("/api/v1/auth/me")).status_code == 401
        # No form of a foreign page can send JSON.
        assert (await browser.post("/codec/decode", data={"payloads": "x"})).status_code == 415


async def test_the_login_page_refuses_others(app: Litestar, new_person: NewPerson) -> None:
    student = await new_person(Role.STUDENT)
    async with client_of(app, "192.0.2.21") as browser:
        cases = [
            ({"email": student.email, "password": PASSWORD}, 403, "Not allowed"),
            ({"email": student.email, "password": "wrong"}, 401, "E-mail or password is wrong"),
            ({"email": "<script>", "password": "<script>"}, 401, "E-mail or password is wrong"),
        ]
        for form, status, words in cases:
            answer = await browser.post("/codec/login", data=form)
            assert (answer.status_code, words in answer.text) == (status, True)
            assert "set-cookie" not in answer.headers
            assert "<script>" not in answer.text
    open_session = await fetch_one("SELECT 1 FROM auth_sessions WHERE user_id = $1 AND revoked_at IS NULL", student.id)
    assert open_session is None
