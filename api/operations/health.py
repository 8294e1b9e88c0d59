"""Is this process alive, and does everything answer that it depends on?"""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import structlog
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

from api.access import PUBLIC, requires
from api.http.rates import UNLIMITED
from api.http.schemas import ApiStruct
from bootstrap import Services
from db.sql import fetch

log = structlog.get_logger()

CHECK_SECONDS = 2.0
"""Longer than this is no answer: whoever asks wants to know soon."""


class Liveness(ApiStruct):
    """The answer of a process that answers."""

    status: str = "ok"


class Readiness(ApiStruct):
    """`ok` when every dependency is; else `error`, with 503."""

    status: str
    dependencies: dict[str, str]
    """`postgres`, `valkey`, `temporal`: `ok`, `timeout` or `error`."""


@get("/health/live", operation_id="getLiveness", tags=["Operations"], **requires(PUBLIC, rate=UNLIMITED))
async def live() -> Liveness:
    """Whether the process answers; it asks nobody else, so that an outage elsewhere restarts nothing."""
    return Liveness()


@get(
    "/health/ready",
    operation_id="getReadiness",
    tags=["Operations"],
    responses={
        HTTP_503_SERVICE_UNAVAILABLE: ResponseSpec(Readiness, generate_examples=False, description="Not ready.")
    },
    **requires(PUBLIC, rate=UNLIMITED),
)
async def ready(services: NamedDependency[Services]) -> Response[Readiness]:
    """Whether every dependency answers within two seconds, each by name; 503 when one does not."""
    checks: dict[str, Awaitable[object]] = {
        "postgres": fetch("SELECT 1"),
        "valkey": services.redis.ping(),
        "temporal": services.temporal.service_client.check_health(timeout=timedelta(seconds=CHECK_SECONDS)),
    }
    words = await asyncio.gather(*(_word_for(name, check) for name, check in checks.items()))
    dependencies = dict(zip(checks, words, strict=True))
    fine = set(words) == {"ok"}
    return Response(
        Readiness(status="ok" if fine else "error", dependencies=dependencies),
        status_code=HTTP_200_OK if fine else HTTP_503_SERVICE_UNAVAILABLE,
        headers={"Cache-Control": "no-store"},
    )


async def _word_for(name: str, check: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check
    except TimeoutError:
        return "timeout"
    except Exception as error:
        log.warning("not_ready", dependency=name, error=type(error).__name__)
        return "error"
    return "ok"
