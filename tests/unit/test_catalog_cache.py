"""Keys, cursors and the rule that keeps the catalog's cache right."""

import asyncio
from base64 import urlsafe_b64encode
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.catalog.cursor import CursorError, decode_cursor, encode_cursor
from cache import catalog
from cache.catalog import MOST_HELD_PAGES, CatalogCache, Page
from cache.keys import LAYOUT, CacheKey, course_list, course_page
from db.queries.catalog import CourseFilters, Position

MOMENTS = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31))  # noqa: DTZ001


class Shelf:
    """Valkey, as far as the cache sees it."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def get(self, key: CacheKey) -> bytes | None:
        return self.values.get(key.name)

    async def set(self, key: CacheKey, value: bytes) -> None:
        self.values[key.name] = value


class Catalog:
    """The database, as far as the cache sees it."""

    def __init__(self) -> None:
        self.generation = "first"
        self.reads = 0

    async def read_generation(self) -> str:
        self.reads += 1
        await asyncio.sleep(0)
        return self.generation


def page(text: str) -> Page:
    return Page(text.encode(), '"tag"')


def made(shelf: Shelf, source: Catalog) -> CatalogCache:
    return CatalogCache(shelf, source.read_generation)  # type: ignore[arg-type]


def test_the_list_key_has_the_briefs_shape() -> None:
    key = course_list("herbology", CourseFilters(category="herbology"), "g1")
    assert key.name.startswith("course:list:herbology:g1.")
    assert key.seconds == 3600
    assert course_list(None, CourseFilters(), "g1").name.startswith("course:list:all:g1.")
    assert course_list("a:b *\n", CourseFilters(), "g1").name.startswith("course:list:a%3Ab%20%2A%0A:g1.")


def test_every_part_of_a_question_is_in_its_key() -> None:
    questions = [
        CourseFilters(),
        CourseFilters(category="all"),
        CourseFilters(level="beginner"),
        CourseFilters(language="hi"),
        CourseFilters(free=True),
        CourseFilters(free=False),
        CourseFilters(price_min=Decimal(1)),
        CourseFilters(price_max=Decimal(1)),
        CourseFilters(words=("a", "b")),
        CourseFilters(words=("a b",)),
    ]
    names = [course_list(question.category, question, "g1").name for question in questions]
    assert len(set(names)) == len(questions)
    assert course_list(None, CourseFilters(), "g2").name not in names


def test_a_course_key_names_course_generation_layout_and_currency() -> None:
    assert course_page("yoga", "INR", "g1") == CacheKey(f"course:page:yoga:g1.{LAYOUT}.INR", 3600)


@given(MOMENTS, st.uuids())
def test_a_cursor_comes_back_as_it_went(moment: datetime, course: object) -> None:
    position = Position(moment, str(course))
    assert decode_cursor(encode_cursor(position)) == position


@given(st.text(max_size=250))
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(CursorError):
        decode_cursor(text)


@pytest.mark.parametrize("inside", ["1", ".", "1.", ".a", "1.a b", "1.a\n", "01.a", "+1.a", "9" * 18 + ".a", "١.a"])
def test_what_only_looks_like_a_cursor_is_refused(inside: str) -> None:
    with pytest.raises(CursorError):
        decode_cursor(urlsafe_b64encode(inside.encode()).decode().rstrip("="))


async def test_the_generation_is_read_once_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Catalog()
    cache = made(Shelf(), source)
    assert set(await asyncio.gather(*(cache.generation() for _ in range(50)))) == {"first"}
    assert source.reads == 1
    monkeypatch.setattr(catalog, "monotonic", lambda: 10**9)
    source.generation = "second"
    assert set(await asyncio.gather(*(cache.generation() for _ in range(50)))) == {"second"}
    assert source.reads == 2


async def test_a_change_empties_what_the_process_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Catalog()
    cache = made(Shelf(), source)
    cache.hold("/a", await cache.generation(), page("old"))
    assert await cache.held("/a") == page("old")
    source.generation = "second"
    monkeypatch.setattr(catalog, "monotonic", lambda: 10**9)
    assert await cache.held("/a") is None


async def test_a_page_that_was_being_built_while_the_catalog_changed_is_not_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, shelf = Catalog(), Shelf()
    cache = made(shelf, source)
    before = await cache.generation()
    old = page("from before the change")
    source.generation = "second"
    monkeypatch.setattr(catalog, "monotonic", lambda: 10**9)
    now = await cache.generation()
    cache.hold("/a", before, old)
    await cache.keep(course_page("a", "INR", before), old)
    assert await cache.held("/a") is None
    assert await cache.stored(course_page("a", "INR", now)) is None


async def test_a_failed_read_is_not_trusted() -> None:
    calls = 0

    async def read() -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ConnectionError
        return "first"

    cache = CatalogCache(Shelf(), read)  # type: ignore[arg-type]
    with pytest.raises(ConnectionError):
        await cache.held("/a")
    assert await cache.generation() == "first"


async def test_the_process_holds_a_bounded_number_of_pages() -> None:
    cache = made(Shelf(), Catalog())
    generation = await cache.generation()
    for number in range(MOST_HELD_PAGES + 1):
        cache.hold(f"/{number}", generation, page(str(number)))
    assert await cache.held("/0") is None
    assert await cache.held(f"/{MOST_HELD_PAGES}") is not None
    cache.hold("/" + "x" * 5000, generation, page("long"))
    assert await cache.held("/" + "x" * 5000) is None
