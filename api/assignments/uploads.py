"""A learner's files: announced, uploaded to the storage itself, confirmed; and read by those who may."""

import secrets
from datetime import UTC, datetime

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from api.access import requires
from api.assignments.assignment import largest_bytes
from api.assignments.common import OF_LEARNERS, grader_of, open_assignment
from api.assignments.schemas import Download, Upload, UploadBody
from api.http.problems import ProblemError
from api.http.schemas import FieldError
from api.subject import Subject
from bootstrap import Services
from db.queries.assignments.files import (
    StoredFile,
    abandon_file,
    announce_file,
    folder_of,
    mark_stored,
    read_own_file,
    readable_key,
    upload_key,
)
from db.queries.assignments.rows import FileRow
from domain.assignments.file_types import EXTENSIONS, HEAD_BYTES, LARGEST_TEXT, TAIL_BYTES, TEXT, is_of_type
from domain.assignments.submission import DOWNLOAD_LIFE, UPLOAD_LIFE
from domain.identity.roles import Permission


@post(
    "/api/v1/lessons/{lesson_id:str}/uploads",
    operation_id="createUpload",
    tags=["Assignments"],
    **requires(Permission.COURSE_VIEW, *OF_LEARNERS, "too_many_files", "validation_failed"),
)
async def create_upload(
    data: JSONBody[UploadBody],
    lesson_id: FromPath[str],
    services: NamedDependency[Services],
    subject: NamedDependency[Subject],
) -> Response[Upload]:
    """Announce a file of an assignment; the answer says where to send it."""
    _require_acceptable(data, largest_bytes(services))
    enrollment_id, _ = await open_assignment(subject, lesson_id)
    expires_at = datetime.now(UTC) + UPLOAD_LIFE
    file_id = await announce_file(enrollment_id, lesson_id, data.name, data.size, data.media_type)
    url = await services.storage.upload_url(upload_key(file_id), data.size, UPLOAD_LIFE)
    return Response(Upload(file_id, "PUT", url, expires_at))


@post(
    "/api/v1/uploads/{upload_id:str}/confirmation",
    operation_id="confirmUpload",
    tags=["Assignments"],
    status_code=HTTP_200_OK,
    **requires(
        Permission.COURSE_VIEW,
        *OF_LEARNERS,
        "upload_missing",
        "file_size_differs",
        "file_type_refused",
        "service_unavailable",
    ),
)
async def confirm_upload(
    upload_id: FromPath[str], services: NamedDependency[Services], subject: NamedDependency[Subject]
) -> FileRow:
    """Say that the file was sent: it is looked at, and can be handed in. Repeating it changes nothing."""
    file = await read_own_file(upload_id, subject.user_id)
    if file is None or file.lesson_id is None:
        raise ProblemError("not_found")
    if file.state == "stored":
        return file.shown()
    await open_assignment(subject, file.lesson_id)
    if not file.is_in_time:
        raise ProblemError("upload_missing")
    # Nobody has an address of this key: what is checked here cannot be changed any more.
    key = f"{folder_of(file.id)}/{secrets.token_hex(8)}.{EXTENSIONS[file.media_type]}"
    if not await services.storage.copy(upload_key(file.id), key):
        raise ProblemError("upload_missing")
    problem = await _problem_of(services, key, file)
    if problem is not None:
        await abandon_file(file.id)
        await services.storage.delete(key, upload_key(file.id))
        raise ProblemError(problem)
    if not await mark_stored(file.id, key):  # another confirmation was first
        await services.storage.delete(key)
    stored = await read_own_file(file.id, subject.user_id)
    if stored is None:
        raise ProblemError("not_found")
    return stored.shown()


@get(
    "/api/v1/uploads/{upload_id:str}/download",
    operation_id="getUploadDownload",
    tags=["Assignments"],
    **requires(Permission.COURSE_VIEW, "not_found", "service_unavailable"),
)
async def get_upload_download(
    upload_id: FromPath[str], services: NamedDependency[Services], subject: NamedDependency[Subject]
) -> Response[Download]:
    """Where to read a file: for its learner, and for the graders of its course once it is handed in."""
    teaches = Permission.COURSE_MANAGE in subject.permissions
    key = await readable_key(upload_id, subject.user_id, is_teaching=teaches, any_course=grader_of(subject).any_course)
    if key is None:
        raise ProblemError("not_found")
    expires_at = datetime.now(UTC) + DOWNLOAD_LIFE
    url = await services.storage.download_url(key, DOWNLOAD_LIFE)
    return Response(Download(url, expires_at), headers={"Cache-Control": "no-store"})


def _require_acceptable(data: UploadBody, largest: int) -> None:
    errors = []
    if data.media_type not in EXTENSIONS:
        errors.append(FieldError(field="mediaType", message=f"One of: {', '.join(EXTENSIONS)}."))
    most = min(largest, LARGEST_TEXT) if data.media_type == TEXT else largest
    if data.size > most:
        errors.append(FieldError(field="size", message=f"At most {most} bytes."))
    if errors:
        raise ProblemError("validation_failed", errors=errors)


async def _problem_of(services: Services, key: str, file: StoredFile) -> str | None:
    """What is wrong with a copied upload: the code of a problem, or nothing."""
    size = await services.storage.size(key)
    if size != file.size:
        return "file_size_differs"
    head = await services.storage.read(key, 0, size if file.media_type == TEXT else min(size, HEAD_BYTES))
    tail = await services.storage.read(key, max(0, size - TAIL_BYTES), size)
    return None if is_of_type(file.media_type, head, tail) else "file_type_refused"
