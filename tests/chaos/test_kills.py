"""SIGKILL at every event of a purchase and in the gaps between: one charge and one enrollment, or one full refund."""

import pytest

from tests.chaos.academy import VICTIMS, Academy
from tests.chaos.gaps import GAPS
from tests.chaos.histories import Batch
from tests.chaos.stops import EVENT_STOPS, Stop
from tests.chaos.strike import Row, strike

pytestmark = pytest.mark.chaos

ALL = {stop.name: stop for stop in (*EVENT_STOPS, *GAPS)}

SAMPLE = (
    ("d: placed, Temporal not reached", "api"),
    ("a: charge made, answer withheld", "temporal"),
    ("f: HTTP answer lost", "api"),
    ("a: money captured, webhook lost", "valkey"),
    ("e: webhook committed, not signalled", "api"),
    ("signalled, no task taken", "postgres"),
    ("b: settle COMMIT unheard", "worker"),
    ("c: 250 heard, row unwritten", "worker"),
    ("second task done, unreported", "temporal"),
)
"""What `make test` kills: each process and each gap at least once."""


BEFORE_THE_MONEY = (
    *("d: placed, Temporal not reached", "reserve: COMMIT unheard", "a: charge made, answer withheld"),
    *("first task done, unreported", "f: update accepted, no answer yet", "f: update completed, API not told"),
    *("f: HTTP answer lost", "a: money captured, webhook lost", "checkout open, waiting for money"),
    "wrong amount: refund made, answer withheld",
)
"""Where a purchase by Razorpay is killed, too: there its history is Stripe's. After the money three webhooks tell the
same in any order, so that its history is another each time; the storm kills there."""

RAZORPAY_SAMPLE = (
    ("a: charge made, answer withheld", "worker"),
    ("a: money captured, webhook lost", "postgres"),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The whole matrix, or the sample."""
    if "victim" in metafunc.fixturenames:
        is_whole = metafunc.config.getoption("--full-chaos")
        kills = [(name, victim) for name in ALL for victim in VICTIMS] if is_whole else SAMPLE
        by_razorpay = (
            [(name, victim) for name in BEFORE_THE_MONEY for victim in VICTIMS] if is_whole else RAZORPAY_SAMPLE
        )
        cases = [(*kill, "stripe") for kill in kills] + [(*kill, "razorpay") for kill in by_razorpay]
        ids = [f"{victim}@{name}" + ("" if by == "stripe" else f", {by}") for name, victim, by in cases]
        metafunc.parametrize(("stop_name", "victim", "provider"), cases, ids=ids)


def targets_of(stop: Stop, undisturbed: list[Batch]) -> list[str]:
    """One purchase for each event that the stop's write holds; one for a gap."""
    if stop in EVENT_STOPS and stop.write is not None:
        return [f"event {event.id} {event.kind}" for event in undisturbed[stop.write]]
    return [stop.name]


async def test_every_write_of_the_history_has_a_stop(undisturbed: list[Batch]) -> None:
    """A story that has changed its history wants its stops looked at, or events would go without a kill."""
    kinds = [[event.kind for event in batch] for batch in undisturbed]
    assert [batch[0] for batch in kinds] == [
        "WorkflowExecutionStarted",
        "WorkflowTaskStarted",
        "WorkflowTaskCompleted",
        "WorkflowExecutionSignaled",
        "WorkflowTaskStarted",
        "WorkflowTaskCompleted",
    ]
    assert kinds[-1][-1] == "WorkflowExecutionCompleted"
    assert [stop.write for stop in EVENT_STOPS] == list(range(len(undisturbed)))
    events = [event.id for batch in undisturbed for event in batch]
    assert events == list(range(1, len(events) + 1))


async def test_killed(
    academy: Academy, undisturbed: list[Batch], rows: list[Row], *, stop_name: str, victim: str, provider: str
) -> None:
    """Whatever is killed wherever, every purchase ends right."""
    stop = ALL[stop_name]
    try:
        targets = targets_of(stop, undisturbed)
        rows += await strike(academy, stop, targets, victim, undisturbed, provider=provider)
    finally:
        await academy.release()  # a stop that failed must not hold up the next one
