"""SIGKILL at every event of a purchase, a refund and a dispute, and in the gaps between: every book says it once."""

from collections import Counter

import pytest

from tests.chaos.academy import VICTIMS, Academy
from tests.chaos.conftest import SEED
from tests.chaos.histories import Batch
from tests.chaos.matrix.scenarios import SCENARIOS, sample_of, whole_matrix
from tests.chaos.matrix.stops import FIRST_OF_WRITE, event_stops
from tests.chaos.matrix.strike import Row, strike

pytestmark = pytest.mark.chaos

SAMPLE = 10
"""How often `make test` kills."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The whole matrix, or what the seed draws of it."""
    if "victim" in metafunc.fixturenames:
        is_whole = metafunc.config.getoption("--full-chaos")
        kills = list(whole_matrix()) if is_whole else sample_of(metafunc.config.stash[SEED], SAMPLE)
        ids = [f"{victim}@{scenario}: {stop}" for scenario, stop, victim in kills]
        metafunc.parametrize(("scenario_name", "stop_name", "victim"), kills, ids=ids)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_every_write_of_the_history_has_a_stop(histories: dict[str, list[Batch]], name: str) -> None:
    """A story that has changed its history wants its stops looked at, or events would go without a kill."""
    undisturbed = histories[name]
    kinds = [[event.kind for event in batch] for batch in undisturbed]
    assert tuple(batch[0] for batch in kinds) == FIRST_OF_WRITE
    assert kinds[-1][-1] == "WorkflowExecutionCompleted"
    stops = event_stops(SCENARIOS[name].places)
    assert [stop.write for stop in stops] == list(range(len(undisturbed)))
    targets = [target for stop in stops for target in SCENARIOS[name].targets_of(stop, undisturbed)]
    assert targets == [f"event {event.id} {event.kind}" for batch in undisturbed for event in batch]
    events = [event.id for batch in undisturbed for event in batch]
    assert events == list(range(1, len(events) + 1))


def test_the_sample_kills_everything_around_every_story() -> None:
    """Whatever the dice say: each story, each process twice, nothing twice the same way."""
    for seed in range(100):
        kills = sample_of(seed, SAMPLE)
        assert len(set(kills)) == SAMPLE
        assert {scenario for scenario, _, _ in kills} == set(SCENARIOS)
        assert Counter(victim for _, _, victim in kills) == dict.fromkeys(VICTIMS, 2)


async def test_killed(
    academy: Academy,
    histories: dict[str, list[Batch]],
    rows: list[Row],
    *,
    scenario_name: str,
    stop_name: str,
    victim: str,
) -> None:
    """Whatever is killed wherever, every errand ends right."""
    scenario = SCENARIOS[scenario_name]
    try:
        rows += await strike(academy, scenario, scenario.stops[stop_name], victim, histories[scenario_name])
    finally:
        await academy.release()  # a stop that failed must not hold up the next one
