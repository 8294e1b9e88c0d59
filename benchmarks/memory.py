"""Memory of API and worker over 10,000 purchases: does it stay flat?

The processes' resident memory is read after every block. The first half fills caches, pools and the allocator's own
reserves, and is only printed. The ratio is the mean of the last quarter to the mean of the quarter before it: a leak of
one kilobyte a purchase would show as 2.5 MB. Judged like every block of purchases: nothing counts that went wrong.
"""

import asyncio
import statistics
import sys

import psutil

from benchmarks.common import is_quick, json_line
from benchmarks.load import PurchaseLoad
from benchmarks.shop import open_shop
from benchmarks.verdicts import InvalidBlockError
from bootstrap import end_process

GOAL = 1.02
BLOCKS, RUNS = (4, 25) if is_quick() else (20, 500)
PARTS = ("api", "worker")
MEBIBYTE = 1024 * 1024


async def measure() -> list[str]:
    """The JSON lines, one for each process. Raises `InvalidBlockError`."""
    resident: dict[str, list[int]] = {part: [] for part in PARTS}
    async with open_shop("razorpay") as shop:
        load = PurchaseLoad(shop)
        for block in range(1, BLOCKS + 1):
            await load.block(RUNS)
            for part, sizes in resident.items():
                sizes.append(psutil.Process(shop.stack[part].pid).memory_info().rss)
            told = ", ".join(f"{part} {sizes[-1] / MEBIBYTE:.1f} MiB" for part, sizes in resident.items())
            print(f"after {block * RUNS} purchases: {told}", flush=True)
    quarter = BLOCKS // 4
    return [
        json_line(
            f"memory_{part}", statistics.mean(sizes[-quarter:]) / statistics.mean(sizes[-2 * quarter : -quarter]), GOAL
        )
        for part, sizes in resident.items()
    ]


def main() -> int:
    """The exit code: 1 when a block was invalid."""
    try:
        lines = asyncio.run(measure())
    except InvalidBlockError as error:
        print(f"INVALID: {error}", file=sys.stderr)
        return 1
    print(*lines, sep="\n")
    return 0


if __name__ == "__main__":
    end_process(main())
