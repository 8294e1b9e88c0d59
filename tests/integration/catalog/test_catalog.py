"""What the catalog answers: filters, search, pages, outlines, and who may see a clinic's own courses."""

from decimal import Decimal

import httpx
import pytest
from litestar import Litestar

from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.catalog.catalog_rows import add_clinic, add_course, add_lesson, add_module
from tests.integration.conftest import NewPerson, bearer, token_of
from tests.integration.learning.learners import enroll

LIST = "/api/v1/courses"


async def titles(client: httpx.AsyncClient, **parameters: object) -> list[str]:
    """The titles of one page."""
    answer = await client.get(LIST, params={name: str(value) for name, value in parameters.items()})
    assert answer.status_code == 200, answer.text
    return [course["title"] for course in answer.json()["items"]]


async def test_filters(client: httpx.AsyncClient) -> None:
    category = new_id()
    await add_course(category, days=4, title="free", isFree=True, price=None)
    await add_course(category, days=3, title="cheap", price=Decimal("499.00"), level="intermediate")
    await add_course(category, days=2, title="dear", price=Decimal("24999.00"), level="advanced", language="hi")
    await add_course(category, days=1, title="no price", price=None)
    await add_course(category, title="draft", isPublished=False)

    everything = ["free", "cheap", "dear", "no price"]
    expected: list[tuple[dict[str, object], list[str]]] = [
        ({}, everything),
        ({"level": "advanced"}, ["dear"]),
        ({"language": "hi"}, ["dear"]),
        ({"free": "true"}, ["free"]),
        ({"free": "false"}, ["cheap", "dear", "no price"]),
        ({"priceMin": "499"}, ["cheap", "dear"]),
        ({"priceMax": "499.00"}, ["free", "cheap"]),
        ({"priceMin": "0.01", "priceMax": "1000"}, ["cheap"]),
        ({"language": "en", "level": "beginner", "free": "false"}, ["no price"]),
        ({"language": "xx"}, []),
    ]
    for parameters, wanted in expected:
        assert await titles(client, category=category, **parameters) == wanted, parameters


