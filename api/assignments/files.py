"""What presigned addresses are on S3, for a storage that signs none: a local directory."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, get, put
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Stream
from litestar.status_codes import HTTP_204_NO_CONTENT

from api.access import PUBLIC, requires
from api.http.bodies import OF_A_BODY
from api.http.problems import ProblemError
from bootstrap import Services
from domain.file_tokens import LONGEST_TOKEN, FileGrant

PATH = "/api/v1/files/{token:str}"
UPLOAD_SECONDS = 600.0
"""For one body: 25 MB at 42 kB/s."""
BYTES = "application/octet-stream"
Token = Annotated[str, PathParameter(max_length=LONGEST_TOKEN)]


@put(
    PATH,
    operation_id="putFile",
    tags=["Files"],
    status_code=HTTP_204_NO_CONTENT,
    request_max_body_size=None,
    **requires(PUBLIC, "not_found", *OF_A_BODY, body_seconds=UPLOAD_SECONDS),
)
async def put_file(token: Token, request: Request[Any, Any, Any], services: NamedDependency[Services]) -> None:
    """Upload to an address that the API gave out: the body is the file, of any media type. 404 once it is over."""
    grant = _grant(services, token, "PUT")
    await services.storage.write(grant.key, _limited(request, grant.most_bytes))


@get(PATH, operation_id="getFile", tags=["Files"], media_type=BYTES, **requires(PUBLIC, "not_found"))
async def get_file(token: Token, services: NamedDependency[Services]) -> Stream:
    """Download from an address that the API gave out. 404 once it is over."""
    key = _grant(services, token, "GET").key
    pieces = await services.storage.open(key)
    if pieces is None:
        raise ProblemError("not_found")
    name = key.rpartition("/")[2]
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Stream(pieces, media_type=BYTES, headers=headers)


def _grant(services: Services, token: str, method: str) -> FileGrant:
    grant = services.file_tokens.read(token, method, datetime.now(UTC))
    if grant is None:
        raise ProblemError("not_found")
    return grant


async def _limited(request: Request[Any, Any, Any], most_bytes: int) -> AsyncIterator[bytes]:
    """The body, as far as it is allowed. Nothing is stored of one that is longer, or cut off."""
    received = 0
    async for piece in request.stream():
        received += len(piece)
        if received > most_bytes:
            raise ProblemError("body_too_large")
        if piece:
            yield piece
