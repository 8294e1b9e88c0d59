"""SQL decides in production who has access and who owns a course; `domain.access` says what that means. They agree."""

import random
from datetime import UTC, datetime, timedelta

from bootstrap import Services
from db.queries.billing.seats import HOLDS_NOW, owns_course
from db.sql import fetch
from domain.access import AccessReason, Entitlement, has_access, owns
from domain.identifiers import new_id
from tests.integration.conftest import NewPerson

CASES = 150
HOURS = (-2, -1, 1, 2)
"""Well before and well after now, so that it does not matter when in the test a statement runs."""


def drawn(dice: random.Random, now: datetime) -> list[Entitlement]:
    """Up to three reasons, each of another kind, that began, ended or will."""

    def moment(chance: float) -> datetime | None:
        return now + timedelta(hours=dice.choice(HOURS)) if dice.random() < chance else None

    return [
        Entitlement(reason=reason, source_id=new_id(), since=moment(1) or now, until=moment(0.5), ended_at=moment(0.5))
        for reason in dice.sample(list(AccessReason), dice.randint(0, 3))
    ]


async def test_sql_and_the_rule_agree_on_access_and_ownership(services: Services, new_person: NewPerson) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice, user, answers = random.Random(seed), await new_person(), set()
    for _ in range(CASES):
        course_id, now = new_id(), datetime.now(UTC)
        await fetch(
            'INSERT INTO courses (id, slug, title, category, level, "isPublished")'
            " VALUES ($1, $1, 'Sums', 'yoga', 'beginner', TRUE)",
            course_id,
        )
        reasons = drawn(dice, now)
        for one in reasons:
            await fetch(
                "INSERT INTO entitlements (id, user_id, course_id, reason, source_id, since, until, ended_at)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                *(new_id(), user.id, course_id, one.reason, one.source_id, one.since, one.until, one.ended_at),
            )
        holding = await fetch(f"SELECT FROM entitlements WHERE course_id = $1 AND {HOLDS_NOW}", course_id)
        answer = (bool(holding), await owns_course(user.id, course_id))
        assert answer == (has_access(reasons, now), owns(reasons, now)), reasons
        answers.add(answer)
    assert answers == {(False, False), (True, False), (True, True)}, "every answer was seen"
