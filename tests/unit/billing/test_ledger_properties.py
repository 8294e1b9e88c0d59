"""Money is conserved: 10,000 sequences of sales, unapplied receipts and refunds, in every currency that we sell in."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.billing.ledger import (
    Account,
    Entry,
    Posting,
    UnbalancedPostingError,
    chargeback,
    dispute_hold,
    dispute_release,
    post,
    refund,
    repaid_refund,
    returned_refund,
    sale,
    unapplied_receipt,
)
from domain.billing.money import SOLD_IN, from_minor, round_money, split_money, to_minor
from domain.billing.places import INDIAN_STATES
from domain.billing.tax import tax_sale

CURRENCIES = sorted(SOLD_IN)
ON = date(2026, 11, 22)

minor_amounts = st.one_of(st.integers(1, 40), st.integers(1, 10_000_000))
"""Small amounts are where rounding hurts."""

PAYMENTS, REFUNDS = 2, 7
"""The most of each in one sequence."""

PAYMENT_BYTES, REFUND_BYTES = 5, 2

sequences = st.binary(
    min_size=1 + PAYMENTS * PAYMENT_BYTES + REFUNDS * REFUND_BYTES,
    max_size=1 + PAYMENTS * PAYMENT_BYTES + REFUNDS * REFUND_BYTES,
)
"""A sequence as bytes, decoded by `payments_of` and `refunds_of`: Hypothesis draws it five times faster than tuples."""

Paid = tuple[str, int, int, int]
"""A payment: currency, minor units, tax in 255ths of it, and kind (sale with or without instructor, unapplied)."""


def payments_of(drawn: bytes) -> list[Paid]:
    """One or two payments; half of them are small, where rounding hurts."""
    payments = []
    for number in range(1 + drawn[0] % PAYMENTS):
        sort, high, middle, low, tax = drawn[1 + PAYMENT_BYTES * number :][:PAYMENT_BYTES]
        minor = low % 40 if high % 2 else high << 16 | middle << 8 | low
        payments.append((CURRENCIES[sort % len(CURRENCIES)], 1 + minor, tax, sort // len(CURRENCIES) % 3))
    return payments


def refunds_of(drawn: bytes) -> list[tuple[int, int]]:
    """Up to seven refunds: of which payment, and how many 255ths of what is left; 0 and 255 mean all of it."""
    first = 1 + PAYMENTS * PAYMENT_BYTES
    count = drawn[0] // PAYMENTS % (1 + REFUNDS)
    return [(which, part) for which, part in zip(drawn[first::2], drawn[first + 1 :: 2], strict=True)][:count]


Balances = dict[tuple[Account, str], Decimal]


class Books:
    """A ledger in memory, with a look at every posting."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.balances: defaultdict[tuple[Account, str], Decimal] = defaultdict(Decimal)

    def write(self, posting: Posting) -> None:
        """Add a posting that must balance, hold whole minor units, and be new."""
        assert posting.event_key not in self.keys
        self.keys.add(posting.event_key)
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for entry in posting.entries:
            assert entry.amount != 0
            to_minor(entry.amount, entry.currency)  # raises for a fraction
            sums[entry.currency] += entry.amount
            self.balances[entry.account, entry.currency] += entry.amount
        assert not any(sums.values())