async def test_search_finds_every_word_in_any_script(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    category = new_id()
    teacher = await new_person(Role.INSTRUCTOR)
    await fetch("UPDATE users SET name = 'Vaidya Śaṅkara' WHERE id = $1", teacher.id)
    await add_course(category, days=5, title="त्रिदोष का परिचय", description="वात, पित्त और कफ")
    await add_course(category, days=4, title="Yoga for Back Pain", tags=["posture", "दर्द"], instructorId=teacher.id)
    await add_course(category, days=3, title="100% pure_ghee \\ oil")
    # One letter of two code points here, and of one in what is searched (U+095E is not in NFC).
    await add_course(category, days=2, title="\u095eसल", tags={"not": "a list"})

    expected = {
        "परिचय त्रिदोष": ["त्रिदोष का परिचय"],
        "कफ": ["त्रिदोष का परिचय"],
        "PAIN yoga": ["Yoga for Back Pain"],
        "posture": ["Yoga for Back Pain"],
        "दर्द": ["Yoga for Back Pain"],
        "śaṅkara": ["Yoga for Back Pain"],
        "yoga ghee": [],
        "%": ["100% pure_ghee \\ oil"],
        "_": ["100% pure_ghee \\ oil"],
        "\\": ["100% pure_ghee \\ oil"],
        "1_0": [],
        "'; DROP TABLE courses; --": [],
        "\u092b\u093cसल": ["\u095eसल"],
    }
    for words, wanted in expected.items():
        assert await titles(client, category=category, q=words) == wanted, words
    assert len(await titles(client, category=category, q="   ")) == 4


async def test_a_walk_by_cursor_sees_each_course_once_while_others_are_added(client: httpx.AsyncClient) -> None:
    category = new_id()
    # Five were published in the same moment: their order has to be stable as well.
    there = {await add_course(category, days=day) for day in (1, 2, 3, 3, 3, 3, 3, 4, 5)}
    seen: list[str] = []
    address: str | None = f"{LIST}?category={category}&limit=2&level=beginner"
    while address:
        answer = await client.get(address)
        body = answer.json()
        assert len(body["items"]) <= 2
        seen += [course["id"] for course in body["items"]]
        following = answer.links.get("next")
        address = following["url"] if following else None
        assert (body["nextCursor"] is None) == (address is None)
        if address:
            assert f"cursor={body['nextCursor']}" in address
        await add_course(category, days=9)
        await add_course(category, days=3)
    assert len(seen) == len(set(seen))
    assert there <= set(seen)


async def test_the_outline_shows_content_in_previews_only(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    teacher = await new_person(Role.INSTRUCTOR)
    course = await add_course(new_id(), instructorId=teacher.id, certificateTemplate="standard")
    await fetch(
        "INSERT INTO course_prices (id, course_id, currency, amount) VALUES ($1, $2, 'USD', 2.5)", new_id(), course
    )
    second, first = await add_module(course, 2), await add_module(course, 1, preview=True)
    await add_lesson(second, 2)
    await add_lesson(second, 1, preview=True)
    await add_lesson(first, 1)

    body = (await client.get(f"{LIST}/{course}")).json()
    assert (await client.get(f"{LIST}/slug-{course}")).json() == body
    assert [module["title"] for module in body["modules"]] == ["Module 1", "Module 2"]
    lessons = [lesson for module in body["modules"] for lesson in module["lessons"]]
    assert [lesson["title"] for lesson in lessons] == ["Lesson 1", "Lesson 1", "Lesson 2"]
    assert [lesson["isPreview"] for lesson in lessons] == [True, True, False]
    for lesson in lessons:
        shown = [lesson["content"], lesson["videoUrl"], lesson["resourceUrls"]]
        if lesson["isPreview"]:
            assert shown == ["secret words", "https://v.example/1", ["https://v.example/sheet.pdf"]]
        else:
            assert shown == [None, None, None]
    assert body["prices"] == [{"currency": "INR", "amount": "100.00"}, {"currency": "USD", "amount": "2.50"}]
    assert body["instructor"] == {"id": teacher.id, "name": "Test Person"}
    assert body["publishedAt"] == "2026-01-01T06:00:00Z"
    assert (body["hasCertificate"], body["maxEnrollments"], body["seatsLeft"]) == (True, None, None)


async def test_seats_left_are_those_of_this_moment(client: httpx.AsyncClient, new_person: NewPerson) -> None:
    course = await add_course(new_id(), maxEnrollments=3)

    async def seats() -> int:
        return int((await client.get(f"{LIST}/{course}")).json()["seatsLeft"])

    learner, buyer = await new_person(), await new_person()
    assert await seats() == 3
    etag = (await client.get(f"{LIST}/{course}")).headers["etag"]
    await enroll(learner.id, course)
    assert await seats() == 2
    assert (await client.get(f"{LIST}/{course}", headers={"If-None-Match": etag})).status_code == 200
    hold = "INSERT INTO orders (id, user_id, course_id, status, provider, currency, billing, holds_seat)"
    for person in (learner, buyer):  # the learner has a seat already
        await fetch(
            f"{hold} VALUES ($1, $2, $3, 'awaiting_payment', 'stripe', 'INR', '{{}}', true)",
            new_id(),
            person.id,
            course,
        )
    assert await seats() == 1
    await fetch("""UPDATE course_enrollments SET status = 'cancelled' WHERE "courseId" = $1""", course)
    await fetch("UPDATE orders SET holds_seat = false WHERE course_id = $1", course)
    assert await seats() == 3


async def test_a_clinics_own_course_is_there_for_its_members_only(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    member, stranger = await new_person(Role.PATIENT), await new_person(Role.SUPER_ADMIN)
    await add_clinic(stranger.id)
    category = new_id()
    public = await add_course(category)
    own = await add_course(category, clinicId=await add_clinic(member.id), maxEnrollments=5)
    as_member, as_stranger = bearer(await token_of(app, member)), bearer(await token_of(app, stranger))

    # Twice, since nothing that a member was shown may be kept for others.
    for _ in range(2):
        shown = await client.get(f"{LIST}/{own}", headers=as_member)
        assert (shown.status_code, shown.json()["seatsLeft"]) == (200, 5)
        assert shown.headers["cache-control"].startswith("private")
        listed = await client.get(LIST, params={"category": category}, headers=as_member)
        assert {course["id"] for course in listed.json()["items"]} == {public, own}
        for headers in ({}, as_stranger, {"Authorization": "Bearer expired"}):
            for name in (own, f"slug-{own}"):
                refused = await client.get(f"{LIST}/{name}", headers=headers)
                assert (refused.status_code, refused.json()["code"]) == (404, "course_not_found")
            listed = await client.get(LIST, params={"category": category}, headers=headers)
            assert [course["id"] for course in listed.json()["items"]] == [public]


async def test_a_draft_is_not_found(client: httpx.AsyncClient) -> None:
    course = await add_course(new_id(), isPublished=False)
    for name in (course, f"slug-{course}"):
        assert (await client.get(f"{LIST}/{name}")).status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=51", "limit"),
        ("limit=ten", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("level=expert", "level"),
        ("free=perhaps", "free"),
        ("category=", "category"),
        ("category=" + "c" * 61, "category"),
        ("category=a%00b", "category"),
        ("language=%1b", "language"),
        ("q=a%00b", "q"),
        ("q=" + "q" * 101, "q"),
        ("q=1+2+3+4+5+6+7+8+9", "q"),
        ("priceMin=cheap", "priceMin"),
        ("priceMin=-1", "priceMin"),
        ("priceMin=NaN", "priceMin"),
        ("priceMax=Infinity", "priceMax"),
        ("priceMax=1e999999", "priceMax"),
        ("priceMin=2&priceMax=1", "priceMin"),
        ("cursor=", "cursor"),
        ("cursor=%E0%A4%95", "cursor"),
        ("cursor=not-a-cursor", "cursor"),
        ("cursor=" + "A" * 201, "cursor"),
        ("cursor=OTk5OTk5OTk5OTk5OTk5OTk5LmE", "cursor"),
    ],
)
async def test_odd_parameters_are_named(client: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await client.get(f"{LIST}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("name", ["nothing", "a%00b", "%ff", "%25", "x" * 5000, "%E0%A4%95", "'", "..", "%0d%0aa:b"])
async def test_odd_names_are_not_found(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"{LIST}/{name}")
    assert answer.status_code in (200, 404) if name == ".." else answer.status_code == 404
