"""Tax invoices and credit notes: their series, their financial year, and what a credit note takes back.

Source: CGST Rules 2017, rules 46 (b) and 53 (1A) (c): a consecutive serial number of at most sixteen characters, in one
or more series, unique for a financial year; CGST Act 2017 s. 34: a credit note for what is given back.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from domain.billing.money import round_money
from domain.billing.purchase import Billing, LineKind
from domain.billing.seller import Seller

INVOICE_ZONE = ZoneInfo("Asia/Kolkata")
"""Invoices are dated, and tax rates hold, by the day of the seller's place."""

FIRST_MONTH = 4
"""India's financial year begins in April."""


class Series(StrEnum):
    """Each has serials of its own in each financial year."""

    INVOICE = "INV"
    CREDIT_NOTE = "CRN"


class DocumentLine(msgspec.Struct, frozen=True, rename="camel"):
    """A line of an invoice or a credit note; `rate` of a tax line (0.09 is 9 %), `sac` of what is sold."""

    kind: LineKind
    description: str
    amount: Decimal
    rate: Decimal | None = None
    sac: str | None = None


class Reference(msgspec.Struct, frozen=True, rename="camel"):
    """The invoice that a credit note is about."""

    number: str
    issued_at: datetime


class TaxDocument(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An issued tax invoice or, with `against`, a credit note: what its PDF says. The lines sum to `total`."""

    number: str
    issued_at: datetime
    seller: Seller
    buyer: Billing
    currency: str
    tax: Decimal
    total: Decimal
    lines: tuple[DocumentLine, ...]
    against: Reference | None = None


def financial_year(moment: datetime) -> int:
    """The calendar year in which the financial year of `moment` began, in Asia/Kolkata: 2026 for 2026–27."""
    local = moment.astimezone(INVOICE_ZONE)
    return local.year if local.month >= FIRST_MONTH else local.year - 1


def last_moment(year: int) -> datetime:
    """The last microsecond of the financial year that began in `year`, in UTC."""
    end = datetime(year + 1, FIRST_MONTH, 1, tzinfo=INVOICE_ZONE) - timedelta(microseconds=1)
    return end.astimezone(UTC)


def number_prefix(series: Series, year: int) -> str:
    """What stands before the seven digits of the serial: `INV/2627/`, nine characters."""
    return f"{series}/{year % 100:02d}{(year + 1) % 100:02d}/"


def taken_back(
    lines: Sequence[DocumentLine], currency: str, amount: Decimal, taken_before: Decimal
) -> tuple[DocumentLine, ...]:
    """The lines of a credit note over `amount`, after notes over `taken_before`: every line gives its proportion.

    Taxes are rounded by the running total, as the ledger does (`domain.billing.ledger.refund`), so that both agree and
    that notes which add up to the invoice take back exactly its lines; the course's line has the remainder.
    """
    total = sum((line.amount for line in lines), Decimal(0))
    # What goes beyond the invoice (a refund and a lost dispute over the same money) is a loss and no credit.
    amount = max(min(amount, total - taken_before), Decimal(0))

    def taken(line: DocumentLine, until: Decimal) -> Decimal:
        return round_money(line.amount * until / total, currency)

    taxes = {
        position: taken(line, taken_before + amount) - taken(line, taken_before)
        for position, line in enumerate(lines)
        if line.kind is LineKind.TAX
    }
    rest = amount - sum(taxes.values(), Decimal(0))
    return tuple(msgspec.structs.replace(line, amount=taxes.get(position, rest)) for position, line in enumerate(lines))
