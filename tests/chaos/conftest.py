"""One academy for all of chaos, and the table at the end."""

import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from stack.postgres import remove_data
from tests.chaos.academy import Academy, open_academy
from tests.chaos.histories import Batch
from tests.chaos.matrix.scenarios import SCENARIOS
from tests.chaos.matrix.strike import Row, undisturbed_history
from tests.chaos.matrix.table import lines_of
from tests.conftest import settings_for_tests
from tests.leaks.watch import LogWatch

FIRST_POLL_SECONDS = 5
"""A lost webhook costs this instead of half a minute."""

ROWS = pytest.StashKey[list[Row]]()
SEED = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """The dice: `CHAOS_SEED` repeats a run."""
    config.stash[ROWS] = []
    config.stash[SEED] = int(os.environ.get("CHAOS_SEED") or random.randrange(1_000_000))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Where every kill landed."""
    rows = config.stash[ROWS]
    if rows:
        terminalreporter.section("chaos")
        for line in lines_of(rows):
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"CHAOS_SEED={config.stash[SEED]}")


@pytest.fixture
def rows(request: pytest.FixtureRequest) -> list[Row]:
    """The table, to be added to."""
    return request.config.stash[ROWS]


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The dice's seed."""
    return request.config.stash[SEED]


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def academy(reachable_dir: Path, log_watch: LogWatch) -> AsyncIterator[Academy]:
    """The running stack, its parts joined by links."""
    data_dir = reachable_dir / "chaos"
    with pytest.MonkeyPatch.context() as environment:
        # As on any machine: restarts that recompile every module would take most of the time.
        environment.setenv("PYTHONDONTWRITEBYTECODE", "")
        environment.setenv("PYTHONPYCACHEPREFIX", str(reachable_dir / "bytecode"))
        async with open_academy(settings_for_tests(data_dir, payment_poll_seconds=FIRST_POLL_SECONDS)) as running:
            yield running
            await log_watch.learn_people(running.stack.settings.database_url)
    remove_data(data_dir)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def histories(academy: Academy) -> dict[str, list[Batch]]:
    """For each scenario the real history of one errand that nothing disturbs."""
    return {scenario.name: await undisturbed_history(academy, scenario) for scenario in SCENARIOS.values()}
