"""Who may call what: every route × every role × no login × tokens that must be refused.

A new route fails this test until it has a row here.
"""

import re
from datetime import UTC, datetime, timedelta

import httpx
from litestar import Litestar

from api.access import declared_handlers
from api.identity.tokens import AccessTokens
from db.queries.identity.accounts import close_session, open_session
from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.conftest import NewPerson, Person, bearer, token_of

ANYBODY = None
"""Also without a login, or with one that is refused elsewhere."""
EVERY_ROLE = frozenset(Role)
OPERATORS = frozenset({Role.SUPER_ADMIN})
TEACHERS = frozenset({Role.SUPER_ADMIN, Role.CONTENT_ADMIN, Role.INSTRUCTOR})
PUBLISHERS = frozenset({Role.SUPER_ADMIN, Role.CONTENT_ADMIN})
AUTHORS = PUBLISHERS | {Role.INSTRUCTOR}

EXPECTED: dict[tuple[str, str], frozenset[Role] | None] = {
    ("GET", "/docs"): ANYBODY,
    ("GET", "/openapi.json"): ANYBODY,
    ("GET", "/problems/{code:str}"): ANYBODY,
    ("GET", "/health/live"): ANYBODY,
    ("GET", "/health/ready"): ANYBODY,
    ("POST", "/api/v1/auth/register"): ANYBODY,
    ("POST", "/api/v1/auth/login"): ANYBODY,
    ("POST", "/api/v1/auth/refresh"): ANYBODY,
    ("POST", "/api/v1/auth/logout"): EVERY_ROLE,
    ("GET", "/api/v1/auth/me"): EVERY_ROLE,
    ("POST", "/api/v1/auth/email-verifications"): EVERY_ROLE,
    ("POST", "/api/v1/auth/email-verifications/confirm"): ANYBODY,
    ("POST", "/api/v1/auth/password-resets"): ANYBODY,
    ("POST", "/api/v1/auth/password-resets/confirm"): ANYBODY,
    ("POST", "/api/v1/auth/password"): EVERY_ROLE,
    ("GET", "/verify-email"): ANYBODY,
    ("GET", "/reset-password"): ANYBODY,
    ("GET", "/forgot-password"): ANYBODY,
    ("GET", "/api/v1/auth/sessions"): EVERY_ROLE,
    ("DELETE", "/api/v1/auth/sessions"): EVERY_ROLE,
    ("DELETE", "/api/v1/auth/sessions/{session_id:str}"): EVERY_ROLE,
    ("GET", "/api/v1/auth/external-logins"): EVERY_ROLE,
    ("POST", "/api/v1/auth/external-logins"): EVERY_ROLE,
    ("DELETE", "/api/v1/auth/external-logins/{login_id:str}"): EVERY_ROLE,
    ("GET", "/api/v1/courses"): ANYBODY,
    ("GET", "/api/v1/courses/{id_or_slug:str}"): ANYBODY,
    ("GET", "/api/v1/authoring/courses"): AUTHORS,
    ("POST", "/api/v1/authoring/courses"): AUTHORS,
    ("GET", "/api/v1/authoring/courses/{course_id:str}"): AUTHORS,
    ("PATCH", "/api/v1/authoring/courses/{course_id:str}"): AUTHORS,
    ("DELETE", "/api/v1/authoring/courses/{course_id:str}"): AUTHORS,
    ("POST", "/api/v1/authoring/courses/{course_id:str}/submit"): AUTHORS,
    ("POST", "/api/v1/authoring/courses/{course_id:str}/return"): AUTHORS,
    ("POST", "/api/v1/authoring/courses/{course_id:str}/publish"): PUBLISHERS,
    ("POST", "/api/v1/authoring/courses/{course_id:str}/archive"): PUBLISHERS,
    ("POST", "/api/v1/authoring/courses/{course_id:str}/restore"): AUTHORS,
    ("POST", "/api/v1/authoring/courses/{course_id:str}/modules"): AUTHORS,
    ("PUT", "/api/v1/authoring/courses/{course_id:str}/order"): AUTHORS,
    ("PATCH", "/api/v1/authoring/modules/{module_id:str}"): AUTHORS,
    ("DELETE", "/api/v1/authoring/modules/{module_id:str}"): AUTHORS,
    ("POST", "/api/v1/authoring/modules/{module_id:str}/lessons"): AUTHORS,
    ("GET", "/api/v1/authoring/lessons/{lesson_id:str}"): AUTHORS,
    ("PATCH", "/api/v1/authoring/lessons/{lesson_id:str}"): AUTHORS,
    ("DELETE", "/api/v1/authoring/lessons/{lesson_id:str}"): AUTHORS,
    ("PUT", "/api/v1/authoring/lessons/{lesson_id:str}/prerequisites"): AUTHORS,
    ("POST", "/api/v1/authoring/lessons/{lesson_id:str}/live-sessions"): AUTHORS,
    ("PATCH", "/api/v1/authoring/live-sessions/{session_id:str}"): AUTHORS,
    ("DELETE", "/api/v1/authoring/live-sessions/{session_id:str}"): AUTHORS,
    ("GET", "/api/v1/programmes"): ANYBODY,
    ("GET", "/api/v1/authoring/programmes"): AUTHORS,
    ("POST", "/api/v1/authoring/programmes"): AUTHORS,
    ("GET", "/api/v1/authoring/programmes/{programme_id:str}"): AUTHORS,
    ("PATCH", "/api/v1/authoring/programmes/{programme_id:str}"): AUTHORS,
    ("DELETE", "/api/v1/authoring/programmes/{programme_id:str}"): AUTHORS,
    ("POST", "/api/v1/authoring/programmes/{programme_id:str}/publish"): PUBLISHERS,
    ("POST", "/api/v1/authoring/programmes/{programme_id:str}/withdraw"): PUBLISHERS,
    ("GET", "/api/v1/me/programmes"): EVERY_ROLE,
    ("GET", "/api/v1/lessons/{lesson_id:str}/live-sessions"): EVERY_ROLE,
    ("POST", "/api/v1/courses/{course_id:str}/purchases"): EVERY_ROLE,
    ("GET", "/api/v1/purchases/{purchase_id:str}"): EVERY_ROLE,
    ("GET", "/api/v1/purchases/{purchase_id:str}/invoice.pdf"): EVERY_ROLE,
    ("GET", "/api/v1/purchases/{purchase_id:str}/credit-notes"): EVERY_ROLE,
    ("GET", "/api/v1/purchases/{purchase_id:str}/credit-notes/{note_id:str}/credit-note.pdf"): EVERY_ROLE,
    ("POST", "/api/v1/purchases/{purchase_id:str}/confirmations"): EVERY_ROLE,
    ("POST", "/api/v1/purchases/{purchase_id:str}/refunds"): EVERY_ROLE,
    ("GET", "/api/v1/purchases/{purchase_id:str}/refunds"): EVERY_ROLE,
    ("GET", "/api/v1/purchases/{purchase_id:str}/refunds/{refund_id:str}"): EVERY_ROLE,
    ("POST", "/api/v1/lessons/{lesson_id:str}/heartbeats"): EVERY_ROLE,
    ("POST", "/api/v1/lessons/{lesson_id:str}/visits"): EVERY_ROLE,
    ("POST", "/api/v1/lessons/{lesson_id:str}/completion"): EVERY_ROLE,
    ("GET", "/api/v1/lessons/{lesson_id:str}/notes"): EVERY_ROLE,
    ("PUT", "/api/v1/lessons/{lesson_id:str}/notes"): EVERY_ROLE,
    ("PUT", "/api/v1/lessons/{lesson_id:str}/bookmark"): EVERY_ROLE,
    ("DELETE", "/api/v1/lessons/{lesson_id:str}/bookmark"): EVERY_ROLE,
    ("GET", "/api/v1/me/enrollments/{enrollment_id:str}/outline"): EVERY_ROLE,
    ("GET", "/api/v1/me/purchases"): EVERY_ROLE,
    ("GET", "/api/v1/me/enrollments"): EVERY_ROLE,
    ("GET", "/api/v1/me/enrollments/{enrollment_id:str}/access"): EVERY_ROLE,
    ("PUT", "/api/v1/authoring/lessons/{lesson_id:str}/quiz"): AUTHORS,
    ("GET", "/api/v1/authoring/lessons/{lesson_id:str}/quiz"): AUTHORS,
    ("GET", "/api/v1/authoring/quiz-versions/{version_id:str}"): AUTHORS,
    ("PUT", "/api/v1/authoring/quiz-versions/{version_id:str}/voided-questions/{question_id:str}"): AUTHORS,
    ("PUT", "/api/v1/authoring/quizzes/{quiz_id:str}/allowances/{enrollment_id:str}"): AUTHORS,
    ("GET", "/api/v1/lessons/{lesson_id:str}/quiz"): EVERY_ROLE,
    ("POST", "/api/v1/lessons/{lesson_id:str}/quiz/attempts"): EVERY_ROLE,
    ("GET", "/api/v1/quiz-attempts/{attempt_id:str}"): EVERY_ROLE,
    ("PUT", "/api/v1/quiz-attempts/{attempt_id:str}/answers"): EVERY_ROLE,
    ("POST", "/api/v1/quiz-attempts/{attempt_id:str}/submission"): EVERY_ROLE,
    ("GET", "/api/v1/me/preferences"): EVERY_ROLE,
    ("PUT", "/api/v1/me/preferences"): EVERY_ROLE,
    ("GET", "/api/v1/me/devices"): EVERY_ROLE,
    ("POST", "/api/v1/me/devices"): EVERY_ROLE,
    ("DELETE", "/api/v1/me/devices/{device_id:str}"): EVERY_ROLE,
    ("GET", "/api/v1/unsubscribe/{token:str}"): ANYBODY,
    ("POST", "/api/v1/unsubscribe/{token:str}"): ANYBODY,
    ("POST", "/api/v1/communications"): OPERATORS,
    ("GET", "/api/v1/courses/{course_id:str}/reviews"): ANYBODY,
    ("GET", "/api/v1/courses/{course_id:str}/reviews/mine"): EVERY_ROLE,
    ("PUT", "/api/v1/courses/{course_id:str}/reviews/mine"): EVERY_ROLE,
    ("DELETE", "/api/v1/courses/{course_id:str}/reviews/mine"): EVERY_ROLE,
    ("GET", "/api/v1/reviews"): PUBLISHERS,
    ("PUT", "/api/v1/reviews/{review_id:str}/visibility"): PUBLISHERS,
    ("PUT", "/api/v1/lessons/{lesson_id:str}/assignment"): TEACHERS,
    ("GET", "/api/v1/lessons/{lesson_id:str}/assignment"): EVERY_ROLE,
    ("POST", "/api/v1/lessons/{lesson_id:str}/uploads"): EVERY_ROLE,
    ("POST", "/api/v1/uploads/{upload_id:str}/confirmation"): EVERY_ROLE,
    ("GET", "/api/v1/uploads/{upload_id:str}/download"): EVERY_ROLE,
    ("PUT", "/api/v1/files/{token:str}"): ANYBODY,
    ("GET", "/api/v1/files/{token:str}"): ANYBODY,
    ("POST", "/api/v1/lessons/{lesson_id:str}/submissions"): EVERY_ROLE,
    ("GET", "/api/v1/submissions"): TEACHERS,
    ("GET", "/api/v1/submissions/{submission_id:str}"): TEACHERS,
    ("POST", "/api/v1/submissions/{submission_id:str}/claim"): TEACHERS,
    ("DELETE", "/api/v1/submissions/{submission_id:str}/claim"): TEACHERS,
    ("POST", "/api/v1/submissions/{submission_id:str}/gradings"): TEACHERS,
    ("POST", "/api/v1/webhooks/stripe"): ANYBODY,
    ("POST", "/api/v1/webhooks/razorpay"): ANYBODY,
    ("POST", "/api/v1/webhooks/twilio"): ANYBODY,
    ("POST", "/api/v1/webhooks/whatsapp"): ANYBODY,
    ("GET", "/api/v1/webhooks/whatsapp"): ANYBODY,
    ("GET", "/codec/login"): ANYBODY,
    ("POST", "/codec/login"): ANYBODY,
    ("POST", "/codec/encode"): OPERATORS,
    ("POST", "/codec/decode"): OPERATORS,
}