class Payment:
    """One payment with its own books, so that each payment's accounts can be compared with its first posting."""

    def __init__(self, number: int, paid: Paid) -> None:
        self.currency, minor, tax, kind = paid
        self.id = f"payment-{number}"
        self.gross = from_minor(minor, self.currency)
        if kind == 2:
            self.booked = unapplied_receipt(self.id, self.gross, self.currency)
        else:
            taxed = round_money(self.gross * tax / 255, self.currency)
            # As CGST and SGST do: two equal lines, an odd minor unit left to the net amount.
            half = round_money(taxed / 2, self.currency)
            taxes = [half, half] if 2 * half < self.gross else [Decimal(0)]
            self.booked = sale(self.id, self.gross, taxes, self.currency, has_instructor=kind == 1)
        self.own = Books()
        self.own.write(self.booked)
        self.first: Balances = dict(self.own.balances)
        self.back = Decimal(0)

    def give_back(self, part: int, refund_id: str) -> Posting | None:
        """A refund of a part of what is left, or of all of it; `None` when nothing is left."""
        left = self.gross - self.back
        share = round_money(left * part / 255, self.currency)
        amount = share if 0 < share < left else left
        if not amount:
            return None
        posting = refund(refund_id, amount, self.currency, self.booked.entries, self.back)
        self.own.write(posting)
        self.back += amount
        return posting

    def check(self) -> None:
        """Every account stays between nothing and what it was first given; at the end nothing is left."""
        for account, first in self.first.items():
            low, high = sorted((Decimal(0), first))
            assert low <= self.own.balances[account] <= high, account
        assert self.own.balances[Account.PROVIDER_CLEARING, self.currency] == self.gross - self.back
        if self.back == self.gross:
            assert not any(self.own.balances.values()), "refunds of the whole reverse the first posting exactly"


@given(sequences)
@settings(max_examples=10_000, deadline=None)
def test_every_sequence_of_postings_conserves_money(drawn: bytes) -> None:
    all_books = Books()
    made = [Payment(number, paid) for number, paid in enumerate(payments_of(drawn))]
    for payment in made:
        all_books.write(payment.booked)
    whole = [(number, 0) for number in range(len(made))]  # in the end everything goes back
    for number, (which, part) in enumerate([*refunds_of(drawn), *whole]):
        payment = made[which % len(made)]
        posting = payment.give_back(part, f"refund-{number}")
        if posting is not None:
            all_books.write(posting)
        payment.check()
    assert not any(all_books.balances.values())


shares = st.lists(
    st.tuples(st.sampled_from(["refund", "won", "lost", "inquiry lost"]), st.integers(1, 255)), max_size=6
)


@given(minor_amounts, st.sampled_from(CURRENCIES), st.integers(0, 2), shares)
@settings(max_examples=2_000, deadline=None)
def test_refunds_and_disputes_in_any_order_conserve_money(
    minor: int, currency: str, kind: int, drawn: list[tuple[str, int]]
) -> None:
    """Parts may even exceed the payment, as a refund and a chargeback of the same money do: the rest is a loss."""
    gross = from_minor(minor, currency)
    if kind == 2:
        booked = unapplied_receipt("p", gross, currency)
    else:
        booked = sale("p", gross, [round_money(gross * 19 / 255, currency)] * 2, currency, has_instructor=kind == 1)
    books = Books()
    books.write(booked)
    gone = Decimal(0)
    for number, (what, share) in enumerate([*drawn, ("lost", 255)]):
        amount = round_money(gross * share / 255, currency) or from_minor(1, currency)
        before = min(gone, gross)
        if what == "refund":
            books.write(refund(f"{number}", amount, currency, booked.entries, before))
        elif what == "won":
            hold = dispute_hold(f"{number}", amount, currency)
            books.write(hold)
            books.write(dispute_release(f"{number}", hold.entries))
        else:
            is_held = what == "lost"
            if is_held:
                books.write(dispute_hold(f"{number}", amount, currency))
            books.write(chargeback(f"{number}", amount, currency, booked.entries, before, is_held=is_held))
        gone += amount if what != "won" else 0
        assert books.balances[Account.DISPUTED_FUNDS, currency] == 0
        assert books.balances[Account.PROVIDER_CLEARING, currency] == gross - gone
        assert books.balances[Account.CHARGEBACK_LOSSES, currency] == max(gone - gross, Decimal(0))
    accounts = {entry.account for entry in booked.entries} - {Account.PROVIDER_CLEARING}
    assert not any(books.balances[account, currency] for account in accounts), "all of it is back"
    assert sum(books.balances.values()) == 0


