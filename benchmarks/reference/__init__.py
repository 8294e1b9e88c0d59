"""The yardstick of the purchase's benchmarks: what the plainest durable workflow costs on the same machine.

Frozen: `story.py` and `steps.py` do not change, or figures of different days cannot be compared. `require_frozen`
holds them to their hash.
"""

from hashlib import sha256
from pathlib import Path

FROZEN = {
    "story.py": "70fdc8d2feea9f750d760dd7a6ae8120068c9642e26b46e1940bccddb7c41e05",
    "steps.py": "ba4a5d935b8b04d6b71fc8e407a5bb152a64b52bec770e590aa18abdcd935893",
}


class ThawedError(Exception):
    """A frozen file was changed."""


def require_frozen() -> None:
    """Raises `ThawedError`."""
    for name, expected in FROZEN.items():
        found = sha256(Path(__file__).with_name(name).read_bytes()).hexdigest()
        if found != expected:
            raise ThawedError(f"benchmarks/reference/{name} is frozen and was changed ({found})")
