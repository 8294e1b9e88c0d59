"""Credit notes: one for each refund, and each lost dispute, of an invoice that was paid."""

from decimal import Decimal

from db.queries.billing.given_back import LockedPayment
from db.queries.billing.invoices import SERIAL, serial_arguments
from db.sql import as_json, fetch, fetch_as
from domain.billing.invoice import DocumentLine, Series, taken_back
from domain.billing.purchase import LineKind
from domain.identifiers import new_id


async def issue_credit_note(
    payment: LockedPayment, amount: Decimal, *, refund_id: str | None = None, dispute_id: str | None = None
) -> None:
    """Issue the credit note of a refund that succeeded or a dispute that was lost, over `amount` or what the invoice
    has left of it; none when nothing was invoiced (money that enrolled nobody), or nothing is left.

    `payment` says what had gone back until then, as the ledger's reversal counts it. Call it last in the transaction,
    since it locks the counter; once for each (`credit_notes_refund_key`, `credit_notes_dispute_key`).
    """
    found = await fetch(
        "SELECT id, currency FROM invoices WHERE order_id = $1 AND number IS NOT NULL AND $2",
        *(payment.order_id, payment.applied),
    )
    if not found:
        return
    invoice = found[0]
    lines = taken_back(await read_invoice_lines(invoice["id"]), invoice["currency"], amount, payment.back)
    total = sum((line.amount for line in lines), Decimal(0))
    if total == 0:
        return
    net = sum((line.amount for line in lines if line.kind is LineKind.COURSE), Decimal(0))
    await fetch(
        f"WITH serial AS ({SERIAL}) INSERT INTO credit_notes"  # noqa: S608  # a constant of ours
        " (id, invoice_id, refund_id, dispute_id, number, currency, net, tax, total, lines, issued_at)"
        " SELECT $6, $7, $8, $9, serial.number, $10, $11, $12, $13, $14, serial.issued_at FROM serial",
        *serial_arguments(Series.CREDIT_NOTE),
        new_id(),
        invoice["id"],
        refund_id,
        dispute_id,
        invoice["currency"],
        net,
        total - net,
        total,
        as_json(lines),
    )


async def read_invoice_lines(invoice_id: str) -> list[DocumentLine]:
    """The lines of an invoice, in order."""
    return await fetch_as(
        DocumentLine,
        "SELECT kind, description, amount, tax_rate AS rate, sac FROM invoice_lines WHERE invoice_id = $1"
        " ORDER BY position",
        invoice_id,
    )
