"""Demo users, clinics and a company. What is there already stays as it is, but for a password that does not fit."""

import asyncio
from datetime import UTC, datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from db.sql import as_json, fetch, fetch_one
from stack.demo.content import People, Person
from stack.demo.ids import demo_id

AGREED_AT = datetime(2026, 1, 5, tzinfo=UTC)
HASHER = PasswordHasher()


def email_of(login: str) -> str:
    """The address that a demo user signs in with."""
    return f"{login}@academy.example"


async def load_people(content: People, password: str) -> dict[str, str]:
    """Add who is missing; the user ids by login."""
    ids = {person.login: await _load_person(person, password) for person in content.people}
    for clinic in content.clinics:
        clinic_id = demo_id("clinic", clinic.slug)
        settings = {
            "lmsEnabled": clinic.lms_enabled,
            "lmsCourses": [demo_id("course", slug) for slug in clinic.lms_courses],
        }
        await fetch(
            "INSERT INTO clinics (id, slug, name, state, settings, created_at) VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT DO NOTHING",
            *(clinic_id, clinic.slug, clinic.name, clinic.state, as_json(settings), AGREED_AT),
        )
        for login in [*clinic.staff, *clinic.patients]:
            await fetch(
                "INSERT INTO clinic_members (id, clinic_id, user_id, is_staff, created_at)"
                " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                *(demo_id("member", f"{clinic.slug}/{login}"), clinic_id, ids[login], login in clinic.staff, AGREED_AT),
            )
    for company in content.companies:
        await fetch(
            "INSERT INTO companies (id, slug, name, settings, created_at) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT DO NOTHING",
            *(demo_id("company", company.slug), company.slug, company.name),
            *(as_json({"state": company.state, "seats": company.seats}), AGREED_AT),
        )
    return ids


async def _load_person(person: Person, password: str) -> str:
    """The user's id. The password of the demo users *is* `DEMO_PASSWORD`, so another one is put right."""
    known = await fetch_one("SELECT id, password_hash FROM users WHERE email = $1", email_of(person.login))
    if known is None:
        user_id = demo_id("user", person.login)
        await fetch(
            "INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents,"
            " created_at, updated_at, email_verified_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, 'Asia/Kolkata', $7, $8, $9, $9, $9)",
            *(user_id, email_of(person.login), await asyncio.to_thread(HASHER.hash, password), person.name),
            *([role.value for role in person.roles], person.locale),
            *(as_json({"email": True}), as_json({"terms": AGREED_AT}), AGREED_AT),
        )
        return user_id
    if not await asyncio.to_thread(_fits, known["password_hash"], password):
        await fetch(
            "UPDATE users SET password_hash = $2, updated_at = now() WHERE id = $1",
            *(known["id"], await asyncio.to_thread(HASHER.hash, password)),
        )
    return str(known["id"])


def _fits(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
