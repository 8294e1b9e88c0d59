"""What a test can make go wrong. Kept in memory: a restarted stand-in behaves well."""

import random
from typing import Annotated, Literal

import msgspec

Operation = Literal["create_payment", "create_refund", "capture", "cancel", "update", "read", "list"]
"""`read` and `list` cover payments, refunds and disputes alike."""

ApiFaultKind = Literal[
    "error_500_before", "charge_then_500", "charge_then_hang", "hang_then_charge", "refuse", "rate_limit"
]
"""`error_500_before`: nothing happens, 500. `charge_then_500`: it is done, 500; both are stored under the key and
replayed. `charge_then_hang`: it is done and stored, the answer is withheld. `hang_then_charge`: nothing happens for
`seconds`, then it is done, even if the client has gone (the same key meanwhile: 409). `refuse`: 402 `card_declined`
for a payment, 400 otherwise, stored. `rate_limit`: 429, nothing happens. Razorpay keeps no answer but a refund's."""

Forgery = Literal["altered", "wrong_secret", "stale"]
FORGERIES: tuple[Forgery, ...] = ("altered", "wrong_secret", "stale")
"""Ways of forging: a body changed after it was signed, another secret, a true signature of ten minutes ago."""

REORDER_WITHIN_SECONDS = 0.25

Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]


class WebhookFaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Chances are 0…1 for each event."""

    drop: Chance = 0.0
    double: Chance = 0.0
    forge: Chance = 0.0
    reorder: bool = False
    """Each delivery waits a random part of a quarter second, so that later ones overtake it."""
    delay_ms: int = 0


class ApiFault(msgspec.Struct, forbid_unknown_fields=True):
    """The next `times` calls of an operation; `seconds` is how long a hang lasts (the client may leave before)."""

    operation: Operation
    kind: ApiFaultKind
    times: int = 1
    seconds: float = 60.0


class RefundFaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`pending` refunds stay so (until `/test/refunds/{id}/succeed` or `/fail`); `fail_later` fail after `delay_ms`."""

    mode: Literal["succeed", "pending", "fail_later"] = "succeed"
    delay_ms: int = 1000


class FaultPlan(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The body of `POST /test/faults`; a part that is not given stays as it was, `api` is added to what waits."""

    webhooks: WebhookFaults | None = None
    api: list[ApiFault] = []
    refunds: RefundFaults | None = None
    seed: int | None = None


class Delay(msgspec.Struct, frozen=True):
    """One planned delivery of an event, `seconds` from now."""

    sort: Literal["genuine"] | Forgery
    seconds: float
    dropped: bool = False


class Faults:
    """The faults that are on, and the dice (seeded, so that a run can be repeated)."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Everything behaves well again."""
        self.webhooks = WebhookFaults()
        self.refunds = RefundFaults()
        self._api: list[ApiFault] = []
        self._dice = random.Random()

    def add(self, plan: FaultPlan) -> None:
        """Switch on what the plan names."""
        if plan.seed is not None:
            self._dice.seed(plan.seed)
        self.webhooks = plan.webhooks or self.webhooks
        self.refunds = plan.refunds or self.refunds
        self._api.extend(plan.api)

    def current(self) -> FaultPlan:
        """What is on; `api` without what was used up."""
        return FaultPlan(webhooks=self.webhooks, api=self._api, refunds=self.refunds)

    def take(self, operation: Operation) -> ApiFault | None:
        """The fault that this call of an operation meets, if any; it counts as met."""
        for fault in self._api:
            if fault.operation == operation:
                fault.times -= 1
                if fault.times <= 0:
                    self._api.remove(fault)
                return fault
        return None

    def deliveries(self) -> list[Delay]:
        """How one event will be delivered."""
        on = self.webhooks
        dice = self._dice
        sorts: list[Literal["genuine"] | Forgery] = ["genuine"]
        dropped = dice.random() < on.drop
        if not dropped and dice.random() < on.double:
            sorts.append("genuine")
        if dice.random() < on.forge:
            sorts.append(dice.choice(FORGERIES))
        return [
            Delay(
                sort=sort,
                seconds=on.delay_ms / 1000 + (dice.random() * REORDER_WITHIN_SECONDS if on.reorder else 0),
                dropped=dropped and sort == "genuine",
            )
            for sort in sorts
        ]
