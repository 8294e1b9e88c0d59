"""What reached the phones, kept in a file, and the faults that are on."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

FAULTS = ("busy", "error_before", "error_after", "hang_before", "hang_after", "gone", "foreign", "refuse", "account")
"""busy: 429. error_before / error_after: 500, not kept / kept. hang_before / hang_after: the same, but no answer for a
minute. gone: no such address. foreign: an address of another account (push only). refuse: this message is not
acceptable. account: our account is refused."""


class PhoneMessage(msgspec.Struct, frozen=True, rename="camel"):
    """One message that was taken; `id` is the provider's."""

    id: str
    provider: str
    channel: str
    to: str
    """Number, registration token, or the browser's endpoint."""
    text: str
    received_at: datetime
    title: str = ""
    callback: str = ""
    """Where Twilio reports to."""


class Fault(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The next `times` sends of a provider go wrong."""

    provider: str
    kind: str
    times: int = 1


class PhoneBook:
    """Append-only, so that a killed process loses nothing that it answered 2xx for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.faults: list[Fault] = []
        lines = path.read_bytes().splitlines() if path.exists() else []
        self.messages = [msgspec.json.decode(line, type=PhoneMessage) for line in lines]

    def add(self, message: PhoneMessage) -> None:
        """Keep a message; on the disk before it is answered."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(message) + b"\n")
        self.messages.append(message)

    def clear(self) -> None:
        """Forget everything."""
        self._path.unlink(missing_ok=True)
        self.messages.clear()

    def next_fault(self, provider: str) -> str | None:
        """The fault that this send meets."""
        for fault in self.faults:
            if fault.provider == provider and fault.times > 0:
                fault.times -= 1
                return fault.kind
        return None


def now() -> datetime:
    """UTC."""
    return datetime.now(UTC)
