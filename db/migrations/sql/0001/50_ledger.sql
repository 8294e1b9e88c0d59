-- The double-entry ledger.

CREATE TABLE "ledger_accounts" (
  "id" TEXT PRIMARY KEY,
  "kind" TEXT NOT NULL
);

CREATE TABLE "ledger_postings" (
  "id" TEXT PRIMARY KEY,
  "event_key" TEXT NOT NULL,
  "order_id" TEXT,
  "posted_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "ledger_postings_event_key" UNIQUE ("event_key")
);

CREATE TABLE "ledger_entries" (
  "id" TEXT PRIMARY KEY,
  "posting_id" TEXT NOT NULL REFERENCES "ledger_postings" ("id"),
  "account_id" TEXT NOT NULL REFERENCES "ledger_accounts" ("id"),
  "amount" NUMERIC(14, 2) NOT NULL,
  "currency" TEXT NOT NULL
);

CREATE INDEX ledger_entries_posting ON ledger_entries (posting_id);
CREATE INDEX ledger_postings_order ON ledger_postings (order_id);

INSERT INTO ledger_accounts (id, kind) VALUES
  ('provider_clearing', 'asset'),
  ('tax_payable', 'liability'),
  ('instructor_payable', 'liability'),
  ('unapplied_receipts', 'liability'),
  ('platform_revenue', 'revenue');

-- A posting's entries come in one statement and sum to zero per currency.
CREATE FUNCTION ledger_entries_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM inserted GROUP BY posting_id, currency HAVING sum(amount) <> 0) THEN
    RAISE EXCEPTION 'ledger posting does not sum to zero' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries
  REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_balance();
