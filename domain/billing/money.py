"""Money: one rounding function, one split rule, and the step between our decimals and a provider's minor units."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

SOLD_IN = frozenset({"INR", "USD", "EUR", "GBP", "AED", "JPY"})
"""Currencies that we sell in. What a bank captures may be another: that is given back."""

_NO_DIGITS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
)
_THREE_DIGITS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def minor_digits(currency: str) -> int:
    """Digits after the decimal point of `currency` (ISO 4217); two where we know no better."""
    if currency in _NO_DIGITS:
        return 0
    return 3 if currency in _THREE_DIGITS else 2


def round_money(amount: Decimal, currency: str) -> Decimal:
    """The one rounding function: half to even, to the currency's minor unit."""
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), rounding=ROUND_HALF_EVEN)


def to_minor(amount: Decimal, currency: str) -> int:
    """Integer minor units as providers want them. Raises `ValueError` when `amount` has a fraction of one."""
    minor = amount.scaleb(minor_digits(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"{currency} amount has a fraction of a minor unit")
    return int(minor)


def from_minor(minor: int, currency: str) -> Decimal:
    """The decimal amount of integer minor units."""
    return Decimal(minor).scaleb(-minor_digits(currency))


def split_money(amount: Decimal, currency: str, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split into rounded parts that sum to `amount` exactly.

    The remainder of rounding goes to the last part: callers name the platform last.
    """
    total = sum(weights, Decimal(0))
    parts = [round_money(amount * weight / total, currency) for weight in weights[:-1]]
    return [*parts, amount - sum(parts, Decimal(0))]
