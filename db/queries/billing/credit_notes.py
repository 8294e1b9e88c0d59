"""Credit notes: one for each refund of an invoice that was paid."""

from decimal import Decimal

from db.queries.billing.invoices import SERIAL, serial_arguments
from db.sql import as_json, fetch, fetch_as
from domain.billing.invoice import DocumentLine, Series, taken_back
from domain.billing.purchase import LineKind
from domain.identifiers import new_id


async def issue_credit_note(refund_id: str, given_back_before: Decimal) -> None:
    """Issue the credit note of a refund that succeeded; none when nothing was invoiced (money that enrolled nobody).

    `given_back_before` is what of the payment had gone back until then, as the ledger's reversal counts it. Call it
    last in the refund's transaction, since it locks the counter; once for each refund (`credit_notes_refund_key`).
    """
    found = await fetch(
        "SELECT i.id, r.amount, r.currency FROM refunds r JOIN payments p ON p.id = r.payment_id"
        " JOIN invoices i ON i.order_id = r.order_id WHERE r.id = $1 AND p.applied AND i.number IS NOT NULL",
        refund_id,
    )
    if not found:
        return
    invoice = found[0]
    lines = taken_back(
        await read_invoice_lines(invoice["id"]), invoice["currency"], invoice["amount"], given_back_before
    )
    total = sum((line.amount for line in lines), Decimal(0))
    if total == 0:
        return
    net = sum((line.amount for line in lines if line.kind is LineKind.COURSE), Decimal(0))
    await fetch(
        f"WITH serial AS ({SERIAL}) INSERT INTO credit_notes"  # noqa: S608  # a constant of ours
        " (id, invoice_id, refund_id, number, currency, net, tax, total, lines, issued_at)"
        " SELECT $6, $7, $8, serial.number, $9, $10, $11, $12, $13, serial.issued_at FROM serial",
        *serial_arguments(Series.CREDIT_NOTE),
        new_id(),
        invoice["id"],
        refund_id,
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
