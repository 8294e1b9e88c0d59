"""The demo data as it stands in the TOML files beside this one, checked while it is read."""

import tomllib
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from domain.identity.roles import Role
from domain.learning.questions import Question

HERE = Path(__file__).parent


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Person(_Table, frozen=True, kw_only=True):
    """Somebody who signs in as `{login}@academy.example`."""

    login: str
    name: str
    roles: list[Role]
    locale: str


class Clinic(_Table, frozen=True, kw_only=True):
    """A clinic; courses by slug, people by login."""

    slug: str
    name: str
    state: str
    lms_enabled: bool
    lms_courses: list[str]
    staff: list[str]
    patients: list[str]


class Company(_Table, frozen=True, kw_only=True):
    """A company that wants seats for its people."""

    slug: str
    name: str
    state: str
    seats: int


class Lesson(_Table, frozen=True, kw_only=True):
    """A lesson; `about` is its description (an assignment's instructions, too), `content` the words of a text lesson,
    `live_at` (UTC) the date of a live one. It opens `after_days` days after the enrollment."""

    type: Literal["video", "text", "quiz", "assignment", "live-session"]
    title: str
    minutes: int
    seconds: int | None = None
    """Of a video that is not as long as its minutes say."""
    preview: bool = False
    optional: bool = False
    after_days: int | None = None
    live_at: datetime | None = None
    about: str | None = None
    content: str | None = None
    questions: list[Question] = []


class Module(_Table, frozen=True, kw_only=True):
    """A part of a course."""

    title: str
    lessons: list[Lesson]
    preview: bool = False


class Course(_Table, frozen=True, kw_only=True):
    """A course; a draft has no `published_at` (UTC). `price` is in the default currency, `usd` a row of its own."""

    slug: str
    title: str
    description: str
    level: Literal["beginner", "intermediate", "advanced"]
    language: str = "en"
    free: bool = False
    price: Decimal | None = None
    subscription_price: Decimal | None = None
    usd: Decimal | None = None
    instructor: str
    clinic: str | None = None
    seats: int | None = None
    certificate: str = "standard"
    published_at: datetime | None = None
    tags: list[str]
    modules: list[Module]

    @property
    def minutes(self) -> int:
        """The sum of all lessons."""
        return sum(lesson.minutes for module in self.modules for lesson in module.lessons)


class Programme(_Table, frozen=True, kw_only=True):
    """A certificate programme; courses by slug, its author by login, `published_at` in UTC."""

    slug: str
    title: str
    description: str
    author: str
    published_at: datetime
    courses: list[str]


class People(_Table, frozen=True, kw_only=True):
    """Everybody and every organisation."""

    people: list[Person]
    clinics: list[Clinic]
    companies: list[Company]


class _Courses(_Table, frozen=True, kw_only=True):
    courses: list[Course]


class _Programmes(_Table, frozen=True, kw_only=True):
    programmes: list[Programme]


def people() -> People:
    """What `people.toml` says. Raises `msgspec.ValidationError` naming what is wrong."""
    return msgspec.convert(tomllib.loads((HERE / "people.toml").read_text()), People)


def courses() -> Iterator[tuple[str, Course]]:
    """Each course with its category, which is the name of its file."""
    for path in sorted((HERE / "courses").glob("*.toml")):
        for course in msgspec.convert(tomllib.loads(path.read_text()), _Courses).courses:
            yield path.stem, course


def programmes() -> list[Programme]:
    """What `programmes.toml` says."""
    return msgspec.convert(tomllib.loads((HERE / "programmes.toml").read_text()), _Programmes).programmes
