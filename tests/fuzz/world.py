"""Whom requests come from, and what exists that they can name."""

import hashlib
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from litestar import Litestar

from bootstrap import Services
from db.queries.identity.accounts import open_session
from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.email_links import LinkPurpose, LinkTokens
from domain.identity.roles import Role
from domain.identity.signing_keys import signing_keys
from tests.integration.catalog.catalog_rows import add_lesson, add_module
from tests.integration.conftest import NewPerson, Person, bearer, client_of, token_of
from tests.integration.identity.issuer_stand_in import StandInIssuer
from tests.workflow.conftest import Academy, eventually

PURCHASE: dict[str, Any] = {
    "provider": "stripe",
    "billing": {"name": "आशा Test", "state": "KL", "postalCode": "682001", "country": "IN"},
}
LEARNED = {
    "createPurchase": "purchase_id",
    "listMyPurchases": "purchase_id",
    "createRefund": "refund_id",
    "registerMyDevice": "device_id",
    "listSessions": "session_id",
    "listMyEnrollments": "enrollment_id",
    "listCreditNotes": "note_id",
    "linkExternalLogin": "login_id",
}
"""What the `id` in an operation's answer is called in paths."""
MOST_REMEMBERED = 200


@dataclass
class Caller:
    """Somebody of one role, or nobody."""

    name: str
    person: Person | None
    token: str | None = None


@dataclass
class World:
    """Everything that good requests are made of."""

    app: Litestar
    services: Services
    academy: Academy
    issuer: StandInIssuer
    """The adopter's own login."""
    callers: list[Caller]
    student: Person
    """Has paid; a part went back."""
    spare: Person
    """Calls nobody: its password is reset."""
    password_hash: str
    """Of everybody's password, cheap."""
    payment_id: str
    """The student's, at Stripe."""
    on_sale: list[str]
    known: dict[str, list[str]] = field(default_factory=dict)
    """Ids that exist, by the name of the path's or query's parameter."""
    enrollments: dict[str, list[str]] = field(default_factory=dict)
    """By person: their own."""
    razorpay: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By person: an own purchase and its order at Razorpay."""

    def owner(self, caller: Caller) -> Person:
        """The caller; for nobody the student."""
        return caller.person or self.student

    def any_of(self, name: str, rng: random.Random) -> str:
        """An id that exists; one that does not when none is known."""
        return rng.choice(self.known.get(name) or [new_id()])

    def learn(self, operation_id: str, caller: Caller, answer: Any) -> None:
        """Remember the ids of an answer."""
        if not isinstance(answer, dict):
            return
        items = answer["items"] if isinstance(answer.get("items"), list) else [answer]
        name = LEARNED.get(operation_id)
        for item in items:
            if name and isinstance(item.get("id"), str):
                self._remember(name, item["id"])
        if answer.get("nextCursor"):
            self._remember("cursor", answer["nextCursor"])
        checkout = answer.get("checkout") or {}
        if checkout.get("provider") == "razorpay":
            self.razorpay[self.owner(caller).id] = (answer["id"], checkout["razorpayOrderId"])

    async def own_lesson(self, caller: Caller) -> str:
        """A lesson of a course that the caller learns."""
        rows = await fetch(
            'SELECT e."courseId" AS course_id, l.id FROM course_enrollments e'
            ' LEFT JOIN course_modules m ON m."courseId" = e."courseId"'
            ' LEFT JOIN course_lessons l ON l."moduleId" = m.id'
            ' WHERE e."userId" = $1 ORDER BY l.id LIMIT 1',
            self.owner(caller).id,
        )
        if not rows:
            return new_id()
        return str(rows[0]["id"] or await add_lesson(await add_module(rows[0]["course_id"], 1), 1))

    def _remember(self, name: str, value: str) -> None:
        self.known[name] = [*self.known.get(name, []), value][-MOST_REMEMBERED:]

    async def login(self, caller: Caller) -> dict[str, str]:
        """The caller's header, with a session that lives."""
        if caller.person is None:
            return {}
        if caller.token is None:
            caller.token = await token_of(self.app, caller.person)
        return bearer(caller.token)

    async def start_anew(self, caller: Caller) -> None:
        """The caller has the old password and a new session: some operations change or end them."""
        caller.token = None
        if caller.person is not None:
            await fetch(
                "UPDATE users SET password_hash = $2, password_changed_at = NULL WHERE id = $1",
                *(caller.person.id, self.password_hash),
            )

    async def refresh_token(self, person: Person) -> tuple[str, str]:
        """A new session's id and its refresh token."""
        token = new_id()
        digest = hashlib.sha256(token.encode()).hexdigest()
        return await open_session(person.id, digest, datetime.now(UTC) + timedelta(days=1)), token

    async def link(self, person: Person, purpose: LinkPurpose) -> str:
        """The token of a link that works."""
        link_id = new_id()
        await fetch(
            "INSERT INTO email_links (id, user_id, purpose, email, expires_at)"
            " VALUES ($1, $2, $3, $4, now() + interval '1 hour')",
            *(link_id, person.id, purpose, person.email),
        )
        keys = signing_keys(self.services.settings.jwt_keys.get_secret_value())
        return LinkTokens(keys.values()).issue(link_id, purpose)


