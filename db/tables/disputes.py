"""What payers' banks ask back."""

from piccolo.columns import BigInt
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from db.columns import created_now, moment, money, optional_moment, optional_text, primary_key, reference, text
from db.engine import DB
from db.tables.sales import Order, Payment


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
