"""The connection to PostgreSQL: one engine, one pool, every session in UTC."""

from typing import Any

import asyncpg
from piccolo.engine.postgres import PostgresEngine


class AcademyEngine(PostgresEngine):
    """Piccolo's engine without its connection attempt at import time."""

    async def check_version(self) -> None:
        """Nothing to check: `pyproject.toml` and the stack name the server's version."""


DB = AcademyEngine(config={})
"""The engine that every table belongs to; `connect` gives it its address."""


async def connect(database_url: str, pool_size: int) -> None:
    """Open the pool: at most `pool_size` connections, all in UTC. Raises `OSError` when nobody listens."""
    DB.config = {"dsn": database_url, "server_settings": {"timezone": "UTC", "application_name": "academy"}}
    DB.pool = await asyncpg.create_pool(
        **DB.config,
        min_size=min(2, pool_size),
        max_size=pool_size,
        command_timeout=30,
        reset=_leave_as_it_is,
    )


async def disconnect() -> None:
    """Close the pool; harmless when none is open."""
    if DB.pool is not None:
        await DB.pool.close()
        DB.pool = None


async def _leave_as_it_is(_connection: Any) -> None:
    """asyncpg would run RESET ALL at each release, a round trip for session state that we never set."""
