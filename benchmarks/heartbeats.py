"""Benchmark (d): heartbeats a second through the API, durable when answered, against one Valkey SET in a bare handler.

The bare handler writes to the same Valkey (append-only file, fsync every second, which may lose a second) and checks
nothing. The API's side has login, access, rule, PostgreSQL's fsync and the copy in Valkey. A block does not count when
the rows do not hold what was acknowledged.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

import asyncpg

from benchmarks.common import abba, academy, free_ports, is_quick, json_line, median_ratio
from benchmarks.http_load import Load, drive_each, post_request
from benchmarks.learners import Learner, School, add_progress, open_school
from stack.embedded import EmbeddedStack, PythonPart
from stack.process import accepts_connections

GOAL = 1.0
CONNECTIONS = 200
ROUNDS, BLOCK_SECONDS = (1, 1.0) if is_quick() else (5, 3.0)
SIZES = (1_000, 20_000) if is_quick() else (1_000, 1_000_000)
BEAT = timedelta(seconds=10)


class Player:
    """Sends a learner's next heartbeat, ten seconds after the one before, at one lesson."""

    def __init__(self, port: int, learner: Learner, lesson_id: str) -> None:
        self.learner, self.lesson_id = learner, lesson_id
        self.sent = 0
        self._port = port
        self._began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=59)

    def requests(self) -> Iterator[bytes]:
        """For ever."""
        path = f"/api/v1/lessons/{self.lesson_id}/heartbeats"
        for number in count(self.sent):
            yield post_request(self._port, path, self.body(number), self.learner.login)
            self.sent = number + 1

    def body(self, number: int) -> bytes:
        began, position = self._began + number * BEAT, number * 10_000
        times = f'"beganAt":"{began.isoformat()}","endedAt":"{(began + BEAT).isoformat()}"'
        positions = f'"fromMs":{position},"toMs":{position + 10_000}'
        return f'{{"events":[{{"sequence":{number},{times},{positions}}}],"accessedFrom":"mobile"}}'.encode()


async def measure(school: School, stack: EmbeddedStack, bare_port: int, sql: asyncpg.Connection) -> list[float]:
    """ABBA rounds at one size: the ratio, and the API's own rates."""
    players = [
        Player(stack.settings.api_port, learner, school.lessons[number % len(school.lessons)])
        for number, learner in enumerate(school.learners)
    ]

    async def ours() -> Load:
        load = await asyncio.to_thread(
            drive_each, stack.settings.api_port, [player.requests() for player in players], seconds=BLOCK_SECONDS
        )
        await _require_kept(sql, players)
        return load

    async def bare() -> Load:
        senders = [
            (post_request(bare_port, f"/set/{player.learner.enrollment_id}", player.body(n)) for n in count())
            for player in players
        ]
        return await asyncio.to_thread(drive_each, bare_port, senders, seconds=BLOCK_SECONDS)

    await ours()
    await bare()
    rounds = await abba(ours, bare, ROUNDS)
    for each in rounds:
        print("heartbeats: API", *(f"{load.rate:,.0f}/s" for load in each.story), end="; bare SET ")
        print(*(f"{load.rate:,.0f}/s" for load in each.reference))
    rates = [load.rate for each in rounds for load in each.story]
    return [median_ratio(rounds, lambda load: load.rate), sum(rates) / len(rates)]


async def _require_kept(sql: asyncpg.Connection, players: list[Player]) -> None:
    """Every acknowledged event (its successor was sent) is in the rows. Raises `AssertionError`."""
    spent = dict(
        await sql.fetch(
            'SELECT "enrollmentId", "timeSpent" FROM lesson_progress WHERE "enrollmentId" = ANY ($1)',
            [player.learner.enrollment_id for player in players],
        )
    )
    for player in players:
        kept = spent.get(player.learner.enrollment_id, 0) // 10
        if kept < player.sent - 1:
            raise AssertionError(f"{player.sent - 1} heartbeats were acknowledged, {kept} are there")


async def main() -> None:
    """Both sizes; the JSON lines come last."""
    async with academy("postgres", "valkey", "temporal", rate_limit_per_address=100_000_000) as stack:
        sql = await asyncpg.connect(stack.settings.database_url)
        school = await open_school(sql, stack.settings, lessons=20, learners=CONNECTIONS)
        await stack["api"].start()
        (port,) = free_ports(1)
        url = stack.settings.data_dir / "redis.url"
        url.write_text(stack.settings.redis_url)
        bare = PythonPart(
            "bare",
            ["-m", "benchmarks.bare_set", str(port), str(url)],
            stack.settings,
            partial(accepts_connections, port),
        )
        await bare.start()
        results = []
        try:
            for size in SIZES:
                print(f"heartbeats: {await add_progress(sql, school, size):,} rows of progress", flush=True)
                results.append(await measure(school, stack, port, sql))
        finally:
            await bare.stop()
            await sql.close()
    (_, few), (ratio, many) = results
    print(f"heartbeats: with {SIZES[1]:,} rows {many / few:.2f} of the rate with {SIZES[0]:,}")
    print(json_line("heartbeats, durable ÷ one Valkey SET", ratio, GOAL))


if __name__ == "__main__":
    asyncio.run(main())
