"""The keys of `JWT_KEYS`: they sign logins, and keys for other purposes are derived from them; those of
`UNSUBSCRIBE_KEYS` look alike."""

from domain.errors import AcademyError

SHORTEST_KEY_BYTES = 32
"""RFC 7518 §3.2: as long as the hash, at least."""


class SigningKeyError(AcademyError):
    """`JWT_KEYS` or `UNSUBSCRIBE_KEYS` is malformed."""


def signing_keys(setting: str) -> dict[str, str]:
    """`id:secret,id:secret`, the newest first. Raises `SigningKeyError`."""
    pairs = [part.strip().partition(":") for part in setting.split(",") if part.strip()]
    keys = {key_id: secret for key_id, _, secret in pairs}
    if not keys or len(keys) != len(pairs) or "" in keys:
        raise SigningKeyError("Signing keys want id:secret pairs with different ids, separated by commas")
    if any(len(secret.encode()) < SHORTEST_KEY_BYTES for secret in keys.values()):
        raise SigningKeyError(f"Signing keys want secrets of at least {SHORTEST_KEY_BYTES} bytes")
    return keys
