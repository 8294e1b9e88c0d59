"""Issuing tax invoices: a draft gets its number in the transaction that settles its order."""

from datetime import UTC, datetime

from db.sql import fetch
from domain.billing.invoice import Series, financial_year, last_moment, number_prefix
from domain.identifiers import new_id

SERIAL = """
INSERT INTO invoice_counters AS c (id, series, financial_year, last_serial) VALUES ($1, $2, $3, 1)
ON CONFLICT (series, financial_year) DO UPDATE SET last_serial = c.last_serial + 1
RETURNING $4 || lpad(last_serial::text, 7, '0') AS number, LEAST(clock_timestamp(), $5) AS issued_at
"""
"""The next number, its counter's row locked until the transaction ends: whoever else issues waits here meanwhile. So
it stands in the transaction's last statement, with nothing locked after it: no deadlock, and the shortest wait. The
date is read under the lock, so that later numbers have no earlier dates; past the year's end it is its last moment.
"""


def serial_arguments(series: Series) -> tuple[str, str, int, str, datetime]:
    """`$1` to `$5` of `SERIAL`, in the financial year of now."""
    year = financial_year(datetime.now(UTC))
    return new_id(), series.value, year, number_prefix(series, year), last_moment(year)


async def issue_invoice(order_id: str) -> None:
    """Turn an order's draft into its tax invoice, numbered and dated now, once; also one voided before a late payment.

    A free course has no consideration, so it is no taxable supply and its invoice gets no number (CGST Act 2017 s. 7).
    Raises asyncpg's `CheckViolationError` after 9,999,999 invoices of one financial year.
    """
    issued = await fetch(
        "UPDATE invoices SET status = 'paid', issued_at = COALESCE(issued_at, now()) WHERE order_id = $1"
        " RETURNING id, total > 0 AND number IS NULL AS needs_number",
        order_id,
    )
    if issued and issued[0]["needs_number"]:
        await fetch(
            f"WITH serial AS ({SERIAL}) UPDATE invoices i SET number = serial.number, issued_at = serial.issued_at"  # noqa: S608  # ours
            " FROM serial WHERE i.id = $6",
            *serial_arguments(Series.INVOICE),
            issued[0]["id"],
        )
