"""Benchmark (b): from a webhook to the enrollment that a buyer sees, against a signal and one activity.

The webhook is sent from here, so that its first byte has a time: the stand-in keeps the order's payment in its book
but drops its own event, and the same event is signed here as Stripe signs. Then the buyer asks the API every 5 ms,
on a connection of their own, until it shows `enrolled`. The reference is a workflow that waits for a signal and then
runs one normal activity with one INSERT; its row is looked for every 5 ms on a connection to PostgreSQL that is open
already. There is no API before it: what each look costs ours, and what the API's answers take from the worker, stays
in the story's figure.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import repeat
from time import perf_counter
from typing import Any

import msgspec
import stripe

from benchmarks.common import abba, is_quick, json_line, median_ratio
from benchmarks.http_client import Connection
from benchmarks.reference.story import Signalled
from benchmarks.reference.worker import QUEUE
from benchmarks.shop import Shop, open_shop, order
from benchmarks.verdicts import InvalidBlockError, judge_purchases, judge_references
from bootstrap import end_process
from domain.identifiers import new_id, purchase_workflow_id

GOAL = 1.5
ROUNDS, RUNS = (1, 5) if is_quick() else (5, 20)
"""Each round has two blocks of each side: 200 of each in all, one after the other."""
WARM_RUNS = 3 if is_quick() else 20
POLL_SECONDS = 0.005
PATIENCE_SECONDS = 10.0


class Webhooks:
    """Pays orders, and tells the API itself."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._secret = shop.stack.settings.stripe_webhook_secret.get_secret_value()

    async def block(self, runs: int) -> list[float]:
        """Seconds of each run. Raises `InvalidBlockError`."""
        seconds, bought = [], {}
        ports = self._shop.api_port, self._shop.provider_port
        async with Connection(ports[0]) as api, Connection(ports[0]) as browser, Connection(ports[1]) as provider:
            await provider.post("/test/faults", b'{"webhooks": {"drop": 1.0}}')
            for buyer in await self._shop.admit(runs):
                order_id, payment_id = await order(self._shop, browser, buyer)
                intent = await provider.post(f"/test/pay/{payment_id}")
                page = partial(browser.get, f"/api/v1/purchases/{order_id}", buyer.login)
                if (await page())["status"] != "awaiting_payment":
                    raise InvalidBlockError("the payment was known before the webhook")
                seconds.append(await self._tell_and_look(api, intent, page))
                bought[order_id] = buyer
                await self._shop.ours.get_workflow_handle(purchase_workflow_id(order_id)).result()
        await judge_purchases(self._shop, bought)
        return seconds

    async def _tell_and_look(self, api: Connection, intent: Any, page: Callable[[], Awaitable[Any]]) -> float:
        event = {"id": f"evt_{new_id()}", "object": "event", "type": "payment_intent.succeeded"}
        body = msgspec.json.encode({**event, "data": {"object": intent}})
        signature = stripe.WebhookSignature.generate_signature_header(body.decode(), self._secret, int(time.time()))

        async def is_shown() -> bool:
            return bool((await page())["status"] == "enrolled")

        headers = f"stripe-signature: {signature}\r\n"
        began = perf_counter()
        telling = asyncio.create_task(api.post("/api/v1/webhooks/stripe", body, headers))
        await _look(is_shown, began)
        seconds = perf_counter() - began
        await telling
        return seconds


class Signals:
    """Signals reference workflows that wait already."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def block(self, runs: int) -> list[float]:
        """Seconds of each run. Raises `InvalidBlockError`."""
        seconds, run_ids = [], []
        for run_id in (f"reference/{new_id()}" for _ in repeat(None, runs)):
            handle = await self._shop.plain.start_workflow(Signalled.run, run_id, id=run_id, task_queue=QUEUE)
            await asyncio.sleep(POLL_SECONDS * 10)  # its first task

            async def is_there(run_id: str = run_id) -> bool:
                return bool(await self._shop.rows("SELECT FROM reference_rows WHERE run_id = $1", run_id))

            began = perf_counter()
            telling = asyncio.create_task(handle.signal(Signalled.tell))
            await _look(is_there, began)
            seconds.append(perf_counter() - began)
            await telling
            await handle.result()
            run_ids.append(run_id)
        await judge_references(self._shop, run_ids, steps=1)
        return seconds


async def _look(is_there: Callable[[], Awaitable[bool]], began: float) -> None:
    """Look every 5 ms; a look that takes longer is followed by the next at once."""
    look = 0
    while True:
        look += 1
        await asyncio.sleep(max(0.0, began + look * POLL_SECONDS - perf_counter()))
        if await is_there():
            return
        if perf_counter() - began > PATIENCE_SECONDS:
            raise InvalidBlockError(f"nothing to be seen after {PATIENCE_SECONDS} s")


async def measure() -> str:
    """The JSON line. Raises `InvalidBlockError`."""
    async with open_shop() as shop:
        story, reference = Webhooks(shop), Signals(shop)
        await story.block(WARM_RUNS)
        await reference.block(WARM_RUNS)
        rounds = await abba(partial(story.block, RUNS), partial(reference.block, RUNS), ROUNDS)
    for number, each in enumerate(rounds, 1):
        print(f"round {number}: ratio of the medians {each.ratio(statistics.median):.3f}")
    print(_describe("webhook → enrolled", [block for each in rounds for block in each.story]))
    print(_describe("signal → activity → row", [block for each in rounds for block in each.reference]))
    return json_line("webhook_latency", median_ratio(rounds, statistics.median), GOAL)


def _describe(name: str, blocks: list[list[float]]) -> str:
    seconds = sorted(run for block in blocks for run in block)
    quantiles = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    figures = ", ".join(
        f"{label} {seconds[int(len(seconds) * part)] * 1000:.1f} ms" for label, part in quantiles.items()
    )
    return f"{name}: {len(seconds)} runs, {seconds[0] * 1000:.1f} ms at best, {figures}"


def main() -> int:
    """The exit code: 1 when a block was invalid."""
    try:
        line = asyncio.run(measure())
    except InvalidBlockError as error:
        print(f"INVALID: {error}", file=sys.stderr)
        return 1
    print(line)
    return 0


if __name__ == "__main__":
    end_process(main())
