"""Which addresses a browser's subscription may name.

The person gives the address and our worker posts to it: any other would let a stranger make us call into our own
network.
"""

from urllib.parse import urlsplit

KNOWN_HOSTS = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "web.push.apple.com",
    ".push.apple.com",
    ".notify.windows.com",
)
"""Chrome, Firefox, Safari, Edge; with a dot in front: any host below it."""


def is_push_service(endpoint: str, more_origins: tuple[str, ...] = ()) -> bool:
    """Whether this is an address at a push service that we know, or at one of `more_origins` (`https://host:port`)."""
    try:
        parts = urlsplit(endpoint)
        origin, host, port = f"{parts.scheme}://{parts.netloc}", parts.hostname or "", parts.port
    except ValueError:
        return False
    if origin in more_origins:
        return True
    if parts.scheme != "https" or parts.username or port not in (None, 443):
        return False
    return any(host.endswith(known) if known.startswith(".") else host == known for known in KNOWN_HOSTS)
