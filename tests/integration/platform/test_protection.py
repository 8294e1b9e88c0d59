"""Limits in a real Valkey, across processes and when it is gone; headers and CORS on every kind of answer."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as ValkeyGoneError

import api.http.rates
from api.access import declared_handlers
from api.app import create_app
from api.http.rates import PAGES_DRAWN, UNLIMITED
from bootstrap import Services
from cache.buckets import Buckets, Rate
from domain.identifiers import new_id
from tests.integration.conftest import NewPerson, bearer, client_of, token_of

APP = "https://app.example"
PROXY = "192.0.2.77"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow moment of this machine is not Valkey's end: without this nobody would be counted for two seconds."""
    monkeypatch.setattr(api.http.rates, "PATIENCE_SECONDS", 30.0)


@pytest.fixture
def limited(services: Services) -> Services:
    """Services with small limits: 40 a minute of an address, 10 at once; 16 of a user, 4 at once."""
    return with_settings(services, rate_limit_per_address=40, rate_limit_per_user=16)


@pytest.fixture
def address() -> str:
    """An IPv6 address in a /64 of its own, so that no test meets the bucket of another."""
    return "2001:db8:" + new_id()[-9:-5] + ":" + new_id()[-4:] + "::1"


@pytest_asyncio.fixture
async def buckets(services: Services) -> AsyncIterator[Buckets]:
    yield Buckets(services.redis)


def with_settings(services: Services, **changes: object) -> Services:
    return replace(services, settings=services.settings.model_copy(update=changes))


async def statuses(client: httpx.AsyncClient, path: str, count: int, **more: object) -> list[int]:
    answers = await asyncio.gather(*(client.get(path, **more) for _ in range(count)))  # type: ignore[arg-type]
    return sorted(answer.status_code for answer in answers)


async def valkey_ms(redis: Redis) -> float:
    """The clock that fills the buckets."""
    seconds, microseconds = await redis.time()
    return float(seconds * 1000 + microseconds / 1000)


async def assert_limited(redis: Redis, rate: Rate, asking: Awaitable[list[int]], passed: int = 200) -> None:
    """The burst passes, and what the bucket's own clock filled in meanwhile; all others are refused."""
    began = await valkey_ms(redis)
    got = await asking
    filled = math.ceil((await valkey_ms(redis) - began) * rate.per_minute / 60_000)
    assert rate.burst <= got.count(passed) <= rate.burst + filled, f"{filled} were filled in meanwhile: {got}"
    assert 0 < got.count(429) == len(got) - got.count(passed)


async def test_a_bucket_gives_its_burst_once_however_many_ask_at_once(buckets: Buckets) -> None:
    name, rate = new_id(), Rate(per_minute=1, burst=50)
    taken = await asyncio.gather(*(buckets.take(name, rate, 3) for _ in range(100)))
    assert sum(one.tokens for one in taken) == 50
    # About a minute: clocks of two cores may differ, so that a later look may seem a little earlier.
    assert all(30_000 < one.wait_ms < 61_000 for one in taken if not one.tokens)


async def test_a_bucket_fills_at_its_rate_and_its_key_goes_when_full(buckets: Buckets, services: Services) -> None:
    name, rate = new_id(), Rate(per_minute=600, burst=2)  # a token each 100 ms
    before = set(await services.redis.keys("rate:*"))
    assert (await buckets.take(name, rate, 5)).tokens == 2
    (key,) = set(await services.redis.keys("rate:*")) - before
    refused = await buckets.take(name, rate)
    told_at = await valkey_ms(services.redis)
    assert 0 < refused.wait_ms <= 100
    assert 0 < await services.redis.pttl(key) <= 200
    while await valkey_ms(services.redis) < told_at + refused.wait_ms:  # what the bucket itself said, by its clock
        await asyncio.sleep(0.01)
    assert (await buckets.take(name, rate)).tokens == 1


async def test_an_address_is_refused_beyond_its_burst_in_all_processes(services: Services, address: str) -> None:
    slow = with_settings(services, rate_limit_per_address=4)  # one at once, and a token each 15 seconds
    async with client_of(create_app(slow), address) as one, client_of(create_app(slow), address) as other:
        assert await statuses(one, "/problems/not_found", 1) == [200]
        neighbour = address.replace("::1", ":9::2")
        assert await statuses(other, "/problems/not_found", 5) == [429] * 5, "another process counts in the same bucket"
        async with client_of(create_app(slow), neighbour) as same_network:
            refused = await same_network.get("/problems/not_found")
        assert refused.status_code == 429, "another address of its /64 is the same caller"
        assert refused.json()["code"] == "too_many_requests"
        assert 1 <= int(refused.headers["retry-after"]) <= 15
        assert refused.headers["content-type"] == "application/problem+json"
    async with client_of(create_app(slow), "198.51.100." + str(int(new_id()[-2:], 16))) as somebody_else:
        assert (await somebody_else.get("/problems/not_found")).status_code == 200


async def test_all_at_once_get_exactly_the_burst(limited: Services, address: str) -> None:
    """Several tokens are taken together, and none is lost."""
    async with client_of(create_app(limited), address) as client:
        await assert_limited(limited.redis, Rate(40, 10), statuses(client, "/problems/not_found", 30))


async def test_a_user_is_counted_from_wherever(services: Services, new_person: NewPerson) -> None:
    app = create_app(with_settings(services, rate_limit_per_address=10_000, rate_limit_per_user=16))
    login = bearer(await token_of(app, await new_person()))
    other = bearer(await token_of(app, await new_person()))
    async with client_of(app, "198.51.100.1") as here, client_of(app, "198.51.100.2") as there:

        async def from_both() -> list[int]:
            return [
                *await statuses(here, "/api/v1/auth/me", 4, headers=login),
                *await statuses(there, "/api/v1/auth/me", 8, headers=login),
            ]

        await assert_limited(services.redis, Rate(16, 4), from_both())
        assert (await here.get("/api/v1/auth/me", headers=other)).status_code == 200


