-- Refunds by wish, and disputes.

ALTER TABLE "refunds"
  ADD COLUMN "end_access" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "requested_by" TEXT REFERENCES "users" ("id"),
  ADD COLUMN "note" TEXT;

CREATE TABLE "disputes" (
  "id" TEXT PRIMARY KEY,
  "payment_id" TEXT NOT NULL REFERENCES "payments" ("id"),
  "order_id" TEXT NOT NULL REFERENCES "orders" ("id"),
  "provider" TEXT NOT NULL,
  "provider_dispute_id" TEXT NOT NULL,
  "amount_minor" BIGINT NOT NULL,
  "amount" NUMERIC(14, 2) NOT NULL,
  "currency" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "attention" TEXT,
  "evidence_due_by" TIMESTAMPTZ,
  "opened_at" TIMESTAMPTZ NOT NULL,
  "closed_at" TIMESTAMPTZ,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "disputes_provider_dispute_key" UNIQUE ("provider", "provider_dispute_id"),
  CONSTRAINT "disputes_amount_check" CHECK ("amount_minor" > 0)
);

CREATE INDEX disputes_payment ON disputes (payment_id);
CREATE INDEX disputes_order ON disputes (order_id);
-- The relay looks for disputes whose story's start was lost.
CREATE INDEX disputes_open ON disputes (created_at) WHERE closed_at IS NULL;

INSERT INTO ledger_accounts (id, kind) VALUES
  ('disputed_funds', 'asset'),
  ('chargeback_losses', 'expense');
