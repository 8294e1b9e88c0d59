"""From the query parameters of the course list to what the database is asked."""

import unicodedata
from decimal import Decimal, InvalidOperation

import msgspec

from api.catalog.cursor import CursorError, decode_cursor
from api.http.problems import ProblemError
from api.http.schemas import FieldError
from db.queries.catalog import CourseFilters, Position

MOST_COURSES = 50
USUAL_COURSES = 20
MOST_WORDS = 8
HIGHEST_PRICE = Decimal("99999999.99")
"""The largest value of the brief's `DECIMAL(10,2)`."""


class ListQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the list: what, from where, how many, in which currency the prices are."""

    filters: CourseFilters
    after: Position | None
    limit: int
    currency: str

    def parameters(self) -> dict[str, str]:
        """The query parameters that ask this again, without the cursor."""
        asked = {
            "category": self.filters.category,
            "level": self.filters.level,
            "language": self.filters.language,
            "free": None if self.filters.free is None else str(self.filters.free).lower(),
            "priceMin": self.filters.price_min,
            "priceMax": self.filters.price_max,
            "q": " ".join(self.filters.words) or None,
            "limit": self.limit,
        }
        return {name: str(value) for name, value in asked.items() if value is not None}


def words_of(text: str | None) -> tuple[str, ...]:
    """The words of a search, composed as stored text is (Unicode NFC). Raises `ProblemError` naming `q`."""
    words = tuple(unicodedata.normalize("NFC", text or "").split())
    if len(words) > MOST_WORDS:
        raise refused("q", f"Expected at most {MOST_WORDS} words")
    return tuple(plain("q", word) for word in words)


def plain(field: str, value: str) -> str:
    """A value that can be text in PostgreSQL. Raises `ProblemError` naming the parameter."""
    if not is_storable(value):
        raise refused(field, "Expected text without control characters")
    return value


def is_storable(value: str) -> bool:
    """Whether a text has no control characters and no halves of a UTF-16 pair."""
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in value)


def price_bounds(lowest: str | None, highest: str | None) -> tuple[Decimal | None, Decimal | None]:
    """`priceMin` and `priceMax`, both included. Raises `ProblemError` naming the one that is wrong."""
    bounds = _price("priceMin", lowest), _price("priceMax", highest)
    if bounds[0] is not None and bounds[1] is not None and bounds[0] > bounds[1]:
        raise refused("priceMin", "Expected at most priceMax")
    return bounds


def position_of(cursor: str | None) -> Position | None:
    """Where the page before ended. Raises `ProblemError` naming `cursor`."""
    if cursor is None:
        return None
    try:
        return decode_cursor(cursor)
    except CursorError:
        raise refused("cursor", "Expected the `nextCursor` of an earlier answer") from None


def refused(field: str, message: str) -> ProblemError:
    """The problem of one query parameter."""
    return ProblemError("validation_failed", errors=[FieldError(field=field, message=message, location="query")])


def _price(field: str, value: str | None) -> Decimal | None:
    if value is None:
        return None
    try:
        price = Decimal(value)
    except InvalidOperation:
        price = Decimal("NaN")
    if not (price.is_finite() and 0 <= price <= HIGHEST_PRICE):
        raise refused(field, f"Expected an amount from 0 to {HIGHEST_PRICE}")
    return price
