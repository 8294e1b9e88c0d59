"""Payloads are msgspec JSON under the standard encoding name `json/plain`, so the Temporal UI shows them."""

from typing import Any

import msgspec
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
    PayloadCodec,
)


class MsgspecPayloadConverter(EncodingPayloadConverter):
    """Structs, `Decimal`, dates and plain values, by msgspec; anything that it cannot read back is an error."""

    @property
    def encoding(self) -> str:
        """The standard name of JSON payloads."""
        return "json/plain"

    def to_payload(self, value: Any) -> Payload | None:
        """The payload, or `None` for what msgspec cannot write."""
        try:
            data = msgspec.json.encode(value)
        except (TypeError, NotImplementedError):
            return None
        return Payload(metadata={"encoding": self.encoding.encode()}, data=data)

    def from_payload(self, payload: Payload, type_hint: type[Any] | None = None) -> Any:
        """The value as `type_hint`. Raises `msgspec.ValidationError` when it does not fit."""
        return msgspec.json.decode(payload.data, type=Any if type_hint is None else type_hint)


class AcademyPayloadConverter(CompositePayloadConverter):
    """Temporal's default converters with msgspec in the place of the standard library's JSON."""

    def __init__(self) -> None:
        super().__init__(
            *(
                MsgspecPayloadConverter() if isinstance(converter, JSONPlainPayloadConverter) else converter
                for converter in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


def data_converter(codec: PayloadCodec | None) -> DataConverter:
    """What client, worker and replayer must share; failure texts and stack traces are encoded, too."""
    return DataConverter(
        payload_converter_class=AcademyPayloadConverter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
