"""Files: what is checked is what is kept, only its own people read it, what is not used goes."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.file_cleanup import FileCleanup
from bootstrap import Services
from db.queries.assignments.files import folder_of
from db.sql import fetch, fetch_one
from domain.file_tokens import FileGrant
from tests.integration.assignments.classroom import PDF, Classroom, path_of

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 40


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code")


async def swept(services: Services) -> None:
    """The walk, outside of Temporal."""
    from temporalio.testing import ActivityEnvironment

    await ActivityEnvironment().run(FileCleanup(services.storage).sweep)


async def age(file_id: str, by: timedelta) -> None:
    await fetch("UPDATE assignment_files SET created_at = now() - $2::interval WHERE id = $1", file_id, by)


async def test_a_file_goes_the_whole_way_and_comes_back(room: Classroom, services: Services) -> None:
    content = PDF + b"\x00" * 700_000
    file_id = await room.learner.upload(room.lesson_id, content)
    download = (await room.learner.call("GET", f"/uploads/{file_id}/download")).json()
    assert datetime.fromisoformat(download["expiresAt"]) <= datetime.now(UTC) + timedelta(minutes=5)
    got = await room.learner.client.get(path_of(download["url"]))
    assert (got.status_code, got.content == content, got.headers["content-type"]) == (
        200,
        True,
        "application/octet-stream",
    )
    assert got.headers["content-disposition"].startswith("attachment")
    row = await fetch_one("SELECT * FROM assignment_files WHERE id = $1", file_id)
    assert row is not None
    assert "मेरा" not in row["storage_key"]
    assert "मेरा" not in download["url"]
    again = await room.learner.call("POST", f"/uploads/{file_id}/confirmation")
    assert (again.status_code, again.json()["state"]) == (200, "stored")


@pytest.mark.parametrize(
    ("content", "changes", "expected"),
    [
        (PNG, {"name": "work.pdf"}, (422, "file_type_refused")),
        (b"<html><script>alert(1)</script>", {"name": "work.pdf"}, (422, "file_type_refused")),
        (PDF[:20], {"size": len(PDF)}, (422, "file_size_differs")),
    ],
)
async def test_content_decides_and_not_the_name(
    room: Classroom, services: Services, content: bytes, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    upload = (await room.learner.announce(room.lesson_id, content, **changes)).json()
    await room.learner.put(upload["url"], content)
    confirmation = f"/uploads/{upload['id']}/confirmation"
    assert code(await room.learner.call("POST", confirmation)) == expected
    assert await services.storage.keys(folder_of(upload["id"])) == [], "nothing of it is kept"
    assert code(await room.learner.call("POST", confirmation)) == (404, "not_found")


async def test_more_than_announced_is_not_taken(room: Classroom, services: Services) -> None:
    upload = (await room.learner.announce(room.lesson_id, PDF)).json()
    assert code(await room.learner.put(upload["url"], PDF + b"x")) == (413, "body_too_large")
    assert code(await room.learner.call("POST", f"/uploads/{upload['id']}/confirmation")) == (409, "upload_missing")
    # S3 takes whatever is sent to a presigned address: what is larger is found out when it is confirmed.
    await services.storage.create(f"{folder_of(upload['id'])}/upload", PDF + b"x")
    answer = await room.learner.call("POST", f"/uploads/{upload['id']}/confirmation")
    assert code(answer) == (422, "file_size_differs")


@pytest.mark.parametrize(
    "wrong",
    [
        {"mediaType": "text/html"},
        {"mediaType": "application/zip"},
        {"size": 25_000_001},
        {"size": 0},
        {"mediaType": "text/plain", "size": 1_048_577},
        {"name": "a/b.pdf"},
        {"name": "a\nb.pdf"},
        {"name": ""},
    ],
)
async def test_what_cannot_be_announced(room: Classroom, wrong: dict[str, Any]) -> None:
    assert code(await room.learner.announce(room.lesson_id, **wrong)) == (422, "validation_failed")


async def test_another_put_after_the_check_changes_nothing(room: Classroom, services: Services) -> None:
    upload = (await room.learner.announce(room.lesson_id)).json()
    await room.learner.put(upload["url"])
    await room.learner.call("POST", f"/uploads/{upload['id']}/confirmation")
    other = b"%PDF" + b"!" * (len(PDF) - 4)
    assert (await room.learner.put(upload["url"], other)).status_code == 204
    url = (await room.learner.call("GET", f"/uploads/{upload['id']}/download")).json()["url"]
    assert (await room.learner.client.get(path_of(url))).content == PDF


async def test_confirmed_by_many_tabs_at_once_it_is_stored_once(room: Classroom, services: Services) -> None:
    upload = (await room.learner.announce(room.lesson_id)).json()
    await room.learner.put(upload["url"])
    calls = (room.learner.call("POST", f"/uploads/{upload['id']}/confirmation") for _ in range(6))
    assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
    row = await fetch_one("SELECT storage_key FROM assignment_files WHERE id = $1", upload["id"])
    assert row is not None
    upload_itself = f"{folder_of(upload['id'])}/upload"
    assert set(await services.storage.keys(folder_of(upload["id"]))) == {row["storage_key"], upload_itself}
    await age(upload["id"], timedelta(hours=1))
    await swept(services)
    assert await services.storage.keys(folder_of(upload["id"])) == [row["storage_key"]]


async def test_an_address_works_for_one_method_and_until_it_is_over(room: Classroom, services: Services) -> None:
    client, key = room.learner.client, "assignments/x/upload"
    past, future = (int((datetime.now(UTC) + timedelta(seconds=s)).timestamp()) for s in (-1, 60))
    over = services.file_tokens.issue(FileGrant("PUT", key, past, 100))
    for_reading = services.file_tokens.issue(FileGrant("GET", key, future))
    for token in (over, for_reading, "", "a.b", f"{for_reading}x"):
        assert (await client.put(f"/api/v1/files/{token}", content=b"x")).status_code in (404, 405), token
    assert await services.storage.size(key) is None
    assert (await client.get(f"/api/v1/files/{for_reading}")).status_code == 404, "there is no such object"


async def test_only_its_own_people_read_a_file(room: Classroom, services: Services) -> None:
    file_id = await room.learner.upload(room.lesson_id)
    path = f"/uploads/{file_id}/download"

    async def readers() -> list[int]:
        people = (room.learner, room.instructor, room.admin, room.stranger)
        return [(await one.call("GET", path)).status_code for one in people]

    assert await readers() == [200, 404, 404, 404], "what is not handed in is nobody's business"
    await room.learner.hand_in(room.lesson_id, file_id)
    assert await readers() == [200, 200, 200, 404]
    await fetch("UPDATE users SET roles = '{Student}' WHERE id = $1", room.instructor.person.id)
    assert await readers() == [200, 404, 200, 404], "an instructor who is none any more"
    assert code(await room.stranger.call("POST", f"/uploads/{file_id}/confirmation")) == (404, "not_found")


async def test_who_may_not_open_the_lesson_uploads_nothing(room: Classroom) -> None:
    assert code(await room.stranger.announce(room.lesson_id)) == (403, "lesson_locked")
    upload = (await room.learner.announce(room.lesson_id)).json()
    await room.learner.put(upload["url"])
    await fetch("UPDATE entitlements SET ended_at = now() WHERE user_id = $1", room.learner.person.id)
    for answer in (
        await room.learner.announce(room.lesson_id),
        await room.learner.call("POST", f"/uploads/{upload['id']}/confirmation"),
        await room.learner.call("GET", f"/lessons/{room.lesson_id}/assignment"),
    ):
        assert code(answer) == (403, "lesson_locked")
    await fetch('UPDATE course_lessons SET "isPreview" = TRUE WHERE id = $1', room.lesson_id)
    assert code(await room.learner.announce(room.lesson_id)) == (409, "not_enrolled")
    assert code(await room.stranger.announce(room.lesson_id)) == (409, "not_enrolled")


async def test_what_is_not_handed_in_goes_after_a_day(room: Classroom, services: Services) -> None:
    never_sent = (await room.learner.announce(room.lesson_id)).json()["id"]
    unconfirmed = (await room.learner.announce(room.lesson_id)).json()
    await room.learner.put(unconfirmed["url"])
    unused, used = await room.learner.upload(room.lesson_id), await room.learner.upload(room.lesson_id)
    await room.learner.hand_in(room.lesson_id, used)
    young = await room.learner.upload(room.lesson_id)
    for file_id in (never_sent, unconfirmed["id"], unused, used):
        await age(file_id, timedelta(hours=25))
    await swept(services)
    left = {row["id"] for row in await fetch("SELECT id FROM assignment_files WHERE lesson_id = $1", room.lesson_id)}
    assert left == {used, young}
    for file_id in (never_sent, unconfirmed["id"], unused):
        assert await services.storage.keys(folder_of(file_id)) == []
    assert len(await services.storage.keys(folder_of(used))) == 1
    late = await room.learner.call("POST", f"/uploads/{unconfirmed['id']}/confirmation")
    assert code(late) == (404, "not_found")


async def test_files_of_a_deleted_lesson_go_too(room: Classroom, services: Services) -> None:
    file_id = await room.learner.upload(room.lesson_id)
    await room.learner.hand_in(room.lesson_id, file_id)
    await fetch("DELETE FROM course_lessons WHERE id = $1", room.lesson_id)
    await age(file_id, timedelta(hours=25))
    await swept(services)
    assert await services.storage.keys(folder_of(file_id)) == []
    assert not await fetch("SELECT FROM assignment_files WHERE id = $1", file_id)


async def test_nobody_fills_the_storage(room: Classroom) -> None:
    for _ in range(10):
        assert (await room.learner.announce(room.lesson_id)).status_code == 201
    assert code(await room.learner.announce(room.lesson_id)) == (409, "too_many_files")
