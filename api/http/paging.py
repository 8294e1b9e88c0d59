"""Lists by cursor: the id of the last item leads to the next page (RFC 8288 `Link`)."""

from collections.abc import Sequence
from typing import Protocol, TypeVar


class HasId(Protocol):
    """An item of a list, ordered by its id."""

    @property
    def id(self) -> str:
        """The cursor of the page that follows this item."""
        ...


T = TypeVar("T", bound=HasId)


def page_of(rows: Sequence[T], limit: int, path: str, query: str = "") -> tuple[list[T], str | None, dict[str, str]]:
    """The page, its `nextCursor` and its `Link` header, from up to `limit + 1` rows.

    `query` is what else was asked, encoded, without cursor and limit.
    """
    items = list(rows[:limit])
    if len(rows) <= limit:
        return items, None, {}
    cursor = items[-1].id
    return items, cursor, {"Link": f'<{path}?{query and query + "&"}cursor={cursor}&limit={limit}>; rel="next"'}
