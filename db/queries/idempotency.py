"""What an Idempotency-Key stands for: its row is in the first commit of every POST that starts a story."""

import msgspec

from db.sql import fetch, fetch_one
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id


class KeyedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request with its key. `request_hash` tells another body from a repetition."""

    user_id: str
    route: str
    key: str
    request_hash: str


async def resource_of_key(request: KeyedRequest) -> str | None:
    """The row that this key stands for. Raises `BusinessRefusalError("idempotency_key_reused")` for another body."""
    row = await fetch_one(
        "SELECT request_hash, resource_id FROM idempotency_keys WHERE user_id = $1 AND route = $2 AND key = $3",
        request.user_id,
        request.route,
        request.key,
    )
    if row is None:
        return None
    if row["request_hash"] != request.request_hash:
        raise BusinessRefusalError("idempotency_key_reused")
    return str(row["resource_id"])


async def keep_key(request: KeyedRequest, resource_id: str) -> None:
    """Write the key in the current transaction; another request's commit with the same key is waited for.

    Raises `BusinessRefusalError("idempotency_key_in_progress")` when the key is there by then.
    """
    rows = await fetch(
        "INSERT INTO idempotency_keys (id, user_id, route, key, request_hash, resource_id)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id, route, key) DO NOTHING RETURNING id",
        new_id(),
        request.user_id,
        request.route,
        request.key,
        request.request_hash,
        resource_id,
    )
    if not rows:
        raise BusinessRefusalError("idempotency_key_in_progress")
