"""The body of a purchase."""

import msgspec

from api.purchases.schemas import PurchaseRequest


def test_a_request_from_before_addresses_keeps_its_hash() -> None:
    """Its repetition under the same key, after a deploy, must not look like another request."""
    before = (
        b'{"provider":"stripe","billing":{"name":"A","state":"KL","postalCode":"1","country":"IN","gstin":null},'
        b'"currency":null}'
    )
    assert msgspec.json.encode(msgspec.json.decode(before, type=PurchaseRequest)) == before
