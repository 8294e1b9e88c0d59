"""The walk over the providers' books: what one of them withholds hides nothing of another's, and is said aloud."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.sweeps import Sweeps
from bootstrap import Services
from db.sql import fetch
from domain.billing.payments import ProviderPayment
from domain.billing.purchase import OrderStatus, PurchasePolicy
from domain.errors import OutageError
from gateways.payments.protocol import PaymentProvider
from gateways.payments.razorpay import RazorpayPayments
from gateways.payments.stripe import StripePayments
from tests.integration.conftest import NewPerson
from tests.workflow.conftest import Academy, Bought, eventually, running

OTHER = {"stripe": "razorpay", "razorpay": "stripe"}


@pytest_asyncio.fixture(loop_scope="session", params=["stripe", "razorpay"])
async def patient(
    request: pytest.FixtureRequest, services: Services, worker_temporal: Client, new_person: NewPerson
) -> AsyncIterator[Academy]:
    """Its stories do not ask the provider before the test has ended: what they hear, a webhook or the walk told."""
    policy = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=300, longest_poll_seconds=300)
    made = Academy(services, worker_temporal, policy, new_person, provider=request.param)
    async with running(made) as ready:
        yield ready


def with_refused_keys(services: Services, name: str) -> StripePayments | RazorpayPayments:
    """A client whose keys the provider does not know: every book of it answers 401."""
    if name == "stripe":
        return StripePayments(services.settings.stripe_api_base, "sk_test_invented", 4)
    return RazorpayPayments(services.settings.razorpay_api_base, "rzp_test_invented", "invented", 4)


def sweeps_of(academy: Academy, providers: Mapping[str, PaymentProvider]) -> Sweeps:
    return Sweeps(providers, academy.services.delivery, academy.stories)


async def paid_unheard(academy: Academy) -> Bought:
    """A paid order whose webhook was lost."""
    bought = await academy.buy(await academy.course())
    await academy.pay_without_webhook(bought)
    return bought


async def test_a_provider_that_refuses_our_keys_hides_nothing_of_the_other(
    patient: Academy, caplog: pytest.LogCaptureFixture
) -> None:
    bought = await paid_unheard(patient)
    name = OTHER[patient.provider]
    refused = with_refused_keys(patient.services, name)
    providers: dict[str, PaymentProvider] = {name: refused, patient.provider: _provider(patient)}

    with pytest.raises(OutageError, match=f"^not read: {name}:payments, {name}:refunds, {name}:disputes$"):
        await patient.in_activity(sweeps_of(patient, providers).reconcile)
    await refused.close()

    assert await bought.handle.result() == OrderStatus.ENROLLED
    assert caplog.text.count("alarm_book_not_read") == 3


async def test_a_book_that_cannot_be_read_hides_no_other_of_the_same_provider(
    patient: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = await paid_unheard(patient)
    await patient.in_activity(sweeps_of(patient, {patient.provider: _provider(patient)}).reconcile)
    assert await bought.handle.result() == OrderStatus.ENROLLED
    payment = await _provider(patient).read_payment(bought.payment_id)
    await patient.at_provider(f"refund-at-dashboard/{payment.payment_id}", amount=18_000)
    unread, sweeps = _unreadable(monkeypatch, patient)

    with pytest.raises(OutageError, match=f"^not read: {patient.provider}:payments$"):
        await patient.in_activity(sweeps.reconcile)

    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'partially_refunded'", bought.order.order_id)
    assert unread == [1]


async def test_the_next_try_reads_only_what_was_not_read(patient: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    bought = await paid_unheard(patient)
    unread, sweeps = _unreadable(monkeypatch, patient)
    told: list[tuple[Any, ...]] = []
    first = ActivityEnvironment()
    first.on_heartbeat = lambda *details: told.append(details)
    with pytest.raises(OutageError):
        await first.run(sweeps.reconcile)
    assert told[-1] == (f"{patient.provider}:refunds", f"{patient.provider}:disputes")
    assert await fetch("SELECT FROM payments WHERE order_id = $1", bought.order.order_id) == []

    again = ActivityEnvironment()
    again.info = replace(again.info, heartbeat_details=[*told[-1], f"{patient.provider}:payments"])
    assert (await again.run(sweeps.reconcile)).seen == 0, "all of it was read by the tries before"
    monkeypatch.undo()
    again.info = replace(again.info, heartbeat_details=told[-1])
    assert (await again.run(sweeps.reconcile)).started >= 1

    assert await bought.handle.result() == OrderStatus.ENROLLED
    assert unread == [1]


def _provider(academy: Academy) -> PaymentProvider:
    return academy.services.providers[academy.provider]


def _unreadable(monkeypatch: pytest.MonkeyPatch, academy: Academy) -> tuple[list[int], Sweeps]:
    """The provider breaks off in the middle of its payments; how often it did, and a walk over its books."""
    provider, asked = _provider(academy), [0]
    whole = provider.list_payments

    async def broken_off(created_after: datetime) -> AsyncIterator[ProviderPayment]:
        asked[0] += 1
        async for payment in whole(created_after):
            # Only what is settled already: ours would be settled by it while the test looks whether it was told.
            if await fetch("SELECT FROM payments WHERE provider_payment_id = $1", payment.payment_id):
                yield payment
        raise OutageError("razorpay_answered_502")

    monkeypatch.setattr(provider, "list_payments", broken_off)
    return asked, sweeps_of(academy, {academy.provider: provider})
