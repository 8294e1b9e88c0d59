"""The policy of production, with the time between its questions skipped by the server."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from bootstrap import Services
from domain.billing.purchase import OrderStatus, PurchasePolicy
from domain.stories import Attribute
from gateways.temporal.converter import data_converter
from stack.temporal import program
from tests.integration.conftest import NewPerson
from tests.workflow.conftest import Academy, one, running

A_DAY = PurchasePolicy(expires_after_seconds=24 * 60 * 60, first_poll_seconds=30, longest_poll_seconds=6 * 60 * 60)
"""Production's day; asked less often towards its end, since each question is a real one."""


@pytest_asyncio.fixture(loop_scope="session")
async def academy(services: Services, new_person: NewPerson) -> AsyncIterator[Academy]:
    """A worker on a Temporal server that skips time whenever a story only waits."""
    attributes = [f"--search-attribute={name}=Keyword" for name in Attribute]
    async with (
        await WorkflowEnvironment.start_time_skipping_v2(
            dev_server_existing_path=program(),
            data_converter=data_converter(services.codec),
            dev_server_extra_args=[
                *("--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"),
                *attributes,
            ],
        ) as skipping,
        running(Academy(services, skipping.client, A_DAY, new_person)) as ready,
    ):
        yield ready


def test_production_asks_every_quarter_of_an_hour_at_last() -> None:
    assert PurchasePolicy(24 * 60 * 60, 30).longest_poll_seconds == 15 * 60


async def test_an_unpaid_order_expires_after_a_day(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())

    assert await bought.handle.result() == OrderStatus.EXPIRED
    assert [c["status"] for c in await academy.book(bought.order.order_id)] == ["canceled"]
    pauses = [
        event.timer_started_event_attributes.start_to_fire_timeout.ToSeconds()
        for event in (await bought.handle.fetch_history()).events
        if event.HasField("timer_started_event_attributes")
    ]
    doubling = [min(30 * 2**number, A_DAY.longest_poll_seconds) for number in range(len(pauses))]
    assert pauses[:-1] == doubling[:-1], "30 s, doubling, then the longest"
    assert pauses[-1] <= doubling[-1], "the last one ends at the deadline"
    assert len(pauses) > 10
    row = await one("SELECT expires_at - created_at AS open_for FROM orders WHERE id = $1", bought.order.order_id)
    assert timedelta(hours=24) <= row["open_for"] < timedelta(hours=24, minutes=1)
