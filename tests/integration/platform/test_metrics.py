"""Metrics as Prometheus reads them: of real API and worker processes, and of the business."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bootstrap import Services
from db.sql import fetch
from stack.embedded import EmbeddedStack
from stack.process import PROJECT
from tests.conftest import free_ports
from tests.integration.stand_ins import eventually

Samples = dict[tuple[str, tuple[str, ...]], float]


@asynccontextmanager
async def process(stack: EmbeddedStack, *arguments: str, **changes: str) -> AsyncIterator[None]:
    """A process of ours with changed settings, ended at the end."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=PROJECT, env={**stack.environment, **changes}
    )
    try:
        yield
    finally:
        started.terminate()
        await started.wait()


async def scraped(port: int) -> Samples:
    """Every sample by its name and sorted label values; none while nobody answers."""
    async with httpx.AsyncClient() as client:
        try:
            answer = await client.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
        except httpx.TransportError:
            return {}
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def scraping(port: int) -> Callable[[], Awaitable[Samples]]:
    return lambda: scraped(port)


async def test_the_api_counts_requests_by_template_and_the_business_from_sql(
    servers: EmbeddedStack, services: Services
) -> None:
    port, api_port = (port for port, _ in zip(free_ports(), range(2), strict=False))
    api = {"API_METRICS_ADDRESS": f"127.0.0.1:{port}", "API_PORT": str(api_port)}
    async with (
        process(servers, "-m", "api", **api),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{api_port}") as client,
    ):
        await eventually(scraping(port), 30)
        for path in ("/problems/not_found", "/problems/forbidden", "/problems/nonsense", "/no/such/person@example.org"):
            await client.get(path)
        await client.request("INVENTED", "/problems/not_found")

        async def all_counted() -> Samples:
            """A request is counted after its answer."""
            found = await scraped(port)
            count = sum(value for (name, _), value in found.items() if name == "academy_requests_total")
            return found if count >= 5 else {}

        samples = await eventually(all_counted)
        assert (await client.get("/metrics")).status_code == 404, "not where the internet asks"
    assert samples["academy_requests_total", ("GET", "/problems/{code}", "200")] == 2
    assert samples["academy_requests_total", ("GET", "/problems/{code}", "404")] == 1
    assert samples["academy_request_seconds_count", ("/problems/{code}",)] >= 3
    labels = {value for _, values in samples for value in values}
    assert not any("person" in value or value == "INVENTED" for value in labels)
    (undelivered,) = await fetch("SELECT count(*) FROM provider_events WHERE delivered_at IS NULL")
    assert samples["academy_undelivered_events", ("open",)] == undelivered["count"]
    for row in await fetch("SELECT status, count(*) FROM orders GROUP BY status"):
        assert samples["academy_orders", (row["status"],)] == row["count"]


async def test_a_worker_serves_the_sdks_metrics_and_its_containers_probe_reads_them(servers: EmbeddedStack) -> None:
    (port,) = (port for port, _ in zip(free_ports(), range(1), strict=False))
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    _, _, *probe = compose["services"]["worker-lms-core"]["healthcheck"]["test"]
    assert any(":9101/" in word for word in probe)
    probe = [word.replace(":9101/", f":{port}/") for word in probe]

    async def is_healthy() -> bool:
        asked = await asyncio.create_subprocess_exec(sys.executable, *probe, stderr=asyncio.subprocess.DEVNULL)
        return await asked.wait() == 0

    assert not await is_healthy()
    async with process(servers, "worker.py", WORKER_METRICS_ADDRESS=f"127.0.0.1:{port}"):
        assert await eventually(is_healthy, 30)
        assert any(name == "temporal_num_pollers" for name, _ in await scraped(port))
