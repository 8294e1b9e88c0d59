"""The Temporal client of API, worker and tools."""

from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

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
            runtime=_runtime_with_metrics(metrics_address) if metrics_address else None,
        )
    except RuntimeError:
        raise OutageError("temporal") from None


def _runtime_with_metrics(address: str) -> Runtime:
    return Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=address, durations_as_seconds=True)))
