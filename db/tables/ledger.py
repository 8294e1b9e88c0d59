"""The double-entry ledger; append-only, and each posting sums to zero per currency (triggers hold both)."""

from piccolo.columns import Text
from piccolo.constraints import Unique
from piccolo.table import Table

from db.columns import created_now, money, optional_text, primary_key, reference, text
from db.engine import DB


class LedgerAccount(Table, tablename="ledger_accounts", db=DB):
    """An account of the chart; `id` is its `domain.billing.ledger.Account` word."""

    id = Text(primary_key=True, null=False, default=None)
    kind = text()
    """asset, liability, revenue or expense."""


class LedgerPosting(Table, tablename="ledger_postings", db=DB):
    """One business event in the books; `event_key` makes it post once."""

    id = primary_key()
    event_key = text()
    order_id = optional_text()
    posted_at = created_now()

    ledger_postings_event_key = Unique([event_key])


class LedgerEntry(Table, tablename="ledger_entries", db=DB):
    """One side of a posting: a debit is positive, a credit negative."""

    id = primary_key()
    posting_id = reference(LedgerPosting)
    account_id = reference(LedgerAccount)
    amount = money()
    currency = text()
