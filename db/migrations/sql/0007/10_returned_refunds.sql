-- Refunds that the payer's bank sent back, and the credit note of a lost dispute.

ALTER TABLE "refunds"
  -- The refund that the bank sent back, whose money this one owes its payer.
  ADD COLUMN "replaces" TEXT REFERENCES "refunds" ("id"),
  ADD CONSTRAINT "refunds_replaces_key" UNIQUE ("replaces");

ALTER TABLE "credit_notes"
  ALTER COLUMN "refund_id" DROP NOT NULL,
  ADD COLUMN "dispute_id" TEXT REFERENCES "disputes" ("id"),
  ADD CONSTRAINT "credit_notes_dispute_key" UNIQUE ("dispute_id"),
  ADD CONSTRAINT "credit_notes_source_check" CHECK (num_nonnulls("refund_id", "dispute_id") = 1);

INSERT INTO ledger_accounts (id, kind) VALUES ('refunds_payable', 'liability');

-- Settling a payment offers what came before it to the relay again.
CREATE INDEX provider_events_unmatched ON provider_events (provider, payment_id) WHERE status = 'unmatched';
