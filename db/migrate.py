"""`python -m db.migrate`: bring `DATABASE_URL` to the newest schema, one job at a time."""

import asyncio

import asyncpg
from piccolo.apps.migrations.commands.forwards import run_forwards

from db.engine import connect, disconnect
from settings import current_settings

MIGRATION_LOCK = 7_310_001
"""Advisory lock id: Piccolo itself lets two migration jobs run at once."""


class MigrationError(Exception):
    """A migration failed; the text says which job to look at, never data."""


async def migrate(database_url: str) -> None:
    """Apply what is missing, holding a lock so that a second job waits. Raises `MigrationError`."""
    lock = await asyncpg.connect(database_url)
    try:
        await lock.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        await connect(database_url, pool_size=2)
        try:
            result = await run_forwards(app_name="academy", migration_id="all")
        finally:
            await disconnect()
        if not result.success:
            raise MigrationError(f"the migration did not finish: {result.message}")
    finally:
        await lock.close()


def main() -> None:
    """Exits with one line on standard error when the schema could not be brought up to date."""
    url = current_settings().database_url
    if not url:
        raise SystemExit("DATABASE_URL is not set: name the database to migrate.")
    try:
        asyncio.run(migrate(url))
    except asyncpg.PostgresError as error:
        # Its text may name the value that stands in the way.
        where = ", ".join(filter(None, (error.sqlstate, error.table_name, error.constraint_name)))
        raise SystemExit(f"Migration failed: {type(error).__name__} ({where})") from None
    except (OSError, MigrationError) as error:
        raise SystemExit(f"Migration failed: {type(error).__name__}: {error}") from None


if __name__ == "__main__":
    main()