@given(minor_amounts, st.sampled_from(CURRENCIES), st.integers(0, 255), st.integers(0, 3))
@settings(max_examples=500, deadline=None)
def test_what_a_bank_sends_back_is_owed_until_it_is_paid_again(
    minor: int, currency: str, lost: int, returns: int
) -> None:
    """However often it comes back; and never what a chargeback gave its payer already."""
    gross = from_minor(minor, currency)
    booked = sale("p", gross, [round_money(gross * 19 / 255, currency)] * 2, currency, has_instructor=True)
    books = Books()
    books.write(booked)
    books.write(refund("0", gross, currency, booked.entries, Decimal(0)))
    loss = round_money(gross * lost / 255, currency)
    if loss:
        books.write(chargeback("d", loss, currency, booked.entries, gross, is_held=False))
    amount, owed = gross, gross - loss
    for number in range(returns):
        books.write(returned_refund(f"{number}", amount, owed, currency))
        assert books.balances[Account.REFUNDS_PAYABLE, currency] == -owed
        assert books.balances[Account.CHARGEBACK_LOSSES, currency] == 0
        if not owed:
            break
        books.write(repaid_refund(f"{number + 1}", owed, currency))
        amount = owed
    assert sum(books.balances.values()) == 0
    assert books.balances[Account.REFUNDS_PAYABLE, currency] == 0
    assert books.balances[Account.PROVIDER_CLEARING, currency] == (0 if returns else -loss)


def test_a_posting_that_does_not_balance_is_refused() -> None:
    with pytest.raises(UnbalancedPostingError):
        post("wrong", [Entry(Account.TAX_PAYABLE, Decimal(1), "INR"), Entry(Account.TAX_PAYABLE, Decimal(-1), "JPY")])


@given(minor_amounts, st.sampled_from(CURRENCIES), st.lists(st.integers(1, 100), min_size=1, max_size=5))
@settings(max_examples=500, deadline=None)
def test_a_split_loses_nothing_and_each_part_is_its_share_rounded(
    minor: int, currency: str, weights: Sequence[int]
) -> None:
    amount = from_minor(minor, currency)
    parts = split_money(amount, currency, [Decimal(weight) for weight in weights])
    unit = from_minor(1, currency)
    assert sum(parts) == amount
    assert all(part == round_money(part, currency) for part in parts)
    for part, weight in zip(parts[:-1], weights, strict=False):
        assert abs(part - amount * weight / sum(weights)) <= unit / 2
    assert abs(parts[-1] - amount * weights[-1] / sum(weights)) <= unit * len(weights) / 2


@given(st.integers(-(10**12), 10**12), st.sampled_from(CURRENCIES))
@settings(max_examples=500, deadline=None)
def test_minor_units_and_decimals_say_the_same(minor: int, currency: str) -> None:
    assert to_minor(from_minor(minor, currency), currency) == minor


@given(minor_amounts, st.sampled_from(CURRENCIES), *[st.sampled_from(sorted(INDIAN_STATES))] * 2, st.booleans())
@settings(max_examples=1_000, deadline=None)
def test_a_price_is_its_net_amount_and_its_taxes(
    minor: int, currency: str, buyer_state: str, seller_state: str, is_indian: bool
) -> None:
    gross = from_minor(minor, currency)
    taxed = tax_sale(
        gross,
        currency,
        buyer_country="IN" if is_indian else "AE",
        buyer_state=buyer_state,
        seller_state=seller_state,
        on=ON,
    )
    taxes = [line.amount for line in taxed.taxes]
    assert taxed.gross == gross == taxed.net + sum(taxes)
    assert all(amount == round_money(amount, currency) and amount >= 0 for amount in [taxed.net, *taxes])
    if not is_indian:
        assert taxed.taxes == ()
    elif buyer_state == seller_state:
        cgst, sgst = taxed.taxes
        assert (cgst.name, sgst.name) in (("CGST", "SGST"), ("CGST", "UTGST"))
        assert cgst.amount == sgst.amount
    else:
        assert [line.name for line in taxed.taxes] == ["IGST"]
        assert abs(taxes[0] - gross * Decimal("0.18") / Decimal("1.18")) <= from_minor(1, currency)
