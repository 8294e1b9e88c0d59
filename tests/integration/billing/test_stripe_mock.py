"""The same Stripe client against `stripe-mock`, which holds each request against Stripe's own OpenAPI schema.

It keeps no state and echoes no metadata, so only that is tried: is every call of ours one that Stripe would take, and
is every object of Stripe's own making one that we read? Needs Go and, the first time, the module proxy.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from domain.billing.payments import NewRefund
from domain.identifiers import charge_key, new_id
from gateways.payments.stripe import StripePayments
from stack.process import accepts_connections
from tests.integration.stand_ins import an_hour_ago, eventually, new_payment, new_ports

# The library hands httpx its form as `data=`, which httpx would like renamed.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

MODULE = Path(__file__).with_name("stripe_mock")
"""`go.mod` with the version, `go.sum` with its hashes."""

BUILD_SECONDS = 400
SECRET_KEY = "sk_test_123"
"""stripe-mock takes any key of this form."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """stripe-mock, built (two minutes the first time, seconds from Go's cache afterwards)."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed, so stripe-mock cannot be built")
    target = tmp_path_factory.mktemp("stripe-mock") / "stripe-mock"
    command = [go, "build", "-o", str(target), "github.com/stripe/stripe-mock"]
    built = subprocess.run(command, cwd=MODULE, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if built.returncode and "proxy" in built.stderr:
        pytest.skip("the Go module proxy does not answer, so stripe-mock cannot be built")
    assert built.returncode == 0, built.stderr
    return target


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def base(program: Path) -> AsyncIterator[str]:
    port, other = new_ports(2)
    # With the first address alone it would also listen on every interface.
    addresses = ["-http-addr", f"127.0.0.1:{port}", "-https-addr", f"127.0.0.1:{other}"]
    process = await asyncio.create_subprocess_exec(program, *addresses, stdout=subprocess.DEVNULL)
    try:
        await eventually(lambda: accepts_connections(port), 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


@pytest_asyncio.fixture(loop_scope="session")
async def stripe(base: str) -> AsyncIterator[StripePayments]:
    client = StripePayments(base, SECRET_KEY, timeout_seconds=10)
    yield client
    await client.close()


async def test_every_call_about_payments_is_valid(stripe: StripePayments) -> None:
    order = new_id()
    payment = await stripe.create_payment(new_payment(order), charge_key(order, 1))
    assert payment.payment_id.startswith("pi_")
    assert payment.client_secret
    assert (payment.amount_minor, payment.currency) == (199_900, "INR")
    assert (await stripe.read_payment(payment.payment_id)).payment_id == payment.payment_id
    assert (await stripe.cancel_payment(payment.payment_id)).payment_id == payment.payment_id
    listed = [one async for one in stripe.list_payments(an_hour_ago())]
    assert all(one.payment_id.startswith("pi_") for one in listed)
    assert listed
    assert await stripe.find_payments(order, an_hour_ago()) == [], "it echoes no metadata"


async def test_every_call_about_refunds_and_disputes_is_valid(stripe: StripePayments) -> None:
    new = NewRefund(refund_id=new_id(), payment_id="pi_123", amount_minor=1_000)
    refund = await stripe.create_refund(new, f"refund:{new.refund_id}:1:1")
    assert refund.amount_minor == 1_000
    assert (await stripe.read_refund(refund.provider_refund_id)).provider_refund_id == refund.provider_refund_id
    assert await stripe.find_refunds("pi_123")
    assert [one async for one in stripe.list_refunds(an_hour_ago())]
    [dispute, *_] = [one async for one in stripe.list_disputes(an_hour_ago())]
    assert (await stripe.read_dispute(dispute.dispute_id)).dispute_id == dispute.dispute_id


@pytest.mark.parametrize("wrong", [{"amount": "1"}, {"amount": "1", "currency": "inr", "surprise": "1"}])
async def test_a_call_that_stripe_would_not_take_is_refused(base: str, wrong: dict[str, str]) -> None:
    """So that green above means something."""
    async with httpx.AsyncClient(base_url=base, headers={"Authorization": f"Bearer {SECRET_KEY}"}) as raw:
        answer = await raw.post("/v1/payment_intents", data=wrong)
    assert answer.status_code == 400, answer.text
