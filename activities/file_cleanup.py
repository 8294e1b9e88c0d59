"""The walk over uploaded files that nobody needs."""

from temporalio import activity

from activities.sweeps import SweepReport
from db.queries.assignments.files import files_to_sweep, folder_of, mark_swept
from gateways.storage.protocol import Storage

BATCH = 500
"""Files looked at in one run: what is left over, the next run finds."""


class FileCleanup:
    """Deletes what is stored of a file but its checked copy; of an abandoned one, everything."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    @activity.defn(name="clean_files")
    async def sweep(self) -> SweepReport:
        """Objects first, then rows: a crash in between forgets nothing. Raises `OutageError`."""
        files = await files_to_sweep(BATCH)
        forgotten = 0
        for file in files:
            activity.heartbeat()
            kept = None if file.is_abandoned else file.storage_key
            stored = await self._storage.keys(folder_of(file.id))
            await self._storage.delete(*(key for key in stored if key != kept))
            await mark_swept(file)
            forgotten += file.is_abandoned
        return SweepReport(seen=len(files), started=forgotten)
