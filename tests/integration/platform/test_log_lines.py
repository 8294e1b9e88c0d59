"""The lines of real processes during a purchase: JSON, documented fields and no others, one id of request and story."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio

from domain.identifiers import new_id
from domain.identity.roles import Role
from logs import FIELDS
from stack.embedded import EmbeddedStack
from stack.process import Part
from tests.integration.catalog.catalog_rows import add_clinic, add_course
from tests.integration.conftest import PASSWORD, NewPerson, bearer
from tests.integration.stand_ins import eventually
from tests.leaks.lines import Line, lines_in

ALWAYS = {"timestamp", "level", "type", "service", "event"}
BILLING = {"name": "Test Person", "state": "KL", "postalCode": "682001", "country": "IN"}


class Log:
    """A part's lines since its latest start."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._begin = part.log_file.stat().st_size if part.log_file.exists() else 0

    def lines(self) -> list[Line]:
        with self._part.log_file.open(encoding="utf-8") as file:
            file.seek(self._begin)
            return lines_in(file.read())

    async def line(self, event: str, **fields: Any) -> Line:
        """The line, once it is there."""

        async def look() -> list[Line]:
            return [line for line in self.lines() if fields.items() <= line.items() and line["event"] == event]

        return (await eventually(look))[0]


class House:
    """API and worker as processes, their logs, and a caller."""

    def __init__(self, stack: EmbeddedStack, http: httpx.AsyncClient) -> None:
        self.http = http
        self.stripe = stack.settings.stripe_api_base
        self.api, self.worker = Log(stack["api"]), Log(stack["worker"])

    async def log_in(self, email: str) -> str:
        """An access token."""
        login = {"email": email, "password": PASSWORD}
        token: str = (await self.http.post("/api/v1/auth/login", json=login)).json()["accessToken"]
        return token

    async def buy(self, token: str, course_id: str) -> httpx.Response:
        """The answer to the order."""
        answer = await self.http.post(
            f"/api/v1/courses/{course_id}/purchases",
            json={"provider": "stripe", "billing": BILLING},
            headers={**bearer(token), "Idempotency-Key": new_id()},
        )
        assert answer.status_code == 201, answer.text
        return answer


@pytest_asyncio.fixture(loop_scope="session")
async def house(servers: EmbeddedStack) -> AsyncIterator[House]:
    base_url = f"http://127.0.0.1:{servers.settings.api_port}"
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=30) as http:
        opened = House(servers, http)
        await servers.start_application()
        try:
            yield opened
        finally:
            await http.delete(f"{opened.stripe}/test/faults")
            await servers["api"].stop()
            await servers["worker"].stop()


async def test_a_purchase_from_its_request_to_its_end(house: House, new_person: NewPerson) -> None:
    person = await new_person(Role.STUDENT)
    course_id = await add_course("log-lines")
    token = await house.log_in(person.email)
    fault = {"operation": "create_payment", "kind": "error_500_before", "times": 1}
    await house.http.post(f"{house.stripe}/test/faults", json={"api": [fault]})

    bought = await house.buy(token, course_id)
    purchase = bought.json()
    story = purchase["workflowId"]
    payment_id = purchase["checkout"]["clientSecret"].split("_secret_")[0]
    await house.http.post(f"{house.stripe}/test/pay/{payment_id}")

    request = await house.api.line("request", request_id=bought.headers["x-request-id"])
    assert (request["workflow_id"], request["user_id"], request["status"]) == (story, person.id, 201)
    assert request["route"] == "/api/v1/courses/{course_id}/purchases"
    webhook = await house.api.line("request", route="/api/v1/webhooks/stripe", workflow_id=story)
    assert "user_id" not in webhook

    started = await house.worker.line("story_started", workflow_id=story)
    assert (started["workflow_type"], started["task_queue"]) == ("Purchase", "lms-core")
    failed = await house.worker.line("step_failed", workflow_id=story)
    assert (failed["activity"], failed["attempt"], failed["level"]) == ("open_checkout", 1, "warning")
    assert failed["error"] == "AnsweredFaultError"
    enrolled = await house.worker.line("course.enrolled", workflow_id=story)
    assert (enrolled["activity"], enrolled["user_id"], enrolled["course_id"]) == ("settle", person.id, course_id)
    assert {"enrollment_id", "payment_id", "amount", "currency", "run_id", "attempt"} <= set(enrolled)
    ended = await house.worker.line("story_ended", workflow_id=story)
    assert (ended["outcome"], ended["run_id"]) == ("enrolled", started["run_id"])

    for service, log in (("api", house.api), ("worker", house.worker)):
        lines = log.lines()
        assert len(lines) > 5, service
        for line in lines:
            assert set(line) <= set(FIELDS), line["event"]
            assert set(line) >= ALWAYS, line["event"]
            assert line["service"] == service
            assert line["type"] == "lms"


async def test_a_clinic_s_own_course_is_not_named_beside_its_learner(house: House, new_person: NewPerson) -> None:
    person = await new_person(Role.PATIENT)
    course_id = await add_course("log-lines", isFree=True, price=None, clinicId=await add_clinic(person.id))
    story = (await house.buy(await house.log_in(person.email), course_id)).json()["workflowId"]
    enrolled = await house.worker.line("course.enrolled", workflow_id=story)
    assert enrolled["user_id"] == person.id
    assert "course_id" not in enrolled
    assert not [line for line in house.api.lines() + house.worker.lines() if course_id in str(line)]
