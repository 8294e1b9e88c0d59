"""`python -m stack.demo`: put the demo data into `DATABASE_URL`; again, it changes nothing."""

import asyncio
import sys

import asyncpg

from db.engine import connect, disconnect
from db.sql import fetch
from db.transaction import transaction
from settings import Settings, SettingsError, load_settings
from stack.demo.catalog import load_course
from stack.demo.content import courses, people, programmes
from stack.demo.people import load_people
from stack.demo.programmes import load_programme

DEMO_LOCK = 7_310_002
"""Advisory lock id: a second run waits for the first."""


async def load_demo(password: str) -> int:
    """Write what is missing, as one transaction on the open pool; the number of courses written."""
    async with transaction():
        await fetch("SELECT pg_advisory_xact_lock($1)", DEMO_LOCK)
        user_ids = await load_people(people(), password)
        written = sum([await load_course(category, course, user_ids) for category, course in courses()])
        for programme in programmes():
            await load_programme(programme, user_ids)
        return written


async def _run(settings: Settings, password: str) -> int:
    await connect(settings.database_url, pool_size=1)
    try:
        return await load_demo(password)
    finally:
        await disconnect()


def main() -> int:
    """Exit code 0 when the demo data is there."""
    try:
        settings = load_settings()
        if settings.app_env == "production":
            print("Demo logins have no place in production: nothing was written.", file=sys.stderr)
            return 1
        if not settings.database_url or settings.demo_password is None:
            print("Set DATABASE_URL and DEMO_PASSWORD (`make run` sets both).", file=sys.stderr)
            return 1
        written = asyncio.run(_run(settings, settings.demo_password.get_secret_value()))
    except (SettingsError, OSError, asyncpg.PostgresError) as error:
        print(f"The demo data was not written: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"Demo data: {written} courses written." if written else "Demo data: all there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
