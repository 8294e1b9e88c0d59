"""Reviews: one per learner, verified by what holds while it is written, averages from the rows, hidden stays hidden."""

import asyncio
from typing import Any

import httpx
import pytest
from litestar import Litestar

from db.queries.billing.given_back import end_purchase_access
from db.queries.reviews import Rating, rating_of, write_review
from db.sql import fetch
from db.transaction import in_transaction
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.catalog.catalog_rows import add_clinic, add_course
from tests.integration.conftest import NewPerson, Person, bearer, token_of
from tests.integration.learning.learners import audits, enroll

pytestmark = pytest.mark.usefixtures("services")


class Reader:
    """Somebody who calls the API."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient, person: Person) -> None:
        self._app, self._client, self.person = app, client, person

    async def call(self, method: str, path: str, **body: Any) -> httpx.Response:
        headers = bearer(await token_of(self._app, self.person))
        return await self._client.request(method, f"/api/v1{path}", json=body or None, headers=headers)


@pytest.fixture
def reader(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> Any:
    async def made(*roles: Role) -> Reader:
        return Reader(app, client, await new_person(*roles))

    return made


async def learn(user_id: str, course_id: str, percent: int) -> str:
    enrollment_id = await enroll(user_id, course_id)
    await fetch('UPDATE course_enrollments SET "completionPercentage" = $2 WHERE id = $1', enrollment_id, percent)
    return enrollment_id


async def buy(user_id: str, course_id: str) -> dict[str, str]:
    """A second reason for access: an order's."""
    order_id = new_id()
    await fetch(
        "INSERT INTO entitlements (id, user_id, course_id, reason, source_id, since)"
        " VALUES ($1, $2, $3, 'purchase', $4, now())",
        *(new_id(), user_id, course_id, order_id),
    )
    return {"id": order_id, "user_id": user_id, "course_id": course_id}


async def end(order: dict[str, str]) -> None:
    await in_transaction(lambda: end_purchase_access(order, "refunded"))


async def end_gifts(user_id: str) -> None:
    await fetch("UPDATE entitlements SET ended_at = now() WHERE user_id = $1 AND reason = 'gift'", user_id)


async def is_verified(user_id: str) -> bool:
    [row] = await fetch('SELECT "isVerifiedPurchase" AS verified FROM course_reviews WHERE "userId" = $1', user_id)
    return bool(row["verified"])


