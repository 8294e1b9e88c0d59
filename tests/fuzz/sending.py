"""Sends a generated request as everybody, in this process, and judges the answers."""

import asyncio
import random
import traceback
from collections.abc import Callable
from typing import Any, cast

import httpx

from tests.fuzz.good import Parts, good_parts
from tests.fuzz.good_authoring import AUTHORING, authoring_parts
from tests.fuzz.spoiling import Kind, content_of, headers_of, parts_of, query_of, spoiled
from tests.fuzz.verdicts import AnyCase, Verdicts, operation_id
from tests.fuzz.world import Caller, World

BASE = "http://academy.test"
PATIENCE_SECONDS = 30.0
ENDS_SESSIONS = ("logOut", "endSession", "endOtherSessions", "changePassword")


class Sender:
    """Every request seems to come from another address."""

    def __init__(self, world: World, verdicts: Verdicts, spoilers: int | None = None) -> None:
        """`spoilers` is how many callers send each spoiled request; all when it is `None`."""
        self.sent = 0
        self._spoilers = spoilers
        self._world = world
        self._verdicts = verdicts

    async def as_everybody(self, case: AnyCase, kind: Kind, salt: int) -> None:
        """Send a request of this kind once for each caller; a spoiled one for some of them, drawn by the salt."""
        await self._forget_tries()
        callers = list(self._world.callers)
        if kind is not Kind.GOOD and self._spoilers is not None:
            callers = random.Random(salt).sample(callers, self._spoilers)
        for caller in callers:
            # Everybody sends the same generated case, spoiled in another way: eight tries instead of one.
            rng = random.Random(f"{salt}:{caller.name}")
            sound = await good_parts(operation_id(case), self._world, caller, rng)
            parts = spoiled(kind, parts_of(case), await self._known(operation_id(case), rng), sound, rng)
            await self._send(case, kind, caller, parts)
            if operation_id(case) in ENDS_SESSIONS:
                await self._world.start_anew(caller)

    async def _known(self, operation: str, rng: random.Random) -> Callable[[str], str]:
        """Ids that exist, one's own or another's. Editors may change any course: they get some that nobody needs."""
        if operation not in AUTHORING:
            return lambda name: self._world.any_of(name, rng)
        path, _ = await authoring_parts(operation, self._world, rng.choice(self._world.callers))
        return lambda name: path.get(name) or self._world.any_of(name, rng)

    async def _send(self, case: AnyCase, kind: Kind, caller: Caller, parts: Parts) -> None:
        headers = headers_of(parts)
        if not any(name.lower() == b"authorization" for name, _ in headers):
            login = await self._world.login(caller)
            headers += [(name.encode(), value.encode()) for name, value in login.items()]
        path = case.operation.path.format_map(parts.path)
        content = content_of(parts.body)
        request = httpx.Request(case.method, f"{BASE}{path}?{query_of(parts.query)}", headers=headers, content=content)
        told = f"{kind} as {caller.name}: {request.method} {str(request.url)[:300]}"
        told += f"\n    {_shown(parts.headers)} {content[:300]!r}"
        answer = await self.answer_to(request, f"{operation_id(case)}", told)
        if answer is None:
            return
        self._verdicts.judge(case, answer, told)
        if answer.is_success and answer.headers.get("content-type", "").startswith("application/json"):
            self._world.learn(operation_id(case), caller, answer.json())

    async def answer_to(self, request: httpx.Request, name: str, told: str) -> httpx.Response | None:
        """The answer, once what follows it is done, too; none when something was raised, which is noted."""
        self.sent += 1
        address = f"10.{self.sent >> 16 & 255}.{self.sent >> 8 & 255}.{self.sent & 255}"
        transport = httpx.ASGITransport(cast(Any, self._world.app), client=(address, 50_000))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), httpx.AsyncClient(transport=transport) as client:
                return await client.send(request)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._verdicts.fail(f"{name}: raised {type(error).__name__} in {where.name}", told)
            return None

    async def _forget_tries(self) -> None:
        """Empty the throttle of logins and mails: with it, most answers would be 429."""
        redis = self._world.services.redis
        if keys := await redis.keys("throttle*"):
            await redis.delete(*keys)


def _shown(headers: dict[str, str]) -> str:
    return " ".join(f"{name}: {str(value)[:80]!a}" for name, value in headers.items())
