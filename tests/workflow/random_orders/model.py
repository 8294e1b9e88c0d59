"""The plain model: orders and captured money, as whoever reads the rules would keep them."""

from dataclasses import dataclass, field
from decimal import Decimal

from domain.billing.money import from_minor
from tests.workflow.conftest import Bought

PRICE = 118_000
"""Minor units."""

DISPUTES = [
    (False, ("win",)),
    (False, ("respond", "win")),
    (False, ("lose",)),
    (False, ("respond", "lose")),
    (True, ("win",)),
    (True, ("respond", "escalate", "lose")),
]
"""Whether it begins as an inquiry, and its way to the end."""


@dataclass
class Money:
    """A captured payment in the model; minor units."""

    payment_id: str
    captured: int
    back: int = 0
    lost: int = 0
    dispute: str | None = None
    disputed: int = 0
    steps: list[str] = field(default_factory=list)
    """What is still to come of its open dispute."""
    is_held: bool = False

    @property
    def left(self) -> int:
        return self.captured - self.back - self.lost


@dataclass
class Order:
    """An order in the model."""

    bought: Bought
    is_open: bool = True
    charge_is_open: bool = True
    applied: Money | None = None
    other: list[Money] = field(default_factory=list)
    has_access: bool = False

    @property
    def money(self) -> list[Money]:
        return [*([self.applied] if self.applied else []), *self.other]

    @property
    def status(self) -> str:
        if self.applied is None:
            if self.other:
                return "refunded"
            return "awaiting_payment" if self.is_open else "expired"
        if self.applied.dispute:
            return "disputed"
        if self.applied.lost:
            return "charged_back"
        if self.applied.back == self.applied.captured:
            return "refunded"
        return "partially_refunded" if self.applied.back else "enrolled"

    @property
    def clearing(self) -> Decimal:
        return from_minor(sum(m.left - (m.disputed if m.is_held else 0) for m in self.money), "INR")
