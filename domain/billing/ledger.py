"""Double-entry postings: each sums to zero per currency; a debit is positive, a credit negative (design rule 4)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from domain.billing.money import round_money, split_money

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
    DISPUTED_FUNDS = "disputed_funds"
    """Asset: what a payer's bank holds until it has decided a dispute."""
    REFUNDS_PAYABLE = "refunds_payable"
    """Liability: refunds that the payer's bank sent back, still owed to the payer."""
    CHARGEBACK_LOSSES = "chargeback_losses"
    """Expense: what went back beyond what was paid, by a refund and a chargeback of the same money."""


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


def sale(payment_id: str, gross: Decimal, taxes: Sequence[Decimal], currency: str, *, has_instructor: bool) -> Posting:
    """A captured payment that enrolled somebody: taxes to the state, the rest 70/30 to instructor and platform.

    Each tax line of the invoice is an entry of its own, so that a refund rounds it as its credit note does.
    """
    share = INSTRUCTOR_SHARE if has_instructor else Decimal(0)
    instructor, platform = split_money(gross - sum(taxes, Decimal(0)), currency, [share, 1 - share])
    return post(
        f"payment:{payment_id}:sale",
        [
            Entry(Account.PROVIDER_CLEARING, gross, currency),
            *(Entry(Account.TAX_PAYABLE, -tax, currency) for tax in taxes),
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
    refund_id: str, amount: Decimal, currency: str, booked: Sequence[Entry], reversed_before: Decimal
) -> Posting:
    """Give back `amount` of a payment whose first posting was `booked`; see `_give_back`."""
    return post(f"refund:{refund_id}", _give_back(amount, currency, booked, reversed_before, Account.PROVIDER_CLEARING))


def returned_refund(refund_id: str, amount: Decimal, owed: Decimal, currency: str) -> Posting:
    """The payer's bank sent a refund back: `owed` is what the payer did not get otherwise, too."""
    return post(
        f"refund:{refund_id}:returned",
        [
            Entry(Account.PROVIDER_CLEARING, amount, currency),
            Entry(Account.REFUNDS_PAYABLE, -owed, currency),
            Entry(Account.CHARGEBACK_LOSSES, owed - amount, currency),
        ],
    )


def repaid_refund(refund_id: str, amount: Decimal, currency: str) -> Posting:
    """What was owed since a returned refund has reached its payer; the sale was reversed by the first one."""
    return post(
        f"refund:{refund_id}",
        [
            Entry(Account.REFUNDS_PAYABLE, amount, currency),
            Entry(Account.PROVIDER_CLEARING, -amount, currency),
        ],
    )


def dispute_hold(dispute_id: str, amount: Decimal, currency: str) -> Posting:
    """The bank takes disputed money until it has decided."""
    return post(
        f"dispute:{dispute_id}:hold",
        [Entry(Account.DISPUTED_FUNDS, amount, currency), Entry(Account.PROVIDER_CLEARING, -amount, currency)],
    )


def dispute_release(dispute_id: str, held: Sequence[Entry]) -> Posting:
    """A dispute is won: its hold, reversed to the last unit."""
    return post(f"dispute:{dispute_id}:release", [Entry(e.account, -e.amount, e.currency) for e in held])


def chargeback(
    dispute_id: str,
    amount: Decimal,
    currency: str,
    booked: Sequence[Entry],
    reversed_before: Decimal,
    *,
    is_held: bool,
) -> Posting:
    """A dispute is lost: as a refund, out of what the bank holds already when `is_held`."""
    source = Account.DISPUTED_FUNDS if is_held else Account.PROVIDER_CLEARING
    return post(f"dispute:{dispute_id}:chargeback", _give_back(amount, currency, booked, reversed_before, source))


def _give_back(
    amount: Decimal, currency: str, booked: Sequence[Entry], reversed_before: Decimal, source: Account
) -> list[Entry]:
    """Every account of `booked` gives its proportion, and `source` the sum.

    Rounded on the running total (`reversed_before` went back before), so that parts that add up to the whole reverse
    the first posting exactly: first each tax, as the credit note has it, then what is left is split among the others.
    What exceeds the whole is a loss.
    """
    gross = sum((e.amount for e in booked if e.account is Account.PROVIDER_CLEARING), Decimal(0))
    taxes = [e for e in booked if e.account is Account.TAX_PAYABLE]
    shares = [e for e in booked if e.account not in (Account.PROVIDER_CLEARING, Account.TAX_PAYABLE)]

    def reversed_until(total: Decimal) -> list[Decimal]:
        rounded = [round_money(-e.amount * total / gross, currency) for e in taxes]
        rest = total - sum(rounded, Decimal(0))
        return [*rounded, *split_money(rest, currency, [-e.amount for e in shares])]

    part = min(amount, gross - reversed_before)
    before, after = reversed_until(reversed_before), reversed_until(reversed_before + part)
    entries = [
        Entry(e.account, now - then, currency) for e, then, now in zip([*taxes, *shares], before, after, strict=True)
    ]
    return [*entries, Entry(Account.CHARGEBACK_LOSSES, amount - part, currency), Entry(source, -amount, currency)]
