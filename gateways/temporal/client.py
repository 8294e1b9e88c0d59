"""The Temporal client of API, worker and tools."""

from temporalio.client import Client

from domain.errors import OutageError
from gateways.temporal.codec import EncryptionCodec
from gateways.temporal.converter import data_converter


async def temporal_client(
    address: str, namespace: str, codec: EncryptionCodec, *, tls: bool = False, api_key: str | None = None, lazy: bool
) -> Client:
    """A client with our converter and codec.

    A lazy one connects at its first call, so that the API starts and answers while Temporal is down; a worker's
    client cannot be lazy. Raises `OutageError` when one that is not lazy finds nobody.
    """
    try:
        return await Client.connect(
            address,
            namespace=namespace,
            data_converter=data_converter(codec),
            tls=tls,
            api_key=api_key,
            lazy=lazy,
        )
    except RuntimeError:
        raise OutageError("temporal") from None
