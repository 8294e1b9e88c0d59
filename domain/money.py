"""Money: one rounding function, one split rule, and the step between our decimals and a provider's minor units."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

MINOR_DIGITS = {"INR": 2, "USD": 2, "EUR": 2, "GBP": 2, "AED": 2, "JPY": 0}
"""Digits after the decimal point, ISO 4217. A currency that is not here is not sold in."""


class UnknownCurrencyError(ValueError):
    """The currency is not one that we sell in."""


def minor_digits(currency: str) -> int:
    """Digits after the decimal point of `currency`. Raises `UnknownCurrencyError`."""
    try:
        return MINOR_DIGITS[currency]
    except KeyError:
        raise UnknownCurrencyError(currency) from None


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
