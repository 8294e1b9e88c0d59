"""One child process of the local stack: started, watched until it is ready, stopped or killed."""

import asyncio
import contextlib
import ctypes
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
LOG_LIMIT_BYTES = 10_000_000
POLL_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class StackError(Exception):
    """The stack cannot go on; the text says in plain words what is wrong and how to mend it."""


class ChildFailedError(StackError):
    """A child ended or was not ready in time while being started; the text ends with its log's tail."""


class Part:
    """A process of the stack, by name. Subclasses say what to run and how to see that it is ready.

    Each start makes a process group of its own, writes `logs/NAME.log` and `run/NAME.pid` below the data
    directory, and ties the child to the life of this process.
    """

    stop_signal = signal.SIGTERM
    ready_seconds = 60.0
    stop_seconds = 15.0

    def __init__(self, name: str, *, data_dir: Path, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.data_dir = data_dir
        self.environment = dict(environment or {})
        self._process: asyncio.subprocess.Process | None = None
        self._age_mark: float | None = None
        self._log_start = 0

    def command(self) -> list[str]:
        """The program and its arguments."""
        raise NotImplementedError

    def directory(self) -> Path:
        """The child's working directory."""
        return PROJECT

    def user(self) -> tuple[int, int] | None:
        """User and group ids to run as; None for the ones of this process."""
        return None

    async def prepare(self) -> None:
        """What must be there before the first start; repeated at every start."""

    async def is_ready(self) -> bool:
        """Whether the running child does its work."""
        return True

    @property
    def log_file(self) -> Path:
        return self.data_dir / "logs" / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The process id while the child runs."""
        return self._process.pid if self._process and self.running else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start and return when ready; a no-op when running.

        Raises `ChildFailedError` when the child ends or is not ready within `ready_seconds`.
        """
        if self.running:
            return
        await self.end_leftover()
        await self.prepare()
        await self._spawn()
        try:
            async with asyncio.timeout(self.ready_seconds):
                await self._wait_until_ready()
        except BaseException as error:
            await self.kill()
            if isinstance(error, TimeoutError):
                raise self._failure(f"was not ready after {self.ready_seconds:.0f} s") from None
            raise

    async def stop(self) -> None:
        """Ask the child to end; after `stop_seconds` SIGKILL its group. No-op when it does not run."""
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), self.stop_seconds)
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL the child and everything that it started, and wait until it is gone."""
        if self._process is None:
            return
        if self.running or _age_mark(self._process.pid) in (None, self._age_mark):
            _kill_tree(self._process.pid)
        await self._process.wait()
        self._pid_file.unlink(missing_ok=True)

    async def wait(self) -> int:
        """The exit code, once the child has ended (negative: the signal that ended it)."""
        if self._process is None:
            raise StackError(f"{self.name} was never started.")
        return await self._process.wait()

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that the child has logged since its latest start."""
        try:
            with self.log_file.open("rb") as log:
                log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - 20_000))
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    @property
    def _pid_file(self) -> Path:
        return self.data_dir / "run" / f"{self.name}.pid"

    def _failure(self, what: str) -> ChildFailedError:
        return ChildFailedError(f"{self.name} {what}. The end of {self.log_file}:\n{self.log_tail()}")

    async def _spawn(self) -> None:
        user, group = self.user() or (None, None)
        for folder in (self.log_file.parent, self._pid_file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if self.log_file.stat().st_size > LOG_LIMIT_BYTES:
                self.log_file.replace(self.log_file.with_suffix(".log.old"))
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *self.command(),
                # A child's settings come on top of what every program needs (PATH, HOME).
                env={**os.environ, **self.environment},
                cwd=self.directory(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                preexec_fn=_dies_with_parent(self.stop_signal),
            )
        self._age_mark = _age_mark(self._process.pid)
        self._pid_file.write_text(f"{self._process.pid} {self._age_mark}")

    async def _wait_until_ready(self) -> None:
        while True:
            ready = await self.is_ready()
            if not self.running:  # whoever answered, it was not this child
                raise self._failure(f"ended with exit code {await self.wait()}")
            if ready:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def end_leftover(self) -> None:
        """End what an earlier, killed stack left running, so that two never work on the same data."""
        try:
            pid, mark = self._pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return
        if str(_age_mark(int(pid))) in ("None", mark):
            _kill_tree(int(pid))
            with contextlib.suppress(psutil.Error):
                await asyncio.to_thread(psutil.Process(int(pid)).wait, 10)
        self._pid_file.unlink(missing_ok=True)


def _dies_with_parent(farewell: signal.Signals) -> Callable[[], None] | None:
    """A hook for the child that asks Linux to send it `farewell` when this process dies, even by SIGKILL.

    The part's own stop signal is used, so that servers shut down cleanly and take their children along.
    """
    if _LIBC is None:
        return None
    parent = os.getpid()

    def hook() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(farewell))
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return hook


def _age_mark(pid: int) -> float | None:
    """When the process was born, in seconds since boot: with its id a name that no other process gets."""
    try:
        booted = psutil.boot_time()  # asked anew, since both times move with the wall clock
        return round(float(psutil.Process(pid).create_time() - booted), 2)
    except psutil.NoSuchProcess:
        return None


def _kill_tree(pid: int) -> None:
    """SIGKILL a process, its group and its descendants (some, like PostgreSQL's, leave the group)."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()


async def accepts_connections(port: int) -> bool:
    """Whether something listens on this loopback port."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port), 2)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def package_dir(package: str) -> Path:
    """Where an installed package lies; without importing it, since some act on import and all take time."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise StackError(f"The package {package} is not installed: delete .venv and try again.")
    return Path(found.origin).parent


def secret_file(path: Path) -> str:
    """The random secret kept in this file (mode 0600), made at the first call."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Written whole before it has its name: a start that is killed in between leaves no empty secret.
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        partial.touch(mode=0o600)
        partial.write_text(secrets.token_hex(16))
        partial.rename(path)
    return path.read_text()
