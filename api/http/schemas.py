"""The base of what the API reads and writes."""

from datetime import datetime
from typing import Annotated

import msgspec

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]
"""RFC 3339, with its offset."""


class ApiStruct(msgspec.Struct, rename="camel"):
    """A request or response body: snake_case here, camelCase in JSON. Unknown fields of a request are ignored."""


class FieldError(ApiStruct, omit_defaults=True):
    """One thing wrong with one value of the request."""

    field: str
    """The field's JSON path (`billing.postalCode`), or the parameter's name."""
    message: str
    location: str = "body"
    """`body`, `query`, `path`, `header` or `cookie`."""


class Problem(ApiStruct, omit_defaults=True):
    """An RFC 9457 problem, with our members `code`, `requestId` and `errors`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str = ""
    errors: list[FieldError] = []
