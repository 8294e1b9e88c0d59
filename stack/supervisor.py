"""What `make run` does: start everything, say where it is, keep it running, and stop it in order."""

import asyncio
import contextlib
import errno
import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from rich.console import Console

from settings import Settings, SettingsError, load_settings
from stack.embedded import APPLICATION, JOBS, EmbeddedStack
from stack.postgres import remove_data
from stack.process import Part, StackError
from stack.welcome import show_welcome

FREE_BYTES_NEEDED = 200_000_000
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 20.0
"""A part that lived shorter than this is started again less eagerly each time."""

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def run() -> int:
    """Run the academy until SIGTERM, SIGHUP or Ctrl-C; the exit code."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        settings = load_settings()
        with _only_one(settings.data_dir):
            _require_space(settings.data_dir)
            asyncio.run(_until_signal(_Supervisor(settings, console)))
    except (SettingsError, StackError, OSError) as error:
        console.print(explain(error))
        return 1
    return 0


def reset() -> int:
    """Delete what a stopped academy has stored; the exit code."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        settings = load_settings()
        data_dir = settings.data_dir
        if not (data_dir / "supervisor.lock").exists():
            console.print(f"Nothing to empty: {data_dir} was never used by `make run`.")
            return 0
        with _only_one(data_dir):
            asyncio.run(EmbeddedStack(settings).end_leftovers())
            remove_data(data_dir)
            for entry in data_dir.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
    except (SettingsError, StackError, OSError) as error:
        console.print(explain(error))
        return 1
    console.print(f"{data_dir} is empty.")
    return 0


def explain(error: Exception) -> str:
    """What went wrong and how to mend it, for a person at a console."""
    full = "The disk is full: free some space, or set DATA_DIR to a directory on another disk."
    if isinstance(error, OSError):
        if error.errno in FULL_DISK:
            return full
        if error.errno in UNWRITABLE:
            return f"DATA_DIR cannot be used: {error.filename} cannot be written ({error.strerror})."
        return f"The operating system refused: {error}."
    if os.strerror(errno.ENOSPC) in str(error):
        return full
    return str(error)


class _Supervisor:
    """Starts an embedded stack and keeps each of its parts running."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._began = monotonic()

    async def run(self) -> None:
        """Start everything and keep it running until cancelled; then stop it in order."""
        stack = EmbeddedStack(self._settings, self.say)
        keepers: list[asyncio.Task[None]] = []
        async with stack:
            try:
                keepers += [asyncio.create_task(self._keep(stack[name])) for name in stack.servers]
                for name in JOBS:
                    if name != "demo-data" or self._settings.app_env != "production":
                        await stack.run_job(name)
                await stack.start_application()
                keepers += [asyncio.create_task(self._keep(stack[name])) for name in APPLICATION]
                show_welcome(self._console, stack)
                await asyncio.gather(*keepers)
            finally:
                for keeper in keepers:
                    keeper.cancel()
                await asyncio.gather(*keepers, return_exceptions=True)

    def say(self, line: str) -> None:
        """Print a line of progress; a console that is gone stops nothing."""
        with contextlib.suppress(OSError, SystemExit):  # rich exits when its pipe breaks
            self._console.print(f"{monotonic() - self._began:7.1f} s  {line}")

    async def _keep(self, part: Part) -> None:
        """Start the part again whenever it ends, with growing pauses while it does not live long."""
        delay = FIRST_DELAY_SECONDS
        while True:
            began = monotonic()
            code = await part.wait()
            steady = monotonic() - began > STEADY_SECONDS
            delay = FIRST_DELAY_SECONDS if steady else min(delay * 2, LONGEST_DELAY_SECONDS)
            self.say(f"{part.name} ended ({_in_words(code)}): starting it again in {delay:g} s")
            if code > 0 and (tail := part.log_tail()):
                self.say(f"the end of {part.log_file}:\n{tail}")
            await asyncio.sleep(delay)
            try:
                await part.start()
                self.say(f"{part.name}: started again")
            except (StackError, OSError) as error:
                self.say(explain(error))


async def _until_signal(supervisor: _Supervisor) -> None:
    task = asyncio.create_task(supervisor.run())
    stopping = False

    def stop() -> None:
        # Only the first signal counts: another must not cut short the stop in order.
        nonlocal stopping
        if not stopping:
            stopping = True
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        supervisor.say("everything has stopped")


@contextlib.contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for this process. Raises `StackError` while another process holds it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "supervisor.lock").open("a+") as lock:
        lock.seek(0)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read().strip()
            raise StackError(
                f"The academy already runs with {data_dir} as process {holder}: use that one, "
                f"or end it with Ctrl-C or `kill {holder}`."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _require_space(data_dir: Path) -> None:
    free = shutil.disk_usage(data_dir).free
    if free < FREE_BYTES_NEEDED:
        raise StackError(
            f"The disk of {data_dir} is full: {free // 1_000_000} MB are free and "
            f"{FREE_BYTES_NEEDED // 1_000_000} MB are needed; free some, or set DATA_DIR to another disk."
        )


def _in_words(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
