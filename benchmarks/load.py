"""Blocks of runs, fifty in flight: the story's and the reference's, under the same clock."""

import asyncio
import statistics
from collections.abc import Callable, Coroutine, Sequence
from time import perf_counter
from typing import Any

import msgspec

from benchmarks.cpu import cpu_seconds, difference
from benchmarks.histories import Tally
from benchmarks.http_client import Connection
from benchmarks.reference.story import FiveSteps
from benchmarks.reference.worker import QUEUE
from benchmarks.shop import Buyer, Shop, order
from benchmarks.verdicts import InvalidBlockError, judge_purchases, judge_references
from domain.identifiers import new_id, purchase_workflow_id
from stack.process import Part

IN_FLIGHT = 50

DRAIN_SECONDS = 0.5
"""After the last end, until the CPU is read: what was begun is done by then, on both sides."""


class Block(msgspec.Struct, frozen=True):
    """A valid block of runs, by the load generator's clock, the processes' CPU seconds, and the histories."""

    latencies: list[float]
    seconds: float
    cpu: dict[str, float]
    tallies: list[Tally]

    @property
    def rate(self) -> float:
        """Runs a second."""
        return len(self.latencies) / self.seconds

    @property
    def cpu_per_run(self) -> float:
        """Seconds, over all parts."""
        return sum(self.cpu.values()) / len(self.latencies)


class PurchaseLoad:
    """Purchases, from the order to the end of the workflow."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._parts = _parts(shop, shop.stack["worker"])

    async def block(self, runs: int) -> Block:
        """Raises `InvalidBlockError`."""
        waiting = iter(await self._shop.admit(runs))
        bought: dict[str, Buyer] = {}
        latencies: list[float] = []

        async def slot() -> None:
            async with Connection(self._shop.api_port) as api, Connection(self._shop.provider_port) as provider:
                for buyer in waiting:
                    began = perf_counter()
                    order_id = await self._buy(buyer, api, provider)
                    latencies.append(perf_counter() - began)
                    bought[order_id] = buyer

        seconds, cpu = await _clocked(slot, self._parts)
        return Block(latencies, seconds, cpu, await judge_purchases(self._shop, bought))

    async def _buy(self, buyer: Buyer, api: Connection, provider: Connection) -> str:
        order_id, payment_id = await order(self._shop, api, buyer)
        await provider.post(f"/test/pay/{payment_id}")
        handle = self._shop.ours.get_workflow_handle(purchase_workflow_id(order_id), result_type=str)
        if (status := await handle.result()) != "enrolled":
            raise InvalidBlockError(f"order {order_id} ended as {status}")
        return order_id


class ReferenceLoad:
    """Runs of the reference."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._parts = _parts(shop, shop.reference)

    async def block(self, runs: int) -> Block:
        """Raises `InvalidBlockError`."""
        run_ids = [f"reference/{new_id()}" for _ in range(runs)]
        waiting = iter(run_ids)
        latencies: list[float] = []

        async def slot() -> None:
            for run_id in waiting:
                began = perf_counter()
                await self._shop.plain.execute_workflow(FiveSteps.run, run_id, id=run_id, task_queue=QUEUE)
                latencies.append(perf_counter() - began)

        seconds, cpu = await _clocked(slot, self._parts)
        return Block(latencies, seconds, cpu, await judge_references(self._shop, run_ids, steps=5))


def describe(name: str, blocks: Sequence[Block]) -> str:
    """Figures of one side, over all its blocks."""
    latencies = sorted(latency for block in blocks for latency in block.latencies)
    runs = len(latencies)
    tallies = [tally for block in blocks for tally in block.tallies]
    rates = sorted(block.rate for block in blocks)
    cpu = [f"{part} {sum(block.cpu[part] for block in blocks) / runs * 1000:.1f}" for part in blocks[0].cpu]
    return (
        f"{name}: {statistics.median(rates):.1f}/s ({rates[0]:.1f}–{rates[-1]:.1f}),"
        f" p50 {latencies[runs // 2] * 1000:.0f} ms, p95 {latencies[int(runs * 0.95)] * 1000:.0f} ms;"
        f" CPU {sum(sum(block.cpu.values()) for block in blocks) / runs * 1000:.1f} ms a run ({', '.join(cpu)});"
        f" {_span([tally.events for tally in tallies])} events, {_span([tally.tasks for tally in tallies])}"
        f" workflow tasks a run, {sum(tally.late_tasks for tally in tallies)} tasks late in all"
    )


def _span(counts: list[int]) -> str:
    return f"{statistics.mean(counts):.1f} ({min(counts)}–{max(counts)})"


def _parts(shop: Shop, worker: Part) -> dict[str, Part]:
    """What is counted; the API idles while the reference runs."""
    return {"API": shop.stack["api"], "worker": worker, "Temporal": shop.stack["temporal"]} | {
        "PostgreSQL": shop.stack["postgres"]
    }


async def _clocked(
    slot: Callable[[], Coroutine[Any, Any, None]], parts: dict[str, Part]
) -> tuple[float, dict[str, float]]:
    """Run the slots side by side: wall seconds, and CPU seconds of the parts."""
    before = cpu_seconds(parts)
    began = perf_counter()
    try:
        async with asyncio.TaskGroup() as slots:
            for _ in range(IN_FLIGHT):
                slots.create_task(slot())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    seconds = perf_counter() - began
    await asyncio.sleep(DRAIN_SECONDS)
    return seconds, difference(before, cpu_seconds(parts))
