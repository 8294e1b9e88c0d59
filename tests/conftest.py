"""What every test may use: the real servers of the embedded stack, on free ports, with data of their own."""

import os
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from settings import Settings, load_settings
from stack.embedded import EmbeddedStack
from stack.postgres import remove_data
from stack.process import port_is_free

for _name in Settings.model_fields:
    # What the developer has set for `make run` stays out of the tests; so does `.env`, below.
    os.environ.pop(_name.upper(), None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full-chaos`: the whole matrix of killed processes instead of a bounded sample."""
    parser.addoption("--full-chaos", action="store_true", help="kill at every event, not at a sample")


def free_ports() -> Iterator[int]:
    """Different ports that nothing listens on, below the range that Linux gives to outgoing connections."""
    return filter(port_is_free, random.sample(range(20_000, 32_000), 1_000))


def settings_for_tests(data_dir: Path, **overrides: object) -> Settings:
    """Settings for an embedded stack of a test's own, on free ports."""
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    ports = dict(zip(names, free_ports(), strict=False))
    values: dict[str, object] = {
        "app_env": "test",
        "data_dir": data_dir,
        "public_base_url": f"http://127.0.0.1:{ports['api_port']}",
        "demo_password": "demo-password-of-the-tests",
        "rate_limit_per_address": 0,  # all tests call from a few addresses; test_protection.py tries the limits
        "rate_limit_per_user": 0,
        **ports,
        **overrides,
    }
    return load_settings(_env_file=None, **values)


@pytest.fixture(scope="session")
def reachable_dir() -> Iterator[Path]:
    """A temporary directory that every user may enter, as PostgreSQL needs it when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="academy-tests-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers(reachable_dir: Path) -> AsyncIterator[EmbeddedStack]:
    """PostgreSQL (migrated), Valkey, Temporal, the Stripe stand-in and the inbox; no worker, no API.

    `servers.settings` and `servers.environment` hold their addresses.
    """
    async with EmbeddedStack(settings_for_tests(reachable_dir / "session")) as stack:
        await stack.run_job("migrations")
        yield stack
    remove_data(stack.settings.data_dir)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End a session that used a Temporal client at once with its true exit code, after all is printed."""
    session = config.pluginmanager.get_plugin("session")
    if session is None or "temporalio" not in sys.modules:
        return
    from bootstrap import end_process

    config.get_terminal_writer().flush()
    end_process(int(session.exitstatus))
