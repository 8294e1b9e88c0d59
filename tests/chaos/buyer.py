"""A buyer with a browser: orders, pays, looks, and tries again with the same key when the answer is lost."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.chaos.academy import Academy

PAUSE_SECONDS = 0.25
"""Between a lost answer and the next try."""

BILLING = {"name": "Asha Menon", "state": "KL", "postalCode": "682001", "country": "IN"}
ENDS = ("enrolled", "refunded")
TRY_AGAIN_CODES = ("idempotency_key_in_progress",)


class Buyer:
    """Somebody with an account of their own who buys the academy's course."""

    def __init__(self, academy: Academy, user_id: str, email: str, token: str, *, provider: str) -> None:
        self.provider = provider
        self.user_id = user_id
        self.email = email
        self.order_id: str | None = None
        self.payment_id: str | None = None
        self.status = ""
        self.may_pay = asyncio.Event()
        self.may_pay.set()
        self.bank_captures: int | None = None
        """Minor units, when the bank takes something else than was asked for."""
        self.bank_only_authorizes = False
        """Whether the account at Razorpay leaves it to us to capture."""
        self.is_declined_first = False
        """Whether the card is declined at the first try."""
        self._academy = academy
        self._headers = {"Authorization": f"Bearer {token}"}
        self._key = new_id()
        self._task: asyncio.Task[None] | None = None
        self._ordered = asyncio.Event()

    @property
    def login(self) -> dict[str, str]:
        """The header of every request."""
        return self._headers

    def start(self, *, pays: bool = True) -> None:
        """Begin; without `pays` it stops before the payment until `may_pay` is set."""
        if not pays:
            self.may_pay.clear()
        self._task = asyncio.create_task(self._buy())

    async def ordered(self, seconds: float) -> None:
        """Wait until it holds a checkout."""
        await asyncio.wait_for(self._ordered.wait(), seconds)

    async def finished(self, seconds: float) -> str:
        """Wait for its end: the status that it sees. Raises `TimeoutError` and whatever went wrong."""
        assert self._task is not None
        await asyncio.wait_for(self._task, seconds)
        return self.status

    async def leave(self) -> None:
        """Close the browser."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def paid_event(self) -> str:
        """The kind of the webhook that tells of the payment."""
        if self.provider == "stripe":
            return "payment_intent.succeeded"
        return "payment.authorized" if self._is_only_authorized else "payment.captured"

    async def order(self) -> tuple[str | None, str]:
        """Id and stored status of the order, known to the buyer or not; `None` and `-` without one."""
        rows = await self._academy.sql(
            "SELECT id, status FROM orders WHERE user_id = $1 ORDER BY id DESC", self.user_id
        )
        return (rows[0]["id"], rows[0]["status"]) if rows else (None, "-")

    def browser(self) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """Signed in at the academy."""
        return httpx.AsyncClient(base_url=self._academy.shop, headers=self._headers, timeout=15)

    @property
    def _is_only_authorized(self) -> bool:
        return self.bank_only_authorizes and self.bank_captures is None

    async def _buy(self) -> None:
        async with self.browser() as browser:
            await self._order(browser)
            self._ordered.set()
            await self.may_pay.wait()
            if self.payment_id is not None and self.status not in ENDS:
                await self._pay()
            while self.status not in ENDS:
                await asyncio.sleep(PAUSE_SECONDS)
                self.status = (await self.answered(browser, "GET", f"/api/v1/purchases/{self.order_id}"))["status"]

    async def _order(self, browser: httpx.AsyncClient) -> None:
        route = f"/api/v1/courses/{self._academy.course_id}/purchases"
        order = {"provider": self.provider, "billing": BILLING}
        while True:
            purchase = await self.answered(browser, "POST", route, order)
            self.order_id, self.status = purchase["id"], purchase["status"]
            if purchase["checkout"] is not None:
                checkout = purchase["checkout"]
                self.payment_id = checkout.get("razorpayOrderId") or checkout["clientSecret"].partition("_secret_")[0]
            if self.payment_id is not None or self.status in ENDS:
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def answered(
        self, browser: httpx.AsyncClient, method: str, route: str, body: object | None = None
    ) -> dict[str, Any]:
        """The first good answer to a request that is repeated while the academy is away."""
        while True:
            try:
                answer = await browser.request(method, route, json=body, headers={"Idempotency-Key": self._key})
            except httpx.TransportError:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if answer.status_code < 300:
                good: dict[str, Any] = answer.json()
                return good
            is_outage = answer.status_code >= 500 or answer.json().get("code") in TRY_AGAIN_CODES
            assert is_outage, f"{method} {route}: {answer.status_code} {answer.text}"
            await asyncio.sleep(PAUSE_SECONDS)

    async def _pay(self) -> None:
        happen = self._academy.happen
        if self.is_declined_first:
            await happen(self.provider, f"decline/{self.payment_id}")
        act = "authorize" if self._is_only_authorized else "pay"
        captured = {"amount": self.bank_captures} if self.bank_captures is not None else {}
        await happen(self.provider, f"{act}/{self.payment_id}", told_by=self.paid_event, **captured)


async def new_buyer(academy: Academy, provider: str = "stripe") -> Buyer:
    """Somebody new, with a session."""
    user_id, session_id = new_id(), new_id()
    email = f"{user_id}@people.example"
    await academy.sql(
        """INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents)
           VALUES ($1, $2, 'none', 'Asha Menon', $3, 'en', 'Asia/Kolkata', '{"email": true}', '{}')""",
        *(user_id, email, [Role.STUDENT]),
    )
    await academy.sql(
        "INSERT INTO auth_sessions (id, user_id, expires_at) VALUES ($1, $2, $3)",
        *(session_id, user_id, datetime.now(UTC) + timedelta(days=1)),
    )
    token = academy.tokens.issue(user_id, session_id, [Role.STUDENT], life=timedelta(hours=2))
    return Buyer(academy, user_id, email, token, provider=provider)
