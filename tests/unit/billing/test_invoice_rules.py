"""Invoices: financial years, numbers, GSTINs, and credit notes that agree with the invoice and with the ledger."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.billing.gstin import STATE_NUMBERS, is_gstin_of
from domain.billing.invoice import DocumentLine, Series, financial_year, last_moment, number_prefix, taken_back
from domain.billing.ledger import Account, refund, sale
from domain.billing.money import SOLD_IN, from_minor, to_minor
from domain.billing.places import INDIAN_STATES
from domain.billing.purchase import LineKind
from domain.billing.tax import tax_sale

LONGEST_NUMBER = 16
"""CGST Rules 2017, rule 46 (b)."""


@pytest.mark.parametrize(
    ("moment", "year"),
    [
        (datetime(2027, 3, 31, 18, 29, 59, tzinfo=UTC), 2026),  # 23:59:59 in Kolkata
        (datetime(2027, 3, 31, 18, 30, tzinfo=UTC), 2027),  # midnight in Kolkata
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), 2026),
        (datetime(2027, 1, 1, tzinfo=UTC), 2026),
    ],
)
def test_the_financial_year_turns_at_midnight_in_kolkata(moment: datetime, year: int) -> None:
    assert financial_year(moment) == year


@pytest.mark.parametrize("year", [2026, 2099])
def test_a_financial_year_ends_in_its_last_moment(year: int) -> None:
    assert financial_year(last_moment(year)) == year
    assert financial_year(last_moment(year) + timedelta(microseconds=1)) == year + 1


def test_a_credit_note_never_takes_back_more_than_the_invoice() -> None:
    lines = [
        DocumentLine(LineKind.COURSE, "Course", Decimal("100.00")),
        DocumentLine(LineKind.TAX, "IGST", Decimal(18)),
    ]
    note = taken_back(lines, "INR", Decimal(60), Decimal(100))
    assert sum(line.amount for line in note) == Decimal(18)
    assert sum(line.amount for line in taken_back(lines, "INR", Decimal(60), Decimal(200))) == 0


@pytest.mark.parametrize(("series", "year", "prefix"), [("INV", 2026, "INV/2627/"), ("CRN", 2099, "CRN/9900/")])
def test_a_number_has_sixteen_characters(series: str, year: int, prefix: str) -> None:
    assert number_prefix(Series(series), year) == prefix
    assert len(prefix + "9999999") == LONGEST_NUMBER


@pytest.mark.parametrize(
    ("state", "on", "name"),
    [
        *((state, date(2026, 11, 25), "UTGST") for state in ("AN", "CH", "DH", "LA", "LD")),
        *((state, date(2026, 11, 25), "SGST") for state in ("DL", "PY", "JK", "KL")),
        ("LA", date(2019, 10, 30), "SGST"),
    ],
)
def test_a_territory_without_legislature_charges_utgst(state: str, on: date, name: str) -> None:
    taxed = tax_sale(Decimal(118), "INR", buyer_country="IN", buyer_state=state, seller_state=state, on=on)
    assert [(tax.name, tax.amount) for tax in taxed.taxes] == [("CGST", Decimal(9)), (name, Decimal(9))]
    elsewhere = tax_sale(Decimal(118), "INR", buyer_country="IN", buyer_state="MH", seller_state=state, on=on)
    assert [tax.name for tax in elsewhere.taxes] == ["IGST"]


def test_every_state_has_its_gstin_digits() -> None:
    assert set(STATE_NUMBERS) == INDIAN_STATES
    assert len(set(STATE_NUMBERS.values())) == len(INDIAN_STATES)


@pytest.mark.parametrize(
    ("number", "state", "is_right"),
    [
        ("27AAPFU0939F1ZV", "MH", True),
        ("32AAACA0001A1Z6", "KL", True),
        ("27AAPFU0939F1ZV", "KL", False),  # another state's
        ("27AAPFU0939F1ZO", "MH", False),  # check character
        ("27AAPFU0939F1AV", "MH", False),  # the fourteenth is Z
        ("27AAPFU0939F1Z", "MH", False),
        ("27AAPFU0939F1ZVX", "MH", False),
        ("27aapfu0939f1zv", "MH", False),
        ("", "MH", False),
        ("٢٧AAPFU0939F1ZV", "MH", False),  # other digits
        ("27AAPFU0939F1ZV", "Dubai", False),
    ],
)
def test_gstin(number: str, state: str, is_right: bool) -> None:
    assert is_gstin_of(number, state) is is_right


def test_a_gstin_of_ladakh_is_known() -> None:
    assert any(is_gstin_of(f"38AAACA0001A1Z{check}", "LA") for check in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@given(
    st.integers(1, 5_000_000),
    st.sampled_from(sorted(SOLD_IN)),
    st.sampled_from(["KL", "MH"]),
    st.booleans(),
    st.lists(st.integers(1, 255), max_size=6),
)
@settings(max_examples=2_000, deadline=None)
def test_credit_notes_add_up_to_the_invoice_and_agree_with_the_ledger(
    minor: int, currency: str, state: str, in_india: bool, parts: list[int]
) -> None:
    gross = from_minor(minor, currency)
    taxed = tax_sale(
        gross,
        currency,
        buyer_country="IN" if in_india else "AE",
        buyer_state=state,
        seller_state="KL",
        on=date(2026, 11, 25),
    )
    lines = [DocumentLine(LineKind.COURSE, "Course", taxed.net)]
    lines += [DocumentLine(LineKind.TAX, tax.name, tax.amount, tax.rate) for tax in taxed.taxes]
    booked = sale("p", gross, [tax.amount for tax in taxed.taxes], currency, has_instructor=True).entries
    back, sums = Decimal(0), [Decimal(0)] * len(lines)
    for number, part in enumerate([*parts, 255]):  # in the end everything goes back
        amount = from_minor((minor - to_minor(back, currency)) * part // 255, currency)
        amount = amount if part < 255 else gross - back
        if not amount:
            continue
        note = taken_back(lines, currency, amount, back)
        assert sum(line.amount for line in note) == amount
        taxes = [line.amount for line in note if line.kind is LineKind.TAX]
        assert len(set(taxes)) <= 1, "CGST and SGST are equal"
        posted = refund(f"r{number}", amount, currency, booked, back).entries
        assert sum(taxes) == sum(entry.amount for entry in posted if entry.account is Account.TAX_PAYABLE)
        back += amount
        sums = [total + line.amount for total, line in zip(sums, note, strict=True)]
    assert sums == [line.amount for line in lines]
