"""The reference's one activity. Frozen: see the package."""

from dataclasses import dataclass

import asyncpg
from temporalio import activity

TABLE = """
CREATE TABLE IF NOT EXISTS reference_rows (
    run_id TEXT NOT NULL, step INTEGER NOT NULL, written_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, step)
)
"""


@dataclass
class Row:
    """What an activity writes."""

    run_id: str
    step: int


class Steps:
    """The activity, with its pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @activity.defn(name="reference_insert")
    async def insert(self, row: Row) -> None:
        """One autocommit INSERT."""
        await self._pool.execute("INSERT INTO reference_rows (run_id, step) VALUES ($1, $2)", row.run_id, row.step)
