"""What the authoring routes share: who writes, `If-Match`, and what follows a change."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Response
from litestar.background_tasks import BackgroundTask
from litestar.params import HeaderParameter
from msgspec import UNSET, Meta, UnsetType

from api.http.problems import ProblemError
from api.http.schemas import FieldError
from api.learning.stories import tell_completions
from api.subject import Subject
from bootstrap import Services
from db.queries.authoring.editing import Author
from domain.identity.roles import Permission
from domain.learning.links import is_https

T = TypeVar("T")

EDITING = ("not_found", "version_changed", "course_incomplete", "validation_failed")
"""Problems of every change of a course."""

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        pattern=r'^("[0-9]{1,9}"|\*)$',
        description="The `ETag` of what was read: 412 when the course has changed since. Without it the last one wins.",
    ),
]

Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\r\n]*\S[^\r\n]*$")]
Words = Annotated[str, Meta(max_length=10_000)]
LongText = Annotated[str, Meta(max_length=200_000)]
Slug = Annotated[str, Meta(max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["dosha-and-diet"])]
Link = Annotated[str, Meta(max_length=2000, pattern=r"^https://\S+$")]
Id = Annotated[str, Meta(min_length=1, max_length=64)]
Minutes = Annotated[int, Meta(ge=1, le=100_000)]
MaybeText = Words | UnsetType | None
MaybeLink = Link | UnsetType | None
MaybeId = Id | UnsetType | None
MaybeMinutes = Minutes | UnsetType | None


def author_of(subject: Subject) -> Author:
    """Who may publish may write any course, others only their own."""
    return Author(subject.user_id, any_course=Permission.COURSE_PUBLISH in subject.permissions)


def version_of(if_match: str | None) -> int | None:
    """The version that `If-Match` names; `None` where any will do."""
    return None if if_match in (None, "*") else int(str(if_match).strip().strip('"'))


def etag(version: int) -> dict[str, str]:
    """The headers of a course, or of a part of it, at this version."""
    return {"ETag": f'"{version}"'}


def given(data: msgspec.Struct, columns: Mapping[str, str]) -> dict[str, Any]:
    """What a body says, by column: `columns` maps its fields."""
    values = {column: getattr(data, name) for name, column in columns.items()}
    return {column: value for column, value in values.items() if value is not UNSET}


def require_https(data: msgspec.Struct, *fields: str) -> None:
    """Raise `ProblemError("validation_failed")` for an address that no browser should open."""
    wrong = []
    names = {field.name: field.encode_name for field in msgspec.structs.fields(data)}
    for name in fields:
        value = getattr(data, name)
        addresses = value if isinstance(value, list) else [value]
        if not all(is_https(address) for address in addresses if isinstance(address, str)):
            message = "An absolute `https` address, without a login in it."
            wrong.append(FieldError(field=names[name], message=message))
    if wrong:
        raise ProblemError("validation_failed", errors=wrong)


def answer(content: T, services: Services, completed: Sequence[str] = (), **more: Any) -> Response[T]:
    """An answer after which the stories of those are started who are done by the change."""
    task = BackgroundTask(tell_completions, services, completed) if completed else None
    return Response(content, background=task, **more)