async def build_world(
    app: Litestar, academy: Academy, issuer: StandInIssuer, new_person: NewPerson, password_hash: str
) -> World:
    """People of every role with a free course each; a student who paid, and has a part of it back."""
    people = {role: await new_person(role) for role in Role}
    callers = [Caller(role.value, person) for role, person in people.items()] + [Caller("nobody", None)]
    student = people[Role.STUDENT]
    on_sale = [await academy.course(instructorId=people[Role.INSTRUCTOR].id) for _ in range(3)]
    free = await academy.course(price=None, isFree=True)
    paid = await academy.buy(await academy.course(instructorId=people[Role.INSTRUCTOR].id), student.id)
    await academy.at_provider(f"pay/{paid.payment_id}")
    assert await paid.handle.result() == "enrolled"
    world = World(
        app=app,
        services=academy.services,
        academy=academy,
        issuer=issuer,
        callers=callers,
        student=student,
        spare=await new_person(),
        password_hash=password_hash,
        payment_id=paid.payment_id,
        on_sale=on_sale,
    )
    for caller in callers:
        await world.start_anew(caller)
    world.known = {"course_id": [*on_sale, free], "id_or_slug": [*on_sale, free], "purchase_id": [paid.order.order_id]}
    async with client_of(app) as client:
        for caller in callers[:-1]:
            await _buy(world, client, caller, free)
        buyer = next(caller for caller in callers if caller.person is student)
        await _buy(world, client, buyer, on_sale[0], provider="razorpay")
        admin = next(caller for caller in callers if caller.name == Role.SUPER_ADMIN)
        refund = await client.post(
            f"/api/v1/purchases/{paid.order.order_id}/refunds",
            json={"reason": "To try it.", "amount": "118.00"},
            headers={**await world.login(admin), "Idempotency-Key": new_id()},
        )
        assert refund.status_code == 201, refund.text
        world.learn("createRefund", admin, refund.json())
        note = await eventually("SELECT id FROM credit_notes WHERE refund_id = $1", refund.json()["id"])
        world.known["note_id"] = [note["id"]]
    return world


async def _buy(world: World, client: httpx.AsyncClient, caller: Caller, course: str, **changes: Any) -> None:
    headers = {**await world.login(caller), "Idempotency-Key": new_id()}
    answer = await client.post(
        f"/api/v1/courses/{course}/purchases", json={**PURCHASE, **changes}, headers=headers, timeout=20
    )
    assert answer.status_code == 201, answer.text
    world.learn("createPurchase", caller, answer.json())
    mine = (await client.get("/api/v1/me/enrollments", headers=headers)).json()
    world.learn("listMyEnrollments", caller, mine)
    world.enrollments[world.owner(caller).id] = [item["id"] for item in mine["items"]]
