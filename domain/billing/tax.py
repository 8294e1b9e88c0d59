"""What tax a sale carries: GST of India on an online course, prices including tax.

Source: CGST Act 2017 s. 15 and IGST Act 2017 s. 12 (place of supply in India is the recipient's state on record) and
s. 16 (export of services is zero-rated). SAC 999293, commercial training and coaching, is taxed at 18 %.
"""

from datetime import date
from decimal import Decimal

import msgspec

from domain.billing.money import round_money

SAC_ONLINE_COURSE = "999293"
GST_RATES = ((date(2017, 7, 1), Decimal("0.18")),)
"""Rates by the day from which each holds, oldest first."""

WITHOUT_LEGISLATURE = (
    (date(2017, 7, 1), frozenset({"AN", "CH", "DH", "LD"})),
    (date(2019, 10, 31), frozenset({"AN", "CH", "DH", "LA", "LD"})),
)
"""Union Territories whose half of the tax is UTGST (UTGST Act 2017 ss. 1 and 7), by the day from which each list holds.
Delhi, Puducherry, and Jammu and Kashmir have legislatures, so SGST."""


class TaxLine(msgspec.Struct, frozen=True, rename="camel"):
    """One tax within a price: its name, its rate (0.09 is 9 %) and its amount."""

    name: str
    rate: Decimal
    amount: Decimal


class TaxedPrice(msgspec.Struct, frozen=True, rename="camel"):
    """A price that includes tax: `net` and the taxes sum to `gross` exactly."""

    gross: Decimal
    net: Decimal
    taxes: tuple[TaxLine, ...]


def gst_rate(on: date) -> Decimal:
    """The rate in force on a day in Asia/Kolkata. Raises `ValueError` before GST began."""
    rates = [rate for since, rate in GST_RATES if since <= on]
    if not rates:
        raise ValueError("GST was not in force on that day")
    return rates[-1]


def second_half(state: str, on: date) -> str:
    """What stands beside CGST on a sale within a state or territory."""
    lists = [territories for since, territories in WITHOUT_LEGISLATURE if since <= on]
    return "UTGST" if lists and state in lists[-1] else "SGST"


def tax_sale(
    gross: Decimal, currency: str, *, buyer_country: str, buyer_state: str, seller_state: str, on: date
) -> TaxedPrice:
    """Split a tax-inclusive price: CGST + SGST (or UTGST) in the seller's own state, IGST elsewhere in India,
    nothing abroad."""
    if buyer_country != "IN" or gross == 0:
        return TaxedPrice(gross=gross, net=gross, taxes=())
    rate = gst_rate(on)
    tax = gross - round_money(gross / (1 + rate), currency)
    if buyer_state != seller_state:
        return TaxedPrice(gross=gross, net=gross - tax, taxes=(TaxLine("IGST", rate, tax),))
    # The two halves are equal by law, so an odd paisa stays in the net amount.
    half = round_money(tax / 2, currency)
    taxes = (TaxLine("CGST", rate / 2, half), TaxLine(second_half(seller_state, on), rate / 2, half))
    return TaxedPrice(gross=gross, net=gross - 2 * half, taxes=taxes)