async def test_a_route_with_a_rate_of_its_own_is_counted_by_itself(services: Services, new_person: NewPerson) -> None:
    app = create_app(with_settings(services, rate_limit_per_address=100_000, rate_limit_per_user=100_000))
    login = bearer(await token_of(app, await new_person()))
    async with client_of(app, "198.51.100.3") as client:
        path = f"/api/v1/purchases/{new_id()}/invoice.pdf"
        asking = statuses(client, path, PAGES_DRAWN.burst * 3, headers=login)
        await assert_limited(services.redis, PAGES_DRAWN, asking, passed=404)
        assert (await client.get("/api/v1/auth/me", headers=login)).status_code == 200


async def test_probes_and_webhooks_always_get_through(limited: Services, app: Litestar, address: str) -> None:
    open_routes = {path for path, handler in declared_handlers(app) if handler.opt["rate"] is UNLIMITED}
    assert {path for path in open_routes if not path.startswith("/api/v1/webhooks/")} == {
        "/health/live",
        "/health/ready",
    }
    async with client_of(create_app(limited), address) as client:
        assert await statuses(client, "/health/live", 30) == [200] * 30
        answers = [await client.post("/api/v1/webhooks/stripe", content=b"{}") for _ in range(15)]
        assert {answer.status_code for answer in answers} == {400}


async def test_without_valkey_nobody_is_refused(limited: Services, address: str) -> None:
    nowhere = Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    async with client_of(create_app(replace(limited, redis=nowhere)), address) as client:
        assert await statuses(client, "/problems/not_found", 50) == [200] * 50
    with pytest.raises(ValkeyGoneError):
        await nowhere.ping()


async def test_the_callers_address_comes_from_a_trusted_proxy_only(services: Services, address: str) -> None:
    settings = {"rate_limit_per_address": 40, "trusted_proxies": PROXY}
    app = create_app(with_settings(services, **settings))
    async with client_of(app, PROXY) as by_proxy:
        told = {"X-Forwarded-For": f"1.2.3.4, {address}"}
        liars = {"X-Forwarded-For": f"5.6.7.8, {address}"}

        async def by_both() -> list[int]:
            return [
                *await statuses(by_proxy, "/problems/not_found", 10, headers=told),
                *await statuses(by_proxy, "/problems/not_found", 10, headers=liars),
            ]

        await assert_limited(services.redis, Rate(40, 10), by_both())
        told["X-Forwarded-For"] = "2001:db8:ffff:" + new_id()[-4:] + "::1"
        assert (await by_proxy.get("/problems/not_found", headers=told)).status_code == 200
    liar = address.replace("2001:db8", "2001:db9")
    async with client_of(app, liar) as client:

        async def from_many() -> list[int]:
            told = [{"X-Forwarded-For": f"198.51.100.{n}"} for n in range(24)]
            return [(await client.get("/problems/not_found", headers=each)).status_code for each in told]

        await assert_limited(services.redis, Rate(40, 10), from_many())


@pytest.mark.parametrize("path", ["/health/live", "/docs", "/nowhere", "/api/v1/auth/me", "/api/v1/courses"])
async def test_every_kind_of_answer_carries_the_security_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert len(headers.get_list("content-security-policy")) == 1
    assert "strict-transport-security" not in headers, "the tests' address is not https"


async def test_https_is_remembered_by_browsers(services: Services) -> None:
    async with client_of(create_app(with_settings(services, public_base_url="https://academy.example"))) as client:
        assert (await client.get("/nowhere")).headers["strict-transport-security"] == "max-age=31536000"


async def test_what_a_login_sees_is_kept_by_nobody(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    login = bearer(await token_of(app, await new_person()))
    for path in ("/api/v1/auth/me", "/api/v1/me/purchases", f"/api/v1/purchases/{new_id()}"):
        assert (await client.get(path, headers=login)).headers["cache-control"] == "no-store"
    assert "no-store" not in (await client.get("/api/v1/courses")).headers["cache-control"]


async def test_cors_opens_the_api_to_the_named_origin_and_to_no_other(services: Services) -> None:
    asked = {"Origin": APP, "Access-Control-Request-Method": "POST"}
    async with client_of(create_app(with_settings(services, cors_origins=APP))) as client:
        preflight = await client.options("/api/v1/courses/x/purchases", headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == APP
        assert "idempotency-key" in preflight.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in preflight.headers
        for path in ("/api/v1/courses", "/api/v1/auth/me", "/api/v1/nowhere"):
            answer = await client.get(path, headers={"Origin": APP})
            assert answer.headers["access-control-allow-origin"] == APP
            assert "retry-after" in answer.headers["access-control-expose-headers"]
            assert "origin" in ", ".join(answer.headers.get_list("vary")).lower()
            for origin in ("https://app.example.evil.example", "http://app.example", "null"):
                stranger = await client.get(path, headers={"Origin": origin})
                assert "access-control-allow-origin" not in stranger.headers
                assert "origin" in ", ".join(stranger.headers.get_list("vary")).lower()
        for path in ("/codec/login", "/docs"):
            assert "access-control-allow-origin" not in (await client.get(path, headers={"Origin": APP})).headers
        refused = await client.options("/codec/decode", headers=asked)
        assert "access-control-allow-origin" not in refused.headers


async def test_without_a_setting_no_origin_is_let_in(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/courses", headers={"Origin": APP})
    assert "access-control-allow-origin" not in answer.headers
