-- Gapless numbers of tax invoices and credit notes; credit notes themselves.

-- The last serial that a committed document carries, by series and financial year. A row is locked from the moment a
-- serial is taken until its transaction ends, so a serial that is rolled back is taken by the next one.
CREATE TABLE "invoice_counters" (
  "id" TEXT PRIMARY KEY,
  "series" TEXT NOT NULL,
  "financial_year" INTEGER NOT NULL,
  "last_serial" INTEGER NOT NULL,
  CONSTRAINT "invoice_counters_series_year_key" UNIQUE ("series", "financial_year"),
  CONSTRAINT "invoice_counters_serial_check" CHECK ("last_serial" BETWEEN 1 AND 9999999)
);

CREATE TABLE "credit_notes" (
  "id" TEXT PRIMARY KEY,
  "invoice_id" TEXT NOT NULL REFERENCES "invoices" ("id"),
  "refund_id" TEXT NOT NULL REFERENCES "refunds" ("id"),
  "number" TEXT UNIQUE NOT NULL,
  "currency" TEXT NOT NULL,
  "net" NUMERIC(14, 2) NOT NULL,
  "tax" NUMERIC(14, 2) NOT NULL,
  "total" NUMERIC(14, 2) NOT NULL,
  "lines" JSONB NOT NULL,
  "issued_at" TIMESTAMPTZ NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "credit_notes_refund_key" UNIQUE ("refund_id"),
  CONSTRAINT "credit_notes_number_check" CHECK (length("number") <= 16),
  CONSTRAINT "credit_notes_total_check" CHECK (net + tax = total)
);

CREATE INDEX credit_notes_invoice ON credit_notes (invoice_id);

-- Rule 46 of the CGST Rules, 2017: a serial number of at most sixteen characters.
ALTER TABLE "invoices" ADD CONSTRAINT "invoices_number_check" CHECK (length("number") <= 16);
