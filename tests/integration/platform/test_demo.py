"""The demo data: complete, believable to a program at least, and never in the way of what people did."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest_asyncio
from argon2 import PasswordHasher

from db.tables import TABLES
from domain.identity.roles import Role
from stack.embedded import EmbeddedStack
from stack.process import PROJECT

ROLES = {
    "student": Role.STUDENT,
    "patient": Role.PATIENT,
    "doctor": Role.DOCTOR,
    "instructor": Role.INSTRUCTOR,
    "clinicadmin": Role.CLINIC_ADMIN,
    "contentadmin": Role.CONTENT_ADMIN,
    "admin": Role.SUPER_ADMIN,
}
PASSWORD = "of the demo"


class Demo:
    """A database of its own, and the commands as `make run` calls them."""

    def __init__(self, url: str, connection: asyncpg.Connection, environment: dict[str, str]) -> None:
        self.connection = connection
        self._environment = {**os.environ, **environment, "DATABASE_URL": url, "DEMO_PASSWORD": PASSWORD}

    async def run(self, module: str, **more: str) -> str:
        """Run a module to its end; what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module),
            env={**self._environment, **more},
            cwd=PROJECT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await process.communicate()
        print(said.decode(), complaint.decode())  # for the search of the session's logs
        assert process.returncode == 0
        return said.decode().strip()

    async def everything(self) -> dict[str, list[Any]]:
        """Every row of every table of ours."""
        names = [str(table._meta.tablename) for table in TABLES]
        return {name: sorted(map(str, await self.connection.fetch(f'SELECT * FROM "{name}"'))) for name in names}

    async def values(self, sql: str) -> list[Any]:
        """The first column."""
        return [row[0] for row in await self.connection.fetch(sql)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(servers: EmbeddedStack) -> AsyncIterator[Demo]:
    """A database of its own with the demo data in it."""
    beside = await asyncpg.connect(servers.settings.database_url)
    await beside.execute("CREATE DATABASE demo_of_the_tests")
    url = servers.settings.database_url.rpartition("/")[0] + "/demo_of_the_tests"
    connection = await asyncpg.connect(url)
    demo = Demo(url, connection, servers.environment)
    await demo.run("db.migrate")
    assert await demo.run("stack.demo") == "Demo data: 18 courses written."
    yield demo
    await connection.close()
    await beside.execute("DROP DATABASE demo_of_the_tests WITH (FORCE)")
    await beside.close()


async def test_everybody_can_sign_in(demo: Demo) -> None:
    for login, role in ROLES.items():
        user = await demo.connection.fetchrow(
            "SELECT roles, password_hash FROM users WHERE email = $1", f"{login}@academy.example"
        )
        assert user is not None, login
        assert user["roles"] == [role]
        assert PasswordHasher().verify(user["password_hash"], PASSWORD)
    members = await demo.values(
        "SELECT u.email FROM clinic_members JOIN users u ON u.id = user_id JOIN clinics c ON c.id = clinic_id"
        " WHERE c.slug = 'arogya-kochi' ORDER BY 1"
    )
    assert members == ["clinicadmin@academy.example", "patient@academy.example"]


async def test_the_catalog_has_one_of_each(demo: Demo) -> None:
    kinds = {
        "free": '"isFree"',
        "paid": 'NOT "isFree" AND price < 5000',
        "premium": "price > 20000",
        "clinic-only": '"clinicId" IS NOT NULL',
        "limited": '"maxEnrollments" > 0',
        "in Hindi": "language = 'hi' AND title ~ '[ऀ-ॿ]'",
        "with a price in dollars": "id IN (SELECT course_id FROM course_prices WHERE currency = 'USD')",
        "with a monthly price": '"subscriptionPrice" > 0',
        "of the doctor": "\"instructorId\" = (SELECT id FROM users WHERE email = 'doctor@academy.example')",
    }
    for kind, condition in kinds.items():
        assert await demo.values(f'SELECT id FROM courses WHERE "isPublished" AND {condition}'), kind
    assert await demo.values('SELECT count(*) FROM courses WHERE NOT "isPublished"') == [1]
    assert set(await demo.values("SELECT DISTINCT category FROM courses")) == {
        *("ayurveda-basics", "herbology", "panchakarma", "nutrition", "yoga", "wellness")
    }
    assert set(await demo.values("SELECT DISTINCT level FROM courses")) == {"beginner", "intermediate", "advanced"}
    assert set(await demo.values("SELECT DISTINCT type FROM course_lessons")) == {
        *("video", "text", "quiz", "assignment", "live-session")
    }
    assert await demo.values("SELECT count(*) FROM course_lessons WHERE \"quizId\" IS NULL AND type = 'quiz'") == [0]
    assert await demo.values("SELECT count(*) FROM companies") == [1]
    assert await demo.values("SELECT count(*) FROM programme_courses GROUP BY programme_id") == [3]
    for rule in ("NOT is_required", "opens_after_days > 0"):
        assert await demo.values(f"SELECT count(*) FROM lesson_rules WHERE {rule}") == [1], rule
    assert await demo.values('SELECT count(*) FROM course_live_sessions WHERE "joinUrl" IS NOT NULL') == [1]
    assert await demo.values(
        "SELECT count(*) FROM course_lessons l LEFT JOIN assignments a ON a.lesson_id = l.id"
        " WHERE type = 'assignment' AND a.lesson_id IS NULL"
    ) == [0]
    assert await demo.values(
        "SELECT count(*) FROM clinics, jsonb_array_elements_text(settings -> 'lmsCourses') course (course_id)"
        " WHERE (settings -> 'lmsEnabled')::boolean AND course_id NOT IN (SELECT id FROM courses)"
    ) == [0]
    per_action = await demo.connection.fetch("SELECT action, count(*) FROM audit_events GROUP BY 1")
    assert dict(per_action) == {"course.created": 18, "course.published": 17, "programme.published": 1}


async def test_a_second_run_changes_nothing(demo: Demo) -> None:
    before = await demo.everything()
    assert await demo.run("stack.demo") == "Demo data: all there."
    assert await demo.everything() == before


async def test_what_people_did_stays(demo: Demo) -> None:
    await demo.connection.execute(
        "UPDATE courses SET title = 'Mended', price = 1 WHERE slug = 'kitchen-herbs-and-spices'"
    )
    await demo.connection.execute("DELETE FROM courses WHERE slug = 'panchakarma-essentials'")
    await demo.connection.execute(
        "UPDATE users SET name = 'Asha N.', roles = '{Student,Instructor}' WHERE email ~ '^student@'"
    )
    await demo.connection.execute("UPDATE clinics SET settings = '{\"lmsEnabled\": false}' WHERE slug = 'sukhayu-pune'")
    before = await demo.everything()
    assert await demo.run("stack.demo") == "Demo data: all there."
    assert await demo.everything() == before


async def test_demo_users_have_the_password_of_the_setting(demo: Demo) -> None:
    await demo.run("stack.demo", DEMO_PASSWORD="another one")
    hashes = await demo.values("SELECT password_hash FROM users")
    assert all(PasswordHasher().verify(each, "another one") for each in hashes)