async def test_one_review_for_each_learner_and_only_for_learners(reader: Any) -> None:
    course_id, anna, stranger = await add_course("yoga"), await reader(), await reader()
    await learn(anna.person.id, course_id, 50)
    mine = f"/courses/{course_id}/reviews/mine"
    first = await anna.call("PUT", mine, rating=2, review="Too fast, <3 all the same; a < b.")
    second = await anna.call("PUT", mine, rating=5)
    assert (first.status_code, second.status_code, first.json()["id"]) == (200, 200, second.json()["id"])
    refused = await stranger.call("PUT", mine, rating=1)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_a_learner")
    page = (await stranger.call("GET", f"/courses/{course_id}/reviews")).json()
    assert page["rating"] == {"average": 5.0, "count": 1, "byStars": [0, 0, 0, 0, 1]}
    assert [(item["rating"], item["review"], item["reviewer"]) for item in page["items"]] == [(5, None, "Test")]
    assert "userId" not in page["items"][0]
    assert (await anna.call("DELETE", mine)).status_code == 204
    assert (await anna.call("DELETE", mine)).status_code == 404
    assert (await anna.call("GET", mine)).status_code == 404
    assert await rating_of(course_id) == Rating(average=None, count=0, by_stars=(0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rating": 0},
        {"rating": 6},
        {"rating": 4.5},
        {"rating": 4, "review": "<script>alert(1)</script>"},
        {"rating": 4, "review": " \n"},
        {"rating": 4, "review": "a" * 4001},
    ],
)
async def test_what_is_no_review(reader: Any, wrong: dict[str, Any]) -> None:
    course_id, anna = await add_course("yoga"), await reader()
    await learn(anna.person.id, course_id, 50)
    answer = await anna.call("PUT", f"/courses/{course_id}/reviews/mine", **wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert await rating_of(course_id) == Rating(average=None, count=0, by_stars=(0, 0, 0, 0, 0))


async def test_verified_needs_access_and_a_fifth_of_the_course_at_the_time_of_writing(new_person: NewPerson) -> None:
    course_id = await add_course("yoga")
    early, late, gone = [(await new_person()).id for _ in range(3)]
    early_enrollment = await learn(early, course_id, 19)
    await learn(late, course_id, 20)
    await learn(gone, course_id, 100)
    await end_gifts(gone)
    for user_id, expected in ((early, False), (late, True), (gone, False)):
        assert (await write_review(user_id, course_id, 4, None)).is_verified_purchase is expected
    await fetch('UPDATE course_enrollments SET "completionPercentage" = 60 WHERE id = $1', early_enrollment)
    assert not await is_verified(early), "what was written stays as it was judged"
    assert (await write_review(early, course_id, 5, None)).is_verified_purchase


async def test_a_refund_clears_it_unless_another_reason_holds(new_person: NewPerson) -> None:
    course_id = await add_course("yoga")
    bought, gifted = (await new_person()).id, (await new_person()).id
    for user_id in (bought, gifted):
        await learn(user_id, course_id, 100)
        await write_review(user_id, course_id, 4, None)
    await end_gifts(bought)
    for user_id in (bought, gifted):
        await end(await buy(user_id, course_id))
    assert not await is_verified(bought)
    assert await is_verified(gifted)


async def test_a_refund_and_a_review_at_the_same_instant_leave_none_verified(new_person: NewPerson) -> None:
    course_id = await add_course("yoga")
    orders = []
    for percent in range(24):
        user_id = (await new_person()).id
        await learn(user_id, course_id, 100)
        await end_gifts(user_id)
        if percent % 2:  # an enrollment that the refund itself does not change
            await fetch("UPDATE course_enrollments SET status = 'completed' WHERE \"userId\" = $1", user_id)
        orders.append(await buy(user_id, course_id))
    writes = (write_review(order["user_id"], course_id, 5, None) for order in orders)
    await asyncio.gather(*writes, *(end(order) for order in orders))
    assert not any([await is_verified(order["user_id"]) for order in orders])


async def test_the_average_is_right_whoever_writes_at_once(reader: Any, new_person: NewPerson) -> None:
    course_id = await add_course("yoga")
    learners = [(await new_person()).id for _ in range(12)]
    for user_id in learners:
        await learn(user_id, course_id, 30)
    stars = [1 + number % 5 for number in range(12)]
    writes = [write_review(u, course_id, r, None) for u, r in zip(learners, stars, strict=True)]
    await asyncio.gather(*writes, *(write_review(user_id, course_id, 3, None) for user_id in learners[:4]))
    rows = [r["rating"] for r in await fetch('SELECT rating FROM course_reviews WHERE "courseId" = $1', course_id)]
    assert len(rows) == 12
    rating = await rating_of(course_id)
    assert rating.average == pytest.approx(sum(rows) / 12, abs=0.005)
    assert (rating.count, rating.by_stars) == (12, tuple(rows.count(star) for star in range(1, 6)))
    visitor = await reader()
    first = (await visitor.call("GET", f"/courses/{course_id}/reviews?limit=8")).json()
    second = await visitor.call("GET", f"/courses/{course_id}/reviews?limit=8&cursor={first['nextCursor']}")
    ids = [item["id"] for item in first["items"] + second.json()["items"]]
    assert (len(set(ids)), ids, second.json()["nextCursor"]) == (12, sorted(ids, reverse=True), None)


async def test_hidden_stays_hidden_whatever_its_writer_does(reader: Any) -> None:
    course_id, anna = await add_course("yoga"), await reader()
    moderator, instructor = await reader(Role.CONTENT_ADMIN), await reader(Role.INSTRUCTOR)
    await fetch('UPDATE courses SET "instructorId" = $2 WHERE id = $1', course_id, instructor.person.id)
    await learn(anna.person.id, course_id, 50)
    mine = f"/courses/{course_id}/reviews/mine"
    review_id = (await anna.call("PUT", mine, rating=1)).json()["id"]
    shut = await instructor.call("PUT", f"/reviews/{review_id}/visibility", isPublished=False)
    assert shut.status_code == 403, "nobody hides what is said of their own course"
    for _ in range(2):
        hidden = await moderator.call("PUT", f"/reviews/{review_id}/visibility", isPublished=False)
        assert (hidden.status_code, hidden.json()["isPublished"]) == (200, False)
    assert await audits("review.hidden", review_id) == 1
    assert not (await anna.call("PUT", mine, rating=2)).json()["isPublished"]
    await anna.call("DELETE", mine)
    again = (await anna.call("PUT", mine, rating=1)).json()
    assert (again["isPublished"], again["id"] != review_id) == (False, True)
    assert (await rating_of(course_id)).count == 0
    assert (await anna.call("GET", f"/courses/{course_id}/reviews")).json()["items"] == []
    listed = (await moderator.call("GET", f"/reviews?courseId={course_id}&published=false")).json()["items"]
    assert [(item["id"], item["userId"]) for item in listed] == [(again["id"], anna.person.id)]
    shown = await moderator.call("PUT", f"/reviews/{again['id']}/visibility", isPublished=True)
    assert (shown.json()["isPublished"], (await rating_of(course_id)).count) == (True, 1)
    await anna.call("DELETE", mine)
    assert (await anna.call("PUT", mine, rating=4)).json()["isPublished"]


async def test_reviews_are_seen_by_those_who_see_the_course(reader: Any) -> None:
    member, stranger = await reader(), await reader()
    of_clinic = await add_course("yoga", clinicId=await add_clinic(member.person.id))
    draft = await add_course("yoga", isPublished=False)
    for one, course_id, status in ((member, of_clinic, 200), (stranger, of_clinic, 404), (member, draft, 404)):
        assert (await one.call("GET", f"/courses/{course_id}/reviews")).status_code == status


async def test_the_kept_page_of_the_catalog_shows_the_new_average(client: httpx.AsyncClient, reader: Any) -> None:
    course_id, anna = await add_course("yoga"), await reader()
    await learn(anna.person.id, course_id, 50)

    async def shown() -> tuple[Any, Any]:
        page = (await client.get(f"/api/v1/courses/{course_id}")).json()
        return page["ratingAverage"], page["ratingCount"]

    assert await shown() == (None, 0)
    await write_review(anna.person.id, course_id, 4, None)
    for _ in range(50):
        if await shown() == (4.0, 1):
            break
        await asyncio.sleep(0.1)  # a page may be half a second old
    assert await shown() == (4.0, 1)
    [before] = await fetch("SELECT token FROM catalog_generation")
    await end({"id": "x", "user_id": "x", "course_id": "x"})
    assert await fetch("SELECT token FROM catalog_generation") == [before], "a refund changes nothing that it shows"
