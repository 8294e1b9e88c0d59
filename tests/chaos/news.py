"""What providers tell by webhook, held back by us so that a story hears of one thing at a time.

A provider tells the same in several events, in any order; a history that is to be killed event by event has to be the
same each time. So while news is withheld the provider plans every event and sends none, and what the errand names is
sent by hand. The rest comes late, with the kill's end: every story hears everything in the end, some of it twice.
"""

from typing import Any, Protocol

import httpx


class _Providers(Protocol):
    http: httpx.AsyncClient
    providers: dict[str, str]


class News:
    """The providers' webhooks, under our thumb."""

    def __init__(self, academy: _Providers) -> None:
        self._academy = academy
        self._is_withheld = False
        self._is_lost = False
        self._done_with: set[str] = set()
        """Events that were sent by hand, or are lost."""

    async def withhold(self) -> None:
        """Only what is named to `happen` is told from now on."""
        await self._drop_all()
        self._is_withheld, self._is_lost = True, False

    def lose(self) -> None:
        """Nothing at all is told any more, nor later."""
        self._is_lost = True

    async def happen(self, provider: str, act: str, *, told_by: str = "", **body: object) -> dict[str, Any]:
        """Have a payer or a bank act; what it acted on. Of withheld news only the event `told_by` is sent."""
        base = self._academy.providers[provider]
        answer = await self._academy.http.post(f"{base}/test/{act}", json=body or None)
        assert answer.status_code == 200, answer.text
        thing: dict[str, Any] = answer.json()
        if self._is_withheld and not self._is_lost and told_by:
            about = {thing["id"], thing.get("payment_id")}
            told = [d for d in await self._dropped(base) if d["type"] == told_by and d["object"] in about]
            await self._send(base, told[-1]["event_id"])
        return thing

    async def release(self) -> None:
        """What was withheld comes now, unless it is lost."""
        if not self._is_withheld:
            return
        self._is_withheld = False
        for base in self._academy.providers.values():
            for delivery in await self._dropped(base):
                if self._is_lost:
                    self._done_with.add(delivery["event_id"])
                else:
                    await self._send(base, delivery["event_id"])

    async def _drop_all(self) -> None:
        for base in self._academy.providers.values():
            plan = {"webhooks": {"drop": 1.0}}
            (await self._academy.http.post(f"{base}/test/faults", json=plan)).raise_for_status()

    async def _dropped(self, base: str) -> list[dict[str, Any]]:
        answer = await self._academy.http.get(f"{base}/test/webhooks")
        planned: list[dict[str, Any]] = answer.raise_for_status().json()["deliveries"]
        return [d for d in planned if d["state"] == "dropped" and d["event_id"] not in self._done_with]

    async def _send(self, base: str, event_id: str) -> None:
        self._done_with.add(event_id)
        (await self._academy.http.post(f"{base}/test/webhooks/{event_id}/resend")).raise_for_status()
