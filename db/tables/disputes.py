"""What payers' banks ask back, and the notes that take back an invoice."""

from piccolo.columns import BigInt
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from db.columns import created_now, json, moment, money, optional_moment, optional_text, primary_key, reference, text
from db.engine import DB
from db.tables.sales import Invoice, Order, Payment, Refund


class Dispute(Table, tablename="disputes", db=DB):
    """A dispute of one payment; rows are inserted under the payment's row lock. Open while `closed_at` is null."""

    id = primary_key()
    payment_id = reference(Payment)
    order_id = reference(Order)
    provider = text()
    provider_dispute_id = text()
    amount_minor = BigInt(null=False, default=None)
    amount = money()
    currency = text()
    state = text()
    """`domain.billing.payments.DisputeState`."""
    attention = optional_text()
    """What its story waits for a person with."""
    evidence_due_by = optional_moment()
    opened_at = moment()
    """By the provider's clock."""
    closed_at = optional_moment()
    created_at = created_now()

    disputes_provider_dispute_key = Unique([provider, provider_dispute_id])
    disputes_amount_check = Check(amount_minor > 0)


class CreditNote(Table, tablename="credit_notes", db=DB):
    """What a refund or a lost dispute takes back of an invoice; `lines` are `domain.billing.invoice.DocumentLine`."""

    id = primary_key()
    invoice_id = reference(Invoice)
    refund_id = reference(Refund, null=True)
    dispute_id = reference(Dispute, null=True)
    number = text(unique=True)
    currency = text()
    net = money()
    tax = money()
    total = money()
    lines = json()
    issued_at = moment()
    created_at = created_now()

    credit_notes_refund_key = Unique([refund_id])
    credit_notes_dispute_key = Unique([dispute_id])
    credit_notes_source_check = Check("num_nonnulls(refund_id, dispute_id) = 1")
    credit_notes_number_check = Check("length(number) <= 16")
    credit_notes_total_check = Check("net + tax = total")
