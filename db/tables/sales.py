"""Orders, what was paid for them, what was given back."""

from piccolo.columns import BigInt, Boolean, Numeric
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from db.columns import (
    created_now,
    integer,
    json,
    moment,
    money,
    optional_json,
    optional_moment,
    optional_text,
    primary_key,
    reference,
    text,
)
from db.engine import DB
from db.tables.courses import Course
from db.tables.identity import User


class Order(Table, tablename="orders", db=DB):
    """One purchase of one course. Open while `closed_at` is null: at most one per person and course (partial index)."""

    id = primary_key()
    user_id = reference(User)
    course_id = reference(Course)
    status = text()
    """`domain.billing.purchase.OrderStatus`, without the two that are only shown."""
    attention = optional_text()
    """Shown: the step that waits for a person, of its own stories, else of a refund, else of a dispute."""
    own_attention = optional_text()
    """The step of its own stories (purchase, late payment) that waits."""
    close_reason = optional_text()
    provider = text()
    currency = text()
    amount = Numeric(digits=(14, 2), null=True, default=None)
    """Including tax; null until priced."""
    billing = json()
    """`domain.billing.purchase.Billing`."""
    provider_payment_id = optional_text()
    """The charge that was opened for it."""
    holds_seat = Boolean(null=False, default=False)
    expires_at = optional_moment()
    closed_at = optional_moment()
    created_at = created_now()


class IdempotencyKey(Table, tablename="idempotency_keys", db=DB):
    """What a key stands for: the first commit of every POST that starts a story."""

    id = primary_key()
    user_id = reference(User)
    route = text()
    key = text()
    request_hash = text()
    resource_id = text()
    """The order that the first request made or joined."""
    created_at = created_now()

    idempotency_keys_user_route_key = Unique([user_id, route, key])


class Payment(Table, tablename="payments", db=DB):
    """Money captured by a provider."""

    id = primary_key()
    order_id = reference(Order)
    provider = text()
    provider_payment_id = text()
    amount_minor = BigInt(null=False, default=None)
    amount = money()
    currency = text()
    applied = Boolean(null=False, default=None)
    """Whether it enrolled somebody; otherwise it is owed back."""
    captured_at = moment()
    created_at = created_now()

    payments_provider_payment_key = Unique([provider, provider_payment_id])
    payments_amount_check = Check(amount_minor > 0)


class Invoice(Table, tablename="invoices", db=DB):
    """The invoice of an order; a draft has no number."""

    id = primary_key()
    order_id = reference(Order)
    status = text()
    number = optional_text(unique=True)
    seller = json()
    buyer = json()
    currency = text()
    net = money()
    tax = money()
    total = money()
    issued_at = optional_moment()
    created_at = created_now()

    invoices_order_key = Unique([order_id])
    invoices_total_check = Check("net + tax = total")
    invoices_number_check = Check("length(number) <= 16")


class InvoiceLine(Table, tablename="invoice_lines", db=DB):
    """A line of an invoice; the lines sum to its total."""

    id = primary_key()
    invoice_id = reference(Invoice, cascade=True)
    position = integer()
    kind = text()
    description = text()
    sac = optional_text()
    tax_rate = Numeric(digits=(6, 4), null=True, default=None)
    amount = money()

    invoice_lines_invoice_position_key = Unique([invoice_id, position])


class Refund(Table, tablename="refunds", db=DB):
    """Money to give back of one payment; rows are inserted under the payment's row lock."""

    id = primary_key()
    payment_id = reference(Payment)
    order_id = reference(Order)
    provider = text()
    provider_refund_id = optional_text()
    amount_minor = BigInt(null=False, default=None)
    amount = money()
    currency = text()
    reason = text()
    status = text()
    """`domain.billing.refund.RefundStatus`."""
    attention = optional_text()
    details = optional_json()
    end_access = Boolean(null=False, default=False)
    """Whether it ends the access although only a part went back."""
    requested_by = reference(User, null=True)
    """Who wished for it; null when our own rules or the provider's dashboard did."""
    note = optional_text()
    """Why, in the words of who wished for it; never in a log."""
    created_at = created_now()
    succeeded_at = optional_moment()
    replaces = reference("self", null=True)
    """The refund that the bank sent back, whose money this one owes its payer."""

    refunds_replaces_key = Unique([replaces])
    refunds_provider_refund_key = Unique([provider, provider_refund_id])
    refunds_amount_check = Check(amount_minor > 0)


class InvoiceCounter(Table, tablename="invoice_counters", db=DB):
    """The last serial that a committed document carries, by `domain.billing.invoice.Series` and financial year."""

    id = primary_key()
    series = text()
    financial_year = integer()
    last_serial = integer()

    invoice_counters_series_year_key = Unique([series, financial_year])
    invoice_counters_serial_check = Check("last_serial BETWEEN 1 AND 9999999")
