"""Double-entry postings: each sums to zero per currency; a debit is positive, a credit negative (design rule 4)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from domain.money import round_money, split_money

INSTRUCTOR_SHARE = Decimal("0.70")
"""Brief, "Doctor → Instructor": 70/30 split, of the price without tax."""


class Account(StrEnum):
    """The chart of accounts."""

    PROVIDER_CLEARING = "provider_clearing"
    """Asset: what the payment provider holds for us."""
    TAX_PAYABLE = "tax_payable"
    """Liability: tax collected for the state."""
    INSTRUCTOR_PAYABLE = "instructor_payable"
    """Liability: what instructors have earned."""
    PLATFORM_REVENUE = "platform_revenue"
    """Revenue: the platform's own share."""
    UNAPPLIED_RECEIPTS = "unapplied_receipts"
    """Liability: money taken for which nobody was enrolled, owed back to its payer."""


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """One side of a posting."""

    account: Account
    amount: Decimal
    currency: str


class Posting(msgspec.Struct, frozen=True, rename="camel"):
    """All entries of one business event; `event_key` is unique, so an event posts once."""

    event_key: str
    entries: tuple[Entry, ...]


class UnbalancedPostingError(ValueError):
    """The entries of a posting do not sum to zero in some currency."""


def post(event_key: str, entries: Iterable[Entry]) -> Posting:
    """A posting without zero entries. Raises `UnbalancedPostingError`."""
    kept = tuple(entry for entry in entries if entry.amount != 0)
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in kept:
        sums[entry.currency] += entry.amount
    if any(sums.values()):
        raise UnbalancedPostingError(event_key)
    return Posting(event_key, kept)


def sale(payment_id: str, gross: Decimal, tax: Decimal, currency: str, *, has_instructor: bool) -> Posting:
    """A captured payment that enrolled somebody: tax to the state, the rest 70/30 to instructor and platform."""
    share = INSTRUCTOR_SHARE if has_instructor else Decimal(0)
    instructor, platform = split_money(gross - tax, currency, [share, 1 - share])
    return post(
        f"payment:{payment_id}:sale",
        [
            Entry(Account.PROVIDER_CLEARING, gross, currency),
            Entry(Account.TAX_PAYABLE, -tax, currency),
            Entry(Account.INSTRUCTOR_PAYABLE, -instructor, currency),
            Entry(Account.PLATFORM_REVENUE, -platform, currency),
        ],
    )


def unapplied_receipt(payment_id: str, amount: Decimal, currency: str) -> Posting:
    """A captured payment that enrolled nobody and is owed back."""
    return post(
        f"payment:{payment_id}:unapplied",
        [
            Entry(Account.PROVIDER_CLEARING, amount, currency),
            Entry(Account.UNAPPLIED_RECEIPTS, -amount, currency),
        ],
    )


def refund(
    refund_id: str, amount: Decimal, currency: str, booked: Sequence[Entry], refunded_before: Decimal
) -> Posting:
    """Give back `amount` of a payment whose first posting was `booked`: every account gives its proportion.

    Rounded on the running total, so that partial refunds that add up to the whole reverse the first posting exactly.
    """
    gross = sum((e.amount for e in booked if e.account is Account.PROVIDER_CLEARING), Decimal(0))
    others = [e for e in booked if e.account is not Account.PROVIDER_CLEARING]

    def reversed_until(total: Decimal) -> list[Decimal]:
        rounded = [round_money(-e.amount * total / gross, currency) for e in others[:-1]]
        return [*rounded, total - sum(rounded, Decimal(0))]

    before, after = reversed_until(refunded_before), reversed_until(refunded_before + amount)
    entries = [Entry(e.account, now - then, currency) for e, then, now in zip(others, before, after, strict=True)]
    return post(f"refund:{refund_id}", [*entries, Entry(Account.PROVIDER_CLEARING, -amount, currency)])
