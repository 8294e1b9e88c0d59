"""What every test may use: the real servers of the embedded stack, on free ports, with data of their own."""

import os
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from settings import Settings, load_settings
from stack.embedded import EmbeddedStack
from stack.postgres import remove_data
from stack.process import port_is_free
from tests.leaks.watch import LogWatch

WATCH = pytest.StashKey[LogWatch]()

for _name in Settings.model_fields:
    # What the developer has set for `make run` stays out of the tests; so does `.env`, below.
    os.environ.pop(_name.upper(), None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The long forms of tests that `make test` runs as a bounded sample."""
    parser.addoption("--full-chaos", action="store_true", help="kill at every event, not at a sample")
    parser.addoption("--full-fuzz", action="store_true", help="many requests of each kind to each operation")
    parser.addoption("--fuzz-seed", type=int, default=None, help="repeat the choices of an earlier run")


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


@pytest.fixture(scope="session", autouse=True)
def log_watch(reachable_dir: Path, pytestconfig: pytest.Config) -> Iterator[LogWatch]:
    """Fails the session when a log has what must never be in one (`docs/logging.md`). Set up first, so ended last."""
    watch = pytestconfig.stash[WATCH] = LogWatch(reachable_dir)
    yield watch
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    if capture is not None and capture.is_globally_capturing():
        watch.keep("in-process", "".join(capture.read_global_capture()))
    watch.close()
    del pytestconfig.stash[WATCH]
    if wrong := watch.verdict(whole_suite=is_whole_suite(pytestconfig)):
        pytest.fail("\n".join(["The logs of this session:", *wrong]), pytrace=False)


def is_whole_suite(config: pytest.Config) -> bool:
    """Whether all tests run, and what they print is kept."""
    chosen = ("keyword", "markexpr", "lf", "collectonly", "deselect", "maxfail")
    return (
        config.args_source is pytest.Config.ArgsSource.TESTPATHS
        and not any(getattr(config.option, name, None) for name in chosen)
        and config.option.capture != "no"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what a phase of a test has printed."""
    report = yield
    watch = item.config.stash.get(WATCH, None)
    if watch is not None:
        names = (f"Captured stdout {report.when}", f"Captured stderr {report.when}")
        watch.keep("in-process", "".join(text for name, text in report.sections if name in names))
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers(reachable_dir: Path, log_watch: LogWatch) -> AsyncIterator[EmbeddedStack]:
    """PostgreSQL (migrated), Valkey, Temporal, the Stripe stand-in and the inbox; no worker, no API.

    `servers.settings` and `servers.environment` hold their addresses.
    """
    async with EmbeddedStack(settings_for_tests(reachable_dir / "session")) as stack:
        await stack.run_job("migrations")
        yield stack
        await log_watch.learn_people(stack.settings.database_url)
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
