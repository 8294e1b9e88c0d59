"""Voiding a question, and grading again what was handed in before: in batches, a transaction for each attempt."""

from datetime import datetime, timedelta
from functools import partial

import msgspec

from db.queries.audit import record_audit
from db.queries.authoring.editing import Author
from db.queries.learning.quiz_authoring import read_version
from db.queries.learning.quiz_grading import Graded, grade_again, lock_attempt
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from domain.learning.quizzes import REGRADE_BATCH, RegradeInput


class VoidRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A voided question."""

    id: str
    question_id: str
    voided_at: datetime
    regraded_at: datetime | None
    """When all attempts that were handed in before were graded again."""


class Regraded(msgspec.Struct, frozen=True):
    """What a batch did."""

    next: RegradeInput | None
    """The next batch; `None` at the end."""
    completed_enrollments: list[str]
    """Whose course is done by it: their stories are to be started."""


async def void_question(author: Author, version_id: str, question_id: str) -> VoidRow:
    """Void a question of a version, once: whoever was asked it has its full points.

    Raises `BusinessRefusalError("not_found")`.
    """
    version = await read_version(author, version_id)
    if question_id not in {question.id for question in version.content.questions}:
        raise BusinessRefusalError("not_found")

    async def work() -> None:
        # Waits for those who grade attempts of this version now; whoever comes later sees the void.
        await fetch("SELECT FROM quiz_versions WHERE id = $1 FOR NO KEY UPDATE", version_id)
        voided = await fetch(
            "INSERT INTO quiz_voids (id, version_id, question_id, voided_by) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (version_id, question_id) DO NOTHING RETURNING id",
            *(new_id(), version_id, question_id, author.user_id),
        )
        if voided:
            await record_audit(
                "quiz.question_voided",
                "quiz",
                version.id,
                actor_id=author.user_id,
                version=version.version.number,
                voidId=voided[0]["id"],
            )

    await in_transaction(work)
    found = await fetch_one(
        "SELECT id, question_id, voided_at, regraded_at FROM quiz_voids WHERE version_id = $1 AND question_id = $2",
        *(version_id, question_id),
    )
    if found is None:
        raise BusinessRefusalError("not_found")
    return VoidRow(**dict(found))


async def regrade_batch(batch: RegradeInput) -> Regraded:
    """Grade the next attempts again. Done twice it changes nothing more: a grade follows from answers and voids.

    Attempts that are handed in after the void was committed are graded by it anyway, so those that this walk finds are
    all that were before.
    """
    rows = await fetch(
        "SELECT a.id FROM quiz_attempts a JOIN quiz_voids o ON o.version_id = a.version_id"
        " WHERE o.id = $1 AND a.id > $2 AND a.submitted_at IS NOT NULL ORDER BY a.id LIMIT $3",
        *(batch.void_id, batch.after_attempt_id, REGRADE_BATCH),
    )
    completed, changed = [], batch.regraded
    for row in rows:
        graded = await in_transaction(partial(_grade_again, row["id"]))
        changed += graded.is_changed
        if graded.completed_enrollment is not None:
            completed.append(graded.completed_enrollment)
    if len(rows) == REGRADE_BATCH:
        return Regraded(RegradeInput(batch.void_id, rows[-1]["id"], changed), completed)
    await _mark_regraded(batch.void_id, changed)
    return Regraded(None, completed)


async def voids_without_story(older_than: timedelta, limit: int) -> list[str]:
    """Voids whose regrading may never have been started, oldest first."""
    rows = await fetch(
        "SELECT id FROM quiz_voids WHERE regraded_at IS NULL AND voided_at < now() - $1::interval"
        " ORDER BY voided_at LIMIT $2",
        *(older_than, limit),
    )
    return [row["id"] for row in rows]


async def _grade_again(attempt_id: str) -> Graded:
    attempt = await lock_attempt(attempt_id)
    return Graded(is_changed=False) if attempt is None else await grade_again(attempt)


async def _mark_regraded(void_id: str, changed: int) -> None:
    async def work() -> None:
        marked = await fetch(
            "UPDATE quiz_voids o SET regraded_at = now() FROM quiz_versions v WHERE o.id = $1 AND v.id = o.version_id"
            " AND o.regraded_at IS NULL RETURNING v.quiz_id",
            void_id,
        )
        if marked:
            await record_audit("quiz.regraded", "quiz", marked[0]["quiz_id"], voidId=void_id, count=changed)

    await in_transaction(work)
