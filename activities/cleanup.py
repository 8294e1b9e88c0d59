"""The walk over rows of identity that mean nothing any more."""

from temporalio import activity

from activities.sweeps import SweepReport
from db.queries.identity.cleanup import delete_ended_sessions, delete_old_links, delete_used_tokens
from domain.identity.retention import KEPT_FOR

BATCH = 1000
"""Rows deleted by one statement."""

MOST_BATCHES = 200
"""Of each kind in one run: what is left over, the next run finds."""


class Cleanup:
    """Forgets what nobody needs; needs nothing but the database."""

    @activity.defn(name="clean_identity")
    async def identity(self) -> SweepReport:
        """Delete ended sessions, used refresh tokens and expired links, each `KEPT_FOR` after their end.

        Counters of failed logins need no walk: Valkey forgets them by itself.
        """
        deleted = 0
        for delete in (delete_ended_sessions, delete_used_tokens, delete_old_links):
            for _ in range(MOST_BATCHES):
                count = await delete(KEPT_FOR, BATCH)
                deleted += count
                activity.heartbeat()
                if count < BATCH:
                    break
        return SweepReport(seen=deleted, started=0)