async def test_every_route_lets_in_exactly_whom_it_should(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    routes = {(method, path) for path, handler in declared_handlers(app) for method in handler.http_methods}
    assert routes - set(EXPECTED) == set(), "routes without a row in EXPECTED: say who may call them"
    assert set(EXPECTED) - routes == set(), "rows of routes that are gone"

    people = {role: await new_person(role) for role in Role}
    wrong = []
    for (method, path), allowed in EXPECTED.items():
        for role in Role:
            # A session for each call: logging out ends it.
            status = await _status(client, method, path, await token_of(app, people[role]))
            if (status not in (401, 403)) != (allowed is ANYBODY or role in allowed):
                wrong.append(f"{method} {path} as {role}: {status}")
        for name, token in (await _refused_tokens(app, people[Role.SUPER_ADMIN])).items():
            status = await _status(client, method, path, token)
            if (status == 401) != (allowed is not ANYBODY):
                wrong.append(f"{method} {path} with {name}: {status}")
    assert wrong == []


async def test_a_person_with_no_role_may_only_see_themselves(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson
) -> None:
    person = await new_person(Role.STUDENT)
    nobody = Person(person.id, person.email, ())
    await fetch("UPDATE users SET roles = '{}' WHERE id = $1", person.id)
    token = await token_of(app, nobody)
    me = await client.get("/api/v1/auth/me", headers=bearer(token))
    assert (me.status_code, me.json()["permissions"]) == (200, [])
    assert await _status(client, "POST", "/codec/decode", token) == 403


async def _status(client: httpx.AsyncClient, method: str, path: str, token: str | None) -> int:
    url = re.sub(r"\{[^}]*\}", "x", path)
    body: dict[str, str] | None = {} if method in ("POST", "PUT", "PATCH") else None
    answer = await client.request(method, url, json=body, headers=bearer(token) if token else {})
    assert answer.status_code < 500, (method, path, answer.text)
    return answer.status_code


async def _refused_tokens(app: Litestar, admin: Person) -> dict[str, str | None]:
    """What must open nothing, although the person behind it may do everything."""
    tokens: AccessTokens = app.state.access_tokens
    roles = list(admin.roles)
    living = await open_session(admin.id, new_id(), datetime.now(UTC) + timedelta(days=1))
    over = await open_session(admin.id, new_id(), datetime.now(UTC) - timedelta(seconds=1))
    revoked = await open_session(admin.id, new_id(), datetime.now(UTC) + timedelta(days=1))
    await close_session(revoked)
    foreign = AccessTokens({"dev": "another secret of at least 32 bytes!"}, app.state.public_base_url)
    return {
        "no login": None,
        "an expired token": tokens.issue(admin.id, living, roles, life=timedelta(seconds=-1)),
        "a wrong signature": foreign.issue(admin.id, living, roles),
        "a revoked session": tokens.issue(admin.id, revoked, roles),
        "an expired session": tokens.issue(admin.id, over, roles),
        "a session of somebody else": tokens.issue(new_id(), living, roles),
        "an unknown session": tokens.issue(admin.id, new_id(), roles),
        "garbage": "garbage",
    }
