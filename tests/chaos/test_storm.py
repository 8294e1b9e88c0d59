"""Webhooks dropped, doubled, reordered, delayed and forged, and kills in between: every purchase ends right."""

from collections import Counter

import pytest

from domain.identifiers import purchase_workflow_id
from domain.stories import PAYMENT_SIGNAL
from tests.chaos.academy import Academy
from tests.chaos.buyer import new_buyer
from tests.chaos.errands.purchase import PurchaseErrand
from tests.chaos.matrix.stops import REACHED_WITHIN_SECONDS, Place, where
from tests.chaos.matrix.strike import Row
from tests.chaos.storm import Storm, deliveries, forgeries
from tests.chaos.waiting import until

pytestmark = pytest.mark.chaos

ALTERED_WITHIN_SECONDS = 20.0


async def test_forged_webhooks_open_nothing(academy: Academy, seed: int) -> None:
    """Each event of somebody who never pays is forged into "succeeded": refused, and nobody is enrolled."""
    await academy.provider_faults(webhooks={"forge": 1.0}, seed=seed)
    buyers = [await new_buyer(academy) for _ in range(6)]
    for buyer in buyers:
        buyer.start(pays=False)
    for buyer in buyers:
        await buyer.ordered(REACHED_WITHIN_SECONDS)
    ours = {buyer.payment_id for buyer in buyers}

    async def answered() -> bool:
        forged = [delivery for delivery in await forgeries(academy) if delivery["object"] in ours]
        return len(forged) == len(buyers) and all(delivery["state"] != "pending" for delivery in forged)

    await until(answered, "an answer to each forgery", ALTERED_WITHIN_SECONDS)
    assert {tuple(d["statuses"]) for d in await forgeries(academy) if d["object"] in ours} == {("400",)}
    # The charges are cancelled below: that webhook, as a signal, would meet a story which is about to close, and
    # Temporal then fails the update `abandon`.
    await academy.provider_faults(webhooks={"drop": 1.0})
    for buyer in buyers:
        errand = PurchaseErrand(academy, buyer, ends_as="")
        place = (await where(errand)).place
        assert place == Place("awaiting_payment", "requires_payment_method")
        await buyer.leave()
        story = academy.temporal.get_workflow_handle(purchase_workflow_id(str(buyer.order_id)))
        signals = [
            event.workflow_execution_signaled_event_attributes.signal_name
            async for event in story.fetch_history_events()
            if event.HasField("workflow_execution_signaled_event_attributes")
        ]
        assert PAYMENT_SIGNAL not in signals
        await story.execute_update("abandon")
    await academy.release()


async def test_storm(academy: Academy, rows: list[Row], seed: int, request: pytest.FixtureRequest) -> None:
    """Everything at once; `CHAOS_SEED` rolls the same dice again."""
    whole = request.config.getoption("--full-chaos")
    before = {delivery["event_id"] for delivery in await deliveries(academy)}
    rows += await Storm(academy, seed, purchases=40 if whole else 12, kills=10 if whole else 3).rage()
    sent = [delivery for delivery in await deliveries(academy) if delivery["event_id"] not in before]
    assert all(not status.startswith("2") for d in sent if d["sort"] != "genuine" for status in d["statuses"])
    seen = Counter("dropped" if d["state"] == "dropped" else d["sort"] for d in sent)
    doubled = Counter(d["event_id"] for d in sent if d["sort"] == "genuine")
    assert seen["dropped"], "no webhook was dropped: the storm was none"
    assert any(number > 1 for number in doubled.values()), "no webhook was doubled: the storm was none"
    assert seen["altered"] + seen["wrong_secret"] + seen["stale"], "no webhook was forged: the storm was none"
