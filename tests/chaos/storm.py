"""Many purchases at once while webhooks misbehave and processes are killed at random."""

import asyncio
import contextlib
import random
from collections import Counter
from time import monotonic
from typing import Any

from tests.chaos.academy import VICTIMS, Academy
from tests.chaos.buyer import Buyer, new_buyer
from tests.chaos.matrix.strike import Row
from tests.chaos.verdicts.purchase import judge, story_ended

AT_ONCE = 6
"""Buyers in the shop."""
ENDS_WITHIN_SECONDS = 150.0
"""For one purchase: a lost webhook is found out by asking after 5, 15 and 35 s, and some are met by several kills."""
DECLINED_FIRST, WRONG_AMOUNT = 0.2, 0.1
"""Chances that a card is declined once, and that the bank captures another amount than was asked for."""


class Storm:
    """Everything at random, from dice whose seed is printed."""

    def __init__(self, academy: Academy, seed: int, *, purchases: int, kills: int) -> None:
        self._academy = academy
        self._dice = random.Random(seed)
        self._seed = seed
        self._purchases = purchases
        self._kills = kills
        self._door = asyncio.Semaphore(AT_ONCE)
        self._calm = asyncio.Event()
        self._in_shop: set[Buyer] = set()
        self._ends: dict[Buyer, float] = {}
        self._struck: list[tuple[str, float, str, list[Buyer]]] = []

    async def rage(self) -> list[Row]:
        """Run to the end; one row for each kill. Raises `AssertionError` when a purchase ended wrong."""
        buyers = [await self._somebody() for _ in range(self._purchases)]
        weather, raid = asyncio.create_task(self._weather()), asyncio.create_task(self._raid())
        try:
            await asyncio.gather(*(self._shop(buyer) for buyer in buyers))
        finally:
            self._calm.set()
            await asyncio.gather(weather, raid)
            await self._academy.release()
        for buyer in buyers:
            await story_ended(self._academy, buyer, ENDS_WITHIN_SECONDS)
            await judge(self._academy, buyer, _end_of(buyer))
        return [self._row(*blow) for blow in self._struck]

    async def _somebody(self) -> Buyer:
        buyer = await new_buyer(self._academy, self._dice.choice(list(self._academy.providers)))
        buyer.is_declined_first = self._dice.random() < DECLINED_FIRST
        if self._dice.random() < WRONG_AMOUNT:
            buyer.bank_captures = self._dice.randrange(100, 100_000)
        return buyer

    async def _shop(self, buyer: Buyer) -> None:
        async with self._door:
            self._in_shop.add(buyer)
            buyer.start()
            assert await buyer.finished(ENDS_WITHIN_SECONDS) == _end_of(buyer), buyer.order_id
            self._in_shop.discard(buyer)
            self._ends[buyer] = monotonic()

    async def _weather(self) -> None:
        """Faults of the providers' webhooks, of another mixture every few seconds."""
        while not self._calm.is_set():
            faults = {
                # Never none: the short storm of `make test` has two dozen events, and some have to be lost.
                "drop": self._dice.choice([0.3, 0.6]),
                "double": self._dice.choice([0.3, 0.9]),
                "forge": self._dice.choice([0.5, 1.0]),
                "reorder": self._dice.random() < 0.7,
                "delay_ms": self._dice.choice([0, 0, 300, 1500]),
            }
            await self._academy.provider_faults(webhooks=faults, seed=self._dice.randrange(1_000_000))
            await self._pause(self._dice.uniform(1, 3))

    async def _raid(self) -> None:
        victims = [VICTIMS[number % len(VICTIMS)] for number in range(self._kills)]
        self._dice.shuffle(victims)
        for victim in victims:
            await self._pause(self._dice.uniform(0.5, 3))
            if self._calm.is_set():
                return  # the shop is empty: a kill would meet nobody
            pause = self._dice.uniform(0, 2)
            at = await self._standing()
            began, present = monotonic(), list(self._in_shop)
            await self._academy.kill(victim)
            try:
                await asyncio.sleep(pause)
            finally:
                await self._academy.restart(victim)
            self._struck.append((victim, began, at, present))

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not beyond the end of the storm."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._calm.wait(), seconds)

    async def _standing(self) -> str:
        rows = await self._academy.sql(
            "SELECT status FROM orders WHERE user_id = ANY($1)", [buyer.user_id for buyer in self._in_shop]
        )
        counted = Counter(row["status"] for row in rows)
        return ", ".join(f"{number} {status}" for status, number in sorted(counted.items())) or "no order yet"

    def _row(self, victim: str, began: float, at: str, present: list[Buyer]) -> Row:
        last = max((self._ends[buyer] for buyer in present), default=began)
        return Row(
            "storm", f"at random (seed {self._seed})", victim, at, last - began, f"all {len(present)} ended right", 1
        )


def _end_of(buyer: Buyer) -> str:
    return "enrolled" if buyer.bank_captures is None else "refunded"


async def forgeries(academy: Academy) -> list[dict[str, Any]]:
    """Every forged webhook that the stand-ins have sent, with the answers that it got."""
    return [delivery for delivery in await deliveries(academy) if delivery["sort"] != "genuine"]


async def deliveries(academy: Academy) -> list[dict[str, Any]]:
    """Every webhook that the stand-ins have planned."""
    planned: list[dict[str, Any]] = []
    for base in academy.providers.values():
        answer = await academy.http.get(f"{base}/test/webhooks")
        planned += answer.raise_for_status().json()["deliveries"]
    return planned
