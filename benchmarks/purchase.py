"""Benchmark (a): whole purchases, against a workflow of five normal activities with one INSERT each.

A purchase is an order by HTTP, its payment at the stand-in, the stand-in's signed webhook, the settlement, and the
mail. Its clock stops when the workflow's result arrives, by a long poll as a reference run's clock does: the same
call, so the same cost on both sides. The story marks the mail as sent before it ends; that each mark is older than
its workflow's end is checked after the block, as is everything in `verdicts.py`. This process makes the load and is
not counted, nor are the stand-ins, which are others' systems; they take their share of the machine all the same,
which is to the story's disadvantage in the rate. `python -m benchmarks.purchase razorpay` pays there, not at Stripe,
and its buyers are told over three channels: e-mail, WhatsApp and push.
"""

import asyncio
import statistics
import sys
from collections.abc import Awaitable, Callable
from functools import partial

from benchmarks.common import abba, is_quick, json_line, median_ratio
from benchmarks.load import Block, PurchaseLoad, ReferenceLoad, describe
from benchmarks.shop import open_shop
from benchmarks.verdicts import InvalidBlockError
from bootstrap import end_process

GOAL = 1.0
ROUNDS, RUNS = (1, 50) if is_quick() else (5, 300)
WARM_UP = (4, 20, 50) if is_quick() else (4, 20, 150)
"""Runs of the blocks before the measured ones; few at first, or those in flight meet processes that are all cold."""


async def measure(provider: str) -> list[str]:
    """The JSON lines. Raises `InvalidBlockError`."""
    async with open_shop(provider) as shop:
        story, reference = PurchaseLoad(shop), ReferenceLoad(shop)
        for runs in WARM_UP:
            await story.block(runs)
            await reference.block(runs)
        rounds = await abba(
            partial(_told, "purchases", story.block), partial(_told, "reference", reference.block), ROUNDS
        )
    for number, each in enumerate(rounds, 1):
        rate, cpu = each.ratio(lambda block: block.rate), 1 / each.ratio(lambda block: block.cpu_per_run)
        print(f"round {number}: rate ratio {rate:.3f}, CPU ratio {cpu:.3f}")
    print(describe("purchase", [block for each in rounds for block in each.story]))
    print(describe("reference", [block for each in rounds for block in each.reference]))
    cpu_ratio = statistics.median(1 / each.ratio(lambda block: block.cpu_per_run) for each in rounds)
    suffix = "" if provider == "stripe" else f"_{provider}"
    return [
        json_line(f"purchase_rate{suffix}", median_ratio(rounds, lambda block: block.rate), GOAL),
        json_line(f"purchase_cpu{suffix}", cpu_ratio, GOAL),
    ]


async def _told(name: str, block: Callable[[int], Awaitable[Block]]) -> Block:
    """A block of the full length, with a line about it, since it takes a while."""
    done = await block(RUNS)
    print(f"block of {RUNS} {name}: {done.rate:.1f}/s, {done.cpu_per_run * 1000:.1f} ms of CPU each", flush=True)
    return done


def main() -> int:
    """The exit code: 1 when a block was invalid."""
    try:
        lines = asyncio.run(measure("razorpay" if "razorpay" in sys.argv[1:] else "stripe"))
    except InvalidBlockError as error:
        print(f"INVALID: {error}", file=sys.stderr)
        return 1
    print(*lines, sep="\n")
    return 0


if __name__ == "__main__":
    end_process(main())
