"""Prometheus metrics of one API process, on an address of their own that no proxy leads to (`API_METRICS_ADDRESS`).

Requests are counted in the process: sum over the replicas. Business numbers are read from SQL at the scrape and are the
same in every replica: take the maximum.
"""

import asyncio
from collections.abc import Iterator
from time import monotonic

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from db.queries.business_numbers import BusinessNumber, business_numbers

log = structlog.get_logger()

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FRESH_SECONDS = 15.0
"""Business numbers are read at most so often, however many scrape."""
READ_SECONDS = 5.0


class Metrics:
    """Counts requests by the route's template, never by its path; serves what it counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ("method", "route", "status")
        self._requests = Counter("academy_requests", "Answered requests.", names, registry=self.registry)
        self._seconds = Histogram(
            "academy_request_seconds", "Time to the end of the answer.", ("route",), registry=self.registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request. A method that we do not know is `other`: a caller may invent any."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def serve(self, address: str) -> None:
        """Answer scrapes at `host:port`, in threads, until the process ends. Raises `OSError` for a taken port."""
        self.registry.register(_Business(asyncio.get_running_loop()))
        host, _, port = address.rpartition(":")
        start_http_server(int(port), host, registry=self.registry)


class _Business(Collector):
    """Reads the business's numbers on the API's loop, whose connections they need."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._numbers: list[BusinessNumber] = []
        self._read_at = -FRESH_SECONDS

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing, so that registering reads nothing."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The numbers; none while PostgreSQL does not answer, so that an old number never passes for a new one."""
        if monotonic() - self._read_at >= FRESH_SECONDS:
            try:
                reading = asyncio.run_coroutine_threadsafe(
                    asyncio.wait_for(business_numbers(), READ_SECONDS), self._loop
                )
                self._numbers = reading.result(READ_SECONDS + 1)
                self._read_at = monotonic()
            except Exception as error:  # whatever it is: the requests' counts are still worth an answer
                log.warning("business_numbers_not_read", error=type(error).__name__)
                self._numbers = []
        families: dict[str, GaugeMetricFamily] = {}
        for number in self._numbers:
            family = families.setdefault(
                number.name, GaugeMetricFamily(f"academy_{number.name}", "From SQL, by state.", labels=["state"])
            )
            family.add_metric([number.state], number.value)
        yield from families.values()
