"""Cursors of the course list: opaque to callers, checked when they come back."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta

from db.queries.catalog import Position

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 the brief's columns are UTC without a zone
_FORM = re.compile(r"(-?\d{1,18})\.([\x21-\x7e]{1,100})")
LONGEST_CURSOR = 200


class CursorError(ValueError):
    """The text is no cursor of ours."""


def encode_cursor(position: Position) -> str:
    """The cursor of a position."""
    microseconds = (position.shown_at - _EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(f"{microseconds}.{position.course_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Position:
    """The position of a cursor. Raises `CursorError`."""
    if len(cursor) > LONGEST_CURSOR:
        raise CursorError
    try:
        plain = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        found = _FORM.fullmatch(plain)
        if found is None:
            raise CursorError
        position = Position(_EPOCH + timedelta(microseconds=int(found[1])), found[2])
    except (ValueError, OverflowError):
        raise CursorError from None
    # One position has one cursor, so that it cannot be written in many ways to fill the cache.
    if encode_cursor(position) != cursor:
        raise CursorError
    return position
