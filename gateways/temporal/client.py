"""The Temporal client of API, worker and tools."""

import logging
from functools import cache

from temporalio.client import Client
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from domain.errors import OutageError
from gateways.temporal.codec import EncryptionCodec
from gateways.temporal.converter import data_converter


async def temporal_client(
    address: str,
    namespace: str,
    codec: EncryptionCodec,
    *,
    tls: bool = False,
    api_key: str | None = None,
    lazy: bool,
    metrics_address: str = "",
) -> Client:
    """A client with our converter and codec.

    A lazy one connects at its first call, so that the API starts and answers while Temporal is down; a worker's
    client cannot be lazy. `metrics_address` (`host:port`) is where the SDK serves its own Prometheus metrics.

    Raises `OutageError` when one that is not lazy finds nobody.
    """
    try:
        return await Client.connect(
            address,
            namespace=namespace,
            data_converter=data_converter(codec),
            tls=tls,
            api_key=api_key,
            lazy=lazy,
            runtime=_runtime(metrics_address),
        )
    except RuntimeError:
        raise OutageError("temporal") from None


@cache
def _runtime(metrics_address: str) -> Runtime:
    """One for all clients of a process: each has threads of its own. Its core's lines become lines like all others."""
    forwarding = LogForwardingConfig(
        logging.getLogger("temporalio.core"),
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    return Runtime(
        telemetry=TelemetryConfig(
            logging=LoggingConfig(TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding),
            metrics=PrometheusConfig(bind_address=metrics_address, durations_as_seconds=True)
            if metrics_address
            else None,
        )
    )
