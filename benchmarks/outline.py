"""Benchmark (e): the outline of a course with sixty lessons and progress, against a bare handler with the same bytes.

Twice: with the course held in the process, and with every request reading it anew (`Outlines` holding nothing). Login,
access, locks and progress are read from PostgreSQL at each request in both.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import cycle, repeat

import asyncpg
import msgspec

from benchmarks.bare_page import BarePage
from benchmarks.catalog import page_of
from benchmarks.common import Round, abba, academy, free_ports, is_quick, json_line, median_ratio
from benchmarks.http_load import Load, drive_each, exchange, get_request
from benchmarks.learners import School, add_progress, open_school
from stack.embedded import EmbeddedStack, PythonPart
from stack.process import accepts_connections

GOALS = {"cached": 0.5, "uncached": 0.3}
LESSONS, LEARNERS, CONNECTIONS = 60, 100, 64
ROUNDS, BLOCK_SECONDS = (1, 1.0) if is_quick() else (5, 2.0)
SIZES = (1_000, 20_000) if is_quick() else (1_000, 1_000_000)


def outlines(port: int, school: School, first: int) -> Iterator[bytes]:
    """Requests of one learner after another."""
    learners = school.learners[first:] + school.learners[:first]
    for learner in cycle(learners):
        yield get_request(port, f"/api/v1/me/enrollments/{learner.enrollment_id}/outline", learner.login)


async def measure(port: int, bare_port: int, school: School) -> list[Round[Load]]:
    """ABBA rounds of one form at one size."""

    async def ours() -> Load:
        senders = [outlines(port, school, number) for number in range(CONNECTIONS)]
        return await asyncio.to_thread(drive_each, port, senders, seconds=BLOCK_SECONDS)

    async def bare() -> Load:
        senders = [repeat(get_request(bare_port, "/page")) for _ in range(CONNECTIONS)]
        return await asyncio.to_thread(drive_each, bare_port, senders, seconds=BLOCK_SECONDS)

    await ours()
    await bare()
    return await abba(ours, bare, ROUNDS)


async def start_api(stack: EmbeddedStack, form: str) -> PythonPart:
    """In this form."""
    module = "api" if form == "cached" else "benchmarks.api_without_outlines"
    ready = partial(accepts_connections, stack.settings.api_port)
    part = PythonPart("api", ["-m", module], stack.settings, ready)
    await part.start()
    return part


async def main() -> None:
    """Both forms at both sizes; the JSON lines come last."""
    lines = []
    async with academy("postgres", "valkey", "temporal", rate_limit_per_address=100_000_000) as stack:
        sql = await asyncpg.connect(stack.settings.database_url)
        school = await open_school(sql, stack.settings, lessons=LESSONS, learners=LEARNERS)
        await _learn_half(sql, school)
        api_port, rates = stack.settings.api_port, {}
        for size in SIZES:
            print(f"outline: {await add_progress(sql, school, size):,} rows of progress", flush=True)
            for form, goal in GOALS.items():
                api = await start_api(stack, form)
                bare_port, bare = await _bare_page(stack, school)
                try:
                    rounds = await measure(api_port, bare_port, school)
                finally:
                    await bare.stop()
                    await api.stop()
                for each in rounds:
                    print(f"outline, {form}: API", *(f"{load.rate:,.0f}/s" for load in each.story), end="; bare ")
                    print(*(f"{load.rate:,.0f}/s" for load in each.reference))
                rates[form, size] = sum(load.rate for each in rounds for load in each.story) / (2 * len(rounds))
                if size == SIZES[-1]:
                    ratio = median_ratio(rounds, lambda load: load.rate)
                    lines.append(json_line(f"outline, {form} ÷ bare Litestar handler", ratio, goal))
        await sql.close()
        for form in GOALS:
            growth = rates[form, SIZES[1]] / rates[form, SIZES[0]]
            print(f"outline, {form}: with {SIZES[1]:,} rows {growth:.2f} of the rate with {SIZES[0]:,}")
    print(*lines, sep="\n")


async def _learn_half(sql: asyncpg.Connection, school: School) -> None:
    """Every learner has done half of the lessons."""
    await sql.execute(
        'INSERT INTO lesson_progress (id, "enrollmentId", "lessonId", status, "progressPercentage", "timeSpent",'
        " \"lastPosition\") SELECT uuidv7()::text, e, l, 'completed', 100, 300, 300 FROM unnest($1::text[]) e,"
        " unnest($2::text[]) l",
        [learner.enrollment_id for learner in school.learners],
        school.lessons[: LESSONS // 2],
    )


async def _bare_page(stack: EmbeddedStack, school: School) -> tuple[int, PythonPart]:
    """A bare handler that answers the first learner's outline."""
    learner = school.learners[0]
    path = f"/api/v1/me/enrollments/{learner.enrollment_id}/outline"
    answer = await asyncio.to_thread(exchange, stack.settings.api_port, path, learner.login)
    stored = stack.settings.data_dir / "outline.bin"
    stored.write_bytes(msgspec.msgpack.encode(BarePage(page_of(answer).headers, page_of(answer).body)))
    (port,) = free_ports(1)
    part = PythonPart(
        "bare",
        ["-m", "benchmarks.bare_page", str(port), str(stored)],
        stack.settings,
        partial(accepts_connections, port),
    )
    await part.start()
    return port, part


if __name__ == "__main__":
    asyncio.run(main())
