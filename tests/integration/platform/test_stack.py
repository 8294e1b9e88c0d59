"""The local stack as its user meets it: `python -m stack` from outside, and its parts killed one by one."""

import asyncio
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis.asyncio

from stack.embedded import EmbeddedStack, environment_of
from stack.postgres import remove_data
from stack.process import PROJECT, ChildFailedError
from stack.supervisor import explain
from tests.conftest import settings_for_tests

COMMAND = [sys.executable, "-m", "stack"]
OUTSIDE = ("DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS", "STRIPE_API_BASE", "RAZORPAY_API_BASE", "SMTP_URL")


class Academy:
    """A `python -m stack` in a process of its own, with its output in a file."""

    def __init__(self, data_dir: Path, **changes: str) -> None:
        self.data_dir = data_dir
        self.environment = {**os.environ, **environment_of(settings_for_tests(data_dir)), **changes}
        for name in set(OUTSIDE) - set(changes):
            del self.environment[name]
        self._output = data_dir.with_suffix(".output")
        with self._output.open("wb") as output:
            self.process = psutil.Popen(COMMAND, cwd=PROJECT, env=self.environment, stdout=output, stderr=output)

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for(self, text: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert self.process.poll() is None, f"ended before {text!r}:\n{self.output}"
            assert time.monotonic() < deadline, f"no {text!r} after {seconds} s:\n{self.output}"
            time.sleep(0.05)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)
        remove_data(self.data_dir)


@pytest.fixture(scope="module")
def academy(reachable_dir: Path) -> Iterator[Academy]:
    running = Academy(reachable_dir / "academy")
    try:
        running.wait_for("The academy is open", 120)
        yield running
    finally:
        running.close()


def refused(data_dir: Path | str, **changes: str) -> str:
    """The output of a `python -m stack` that does not start."""
    environment = {**os.environ, "DATA_DIR": str(data_dir), **changes}
    done = subprocess.run(
        COMMAND, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    print(done.stdout, done.stderr)  # for the search of the session's logs
    assert done.returncode == 1
    return done.stdout + done.stderr


def test_a_taken_port_is_one_line_that_says_how_to_go_on(reachable_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = refused(reachable_dir / "taken", INBOX_PORT=port)
    assert re.fullmatch(rf"Port {port}, which inbox needs, .* set INBOX_PORT to a free port\.\n", line)


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refused(tmp_path / "file" / "data")
    assert re.fullmatch(r"DATA_DIR cannot be used: .*\n", line)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="makes a tiny disk in a mount namespace of its own")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=1m tiny "$0" || exit 77; exec "$@"'
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, str(tmp_path), *COMMAND],
        cwd=PROJECT,
        env={**os.environ, "DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    if done.returncode != 1:
        pytest.skip(f"this machine allows no mount namespace: {done.stderr.strip()}")
    assert re.fullmatch(r"The disk of .* is full: .*\n", done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "log"), "The disk is full"),
        (ChildFailedError("initdb could not: No space left on device\nmore"), "The disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "log"), "DATA_DIR cannot be used: log"),
    ],
)
def test_what_a_disk_does_later_is_one_line_too(error: Exception, words: str) -> None:
    assert explain(error).startswith(words)
    assert "\n" not in explain(error)


def test_settings_that_production_refuses_are_one_line(tmp_path: Path) -> None:
    line = refused(tmp_path, APP_ENV="production")
    assert re.fullmatch(r"APP_ENV=production refuses to start: set .*JWT_KEYS.*\n", line)


def test_a_second_run_names_the_first(academy: Academy) -> None:
    line = refused(academy.data_dir)
    assert re.fullmatch(rf"The academy already runs with .* as process {academy.process.pid}: .*\n", line)


def test_a_server_that_dies_is_started_again_and_that_is_said(academy: Academy) -> None:
    os.kill(int((academy.data_dir / "run/postgres.pid").read_text().split()[0]), signal.SIGKILL)
    academy.wait_for("postgres ended (killed by SIGKILL): starting it again")
    academy.wait_for("postgres: started again")


def test_sigterm_stops_everything_in_order_and_leaves_no_process(academy: Academy) -> None:
    family = academy.process.children(recursive=True)
    assert len(family) > 3
    academy.process.terminate()
    assert academy.process.wait(30) == 0
    assert [process for process in family if process.is_running()] == []
    stopped = re.findall(r"(\w+): stopping", academy.output)
    assert stopped == ["api", "worker", "inbox", "razorpay", "stripe", "temporal", "valkey", "postgres"]
    assert "Traceback" not in academy.output


def test_children_die_with_a_killed_supervisor(reachable_dir: Path) -> None:
    running = Academy(reachable_dir / "killed", DATABASE_URL="postgresql://127.0.0.1:9/none")
    try:
        running.wait_for("valkey: started")
        family = running.process.children(recursive=True)
        running.process.kill()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert alive == []
    finally:
        running.close()


async def test_what_was_written_outlives_the_servers_sigkill(servers: EmbeddedStack) -> None:
    await _sql(servers, "CREATE TABLE outlives AS SELECT 'here' AS word")
    async with redis.asyncio.Redis.from_url(servers.settings.redis_url) as cache:
        await cache.set("outlives", "here")
    await _temporal(servers, "workflow", "start", "--type", "Any", "--task-queue", "none", "-w", "outlives")
    for name in ("postgres", "valkey", "temporal"):
        await servers[name].kill()
        assert not servers[name].running
        await servers[name].start()
    assert await _sql(servers, "SELECT word FROM outlives") == "here"
    async with redis.asyncio.Redis.from_url(servers.settings.redis_url) as cache:
        assert await cache.get("outlives") == b"here"
    assert "_RUNNING" in await _temporal(servers, "workflow", "describe", "-w", "outlives", "-o", "json")
    await _temporal(servers, "workflow", "terminate", "-w", "outlives")
    await _sql(servers, "DROP TABLE outlives")


async def _sql(servers: EmbeddedStack, statement: str) -> object:
    connection = await asyncpg.connect(servers.settings.database_url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _temporal(servers: EmbeddedStack, *arguments: str) -> str:
    program = Path(sysconfig.get_path("scripts")) / "temporal"
    process = await asyncio.create_subprocess_exec(
        program, *arguments, "--address", servers.settings.temporal_address, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()
