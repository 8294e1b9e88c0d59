"""Addresses that learners' browsers open; pure."""

import unicodedata
from urllib.parse import urlsplit


def is_https(address: str) -> bool:
    """Whether this is an absolute `https` address without a login in it, of printable characters only."""
    if any(character.isspace() or unicodedata.category(character) in {"Cc", "Cs"} for character in address):
        return False
    try:
        parts = urlsplit(address)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:  # a port beyond 65535, a broken IPv6 address
        return False
