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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The whole matrix, or the sample."""
    if "victim" in metafunc.fixturenames:
        whole = [(name, victim) for name in ALL for victim in VICTIMS]
        pairs = whole if metafunc.config.getoption("--full-chaos") else SAMPLE
        metafunc.parametrize(("stop_name", "victim"), pairs, ids=[f"{victim}@{name}" for name, victim in pairs])


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


async def test_killed(academy: Academy, undisturbed: list[Batch], stop_name: str, victim: str, rows: list[Row]) -> None:
    """Whatever is killed wherever, every purchase ends right."""
    stop = ALL[stop_name]
    try:
        rows += await strike(academy, stop, targets_of(stop, undisturbed), victim, undisturbed)
    finally:
        await academy.release()  # a stop that failed must not hold up the next one
