"""How long settling takes, as operators see it: from the first news of the money to the commit."""

import random

from bootstrap import Services
from db.queries.billing.provider_events import commit_event
from db.queries.business_numbers import business_numbers
from db.sql import fetch
from domain.billing.payments import PaymentState, ProviderEvent, ProviderPayment
from domain.identifiers import new_id
from tests.integration.conftest import NewPerson
from tests.integration.platform.test_money_in_sql import Sold, sell


async def median() -> float:
    [seconds] = [n.value for n in await business_numbers() if n.name == "settle_seconds_of_the_last_hour"]
    return seconds


async def told(sold: Sold, state: PaymentState, seconds_before: int) -> None:
    """News of its payment that was kept so long before it was settled."""
    [row] = await fetch("SELECT created_at FROM payments WHERE id = $1", sold.payment_row)
    payment = ProviderPayment(
        provider="stripe",
        payment_id=f"pi_{sold.order_id}",
        order_id=sold.order_id,
        state=state,
        amount_minor=sold.minor,
        received_minor=sold.minor,
        currency=sold.currency,
        created_at=row["created_at"],
    )
    event = ProviderEvent(provider="stripe", event_id=f"evt_{new_id()}", event_type="payment.x", payment=payment)
    stored = await commit_event(event)
    await fetch(
        "UPDATE provider_events SET status = 'delivered',"
        " received_at = $2::timestamptz - make_interval(secs => $3) WHERE id = $1",
        *(stored.id, row["created_at"], seconds_before),
    )


async def test_settling_takes_as_long_as_the_first_news_of_the_money_is_old(
    services: Services, new_person: NewPerson
) -> None:
    await fetch("UPDATE payments SET created_at = created_at - interval '1 day'")  # other tests' ones
    assert await median() == 0, "nothing was settled"
    three = [await sell(new_person, random.Random(8), give_back=False) for _ in range(3)]
    assert await median() == 0, "found by asking: nobody knows since when the money was there"

    for sold, seconds in zip(three, (2, 7, 90), strict=True):
        await told(sold, PaymentState.PROCESSING, 3600)
        await told(sold, PaymentState.SUCCEEDED, seconds)
        await told(sold, PaymentState.SUCCEEDED, seconds - 1)  # once more
        await told(sold, PaymentState.SUCCEEDED, -5)  # after it was settled

    assert await median() == 7
