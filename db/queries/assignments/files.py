"""Files of learners: announced, stored once they were checked, attached by a submission; or abandoned."""

from datetime import timedelta

import msgspec

from db.queries.assignments.rows import FileRow
from db.queries.learning.completion import lock_enrollment
from db.sql import fetch, fetch_as, fetch_one
from db.transaction import in_transaction
from domain.assignments.submission import KEPT_UNUSED, MOST_OPEN_FILES, UPLOAD_LIFE
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file with what only its owner and the sweep need."""

    id: str
    lesson_id: str | None
    name: str
    media_type: str
    size: int
    state: str
    storage_key: str | None
    is_in_time: bool
    """Whether what was announced may still be confirmed."""

    def shown(self) -> FileRow:
        """What everybody sees who may."""
        return FileRow(id=self.id, name=self.name, media_type=self.media_type, size=self.size, state=self.state)


class SweptFile(msgspec.Struct, frozen=True):
    """A file of whose objects the sweep leaves one, or none."""

    id: str
    storage_key: str | None
    is_abandoned: bool


def upload_key(file_id: str) -> str:
    """Where an upload goes."""
    return f"{folder_of(file_id)}/upload"


def folder_of(file_id: str) -> str:
    """Everything that is stored of a file lies below."""
    return f"assignments/{file_id}"


async def announce_file(enrollment_id: str, lesson_id: str, name: str, size: int, media_type: str) -> str:
    """A new file's id. Raises `BusinessRefusalError("too_many_files")`."""
    file_id = new_id()

    async def work() -> None:
        await lock_enrollment(enrollment_id)
        [row] = await fetch(
            "SELECT count(*) AS open FROM assignment_files WHERE enrollment_id = $1 AND lesson_id = $2"
            " AND submission_id IS NULL AND state <> 'abandoned'",
            *(enrollment_id, lesson_id),
        )
        if row["open"] >= MOST_OPEN_FILES:
            raise BusinessRefusalError("too_many_files")
        await fetch(
            "INSERT INTO assignment_files (id, enrollment_id, lesson_id, name, media_type, size, state)"
            " VALUES ($1, $2, $3, $4, $5, $6, 'announced')",
            *(file_id, enrollment_id, lesson_id, name, media_type, size),
        )

    await in_transaction(work)
    return file_id


async def read_own_file(file_id: str, user_id: str) -> StoredFile | None:
    """A file of this learner's that is not abandoned."""
    rows = await fetch_as(
        StoredFile,
        """SELECT f.id, f.lesson_id, f.name, f.media_type, f.size, f.state, f.storage_key,
                  f.created_at > now() - $3::interval AS is_in_time
           FROM assignment_files f JOIN course_enrollments e ON e.id = f.enrollment_id
           WHERE f.id = $1 AND e."userId" = $2 AND f.state <> 'abandoned'""",
        *(file_id, user_id, KEPT_UNUSED),
    )
    return rows[0] if rows else None


async def mark_stored(file_id: str, storage_key: str) -> bool:
    """The checked copy lies there; `False` when another confirmation was first, or the file is abandoned."""
    sql = (
        "UPDATE assignment_files SET state = 'stored', storage_key = $2 WHERE id = $1 AND state = 'announced'"
        " RETURNING id"
    )
    return bool(await fetch(sql, file_id, storage_key))


async def abandon_file(file_id: str) -> None:
    """What was uploaded is not what was announced."""
    await fetch("UPDATE assignment_files SET state = 'abandoned' WHERE id = $1 AND state = 'announced'", file_id)


async def readable_key(file_id: str, reader_id: str, *, is_teaching: bool, any_course: bool) -> str | None:
    """Where a stored file lies, for its learner and, once it is handed in, for the graders of its course."""
    row = await fetch_one(
        """SELECT f.storage_key FROM assignment_files f JOIN course_enrollments e ON e.id = f.enrollment_id
           JOIN courses c ON c.id = e."courseId"
           WHERE f.id = $1 AND f.state = 'stored'
             AND (e."userId" = $2 OR (f.submission_id IS NOT NULL AND $3 AND ($4 OR c."instructorId" = $2)))""",
        *(file_id, reader_id, is_teaching, any_course),
    )
    return None if row is None else str(row["storage_key"])


async def files_to_sweep(limit: int) -> list[SweptFile]:
    """Abandon what no submission took in time, and answer with the files whose objects are to be deleted.

    A stored file comes once, when its upload's address is over; an abandoned one until its row is gone.
    """
    await fetch(
        "UPDATE assignment_files SET state = 'abandoned' WHERE submission_id IS NULL AND state <> 'abandoned'"
        " AND created_at < now() - $1::interval",
        KEPT_UNUSED,
    )
    return await fetch_as(
        SweptFile,
        """SELECT id, storage_key, state = 'abandoned' AS is_abandoned FROM assignment_files
           WHERE (swept_at IS NULL OR submission_id IS NULL) AND created_at < now() - $1::interval
             AND (state = 'abandoned' OR (state = 'stored' AND swept_at IS NULL))
           ORDER BY created_at LIMIT $2""",
        *(UPLOAD_LIFE + timedelta(minutes=15), limit),
    )


async def mark_swept(file: SweptFile) -> None:
    """Its objects are deleted: an abandoned file is forgotten."""
    if file.is_abandoned:
        await fetch("DELETE FROM assignment_files WHERE id = $1 AND state = 'abandoned'", file.id)
    else:
        await fetch("UPDATE assignment_files SET swept_at = now() WHERE id = $1", file.id)
