"""Migrations are SQL, in a numbered folder each (ADR 2); Piccolo keeps the order and remembers what ran."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from db.engine import DB

SQL = Path(__file__).parent / "sql"


def run_sql_folder(name: str) -> Callable[[], Awaitable[None]]:
    """A raw step that runs every file of `sql/{name}` in the order of their names, in the migration's transaction."""

    async def run() -> None:
        current = DB.current_transaction.get()
        if current is None:
            raise RuntimeError("a migration runs in a transaction")
        for path in sorted((SQL / name).glob("*.sql")):
            await current.connection.execute(path.read_text())

    return run
