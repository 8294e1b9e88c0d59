-- Audit trail, outgoing messages, provider events.

CREATE TABLE "audit_events" (
  "id" TEXT PRIMARY KEY,
  "at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "action" TEXT NOT NULL,
  "actor_id" TEXT,
  "subject_type" TEXT NOT NULL,
  "subject_id" TEXT NOT NULL,
  "details" JSONB
);

CREATE TABLE "outgoing_messages" (
  "id" TEXT PRIMARY KEY,
  "dedupe_key" TEXT NOT NULL,
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "channel" TEXT NOT NULL,
  "template" TEXT NOT NULL,
  "params" JSONB NOT NULL,
  "status" TEXT NOT NULL,
  "failure" TEXT,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "sent_at" TIMESTAMPTZ,
  CONSTRAINT "outgoing_messages_dedupe_key" UNIQUE ("dedupe_key")
);

CREATE TABLE "provider_events" (
  "id" TEXT PRIMARY KEY,
  "provider" TEXT NOT NULL,
  "event_id" TEXT NOT NULL,
  "event_type" TEXT NOT NULL,
  "order_id" TEXT,
  "payment_id" TEXT,
  "refund_id" TEXT,
  "body" JSONB NOT NULL,
  "status" TEXT NOT NULL,
  "attempts" INTEGER NOT NULL,
  "received_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "delivered_at" TIMESTAMPTZ,
  CONSTRAINT "provider_events_provider_event_key" UNIQUE ("provider", "event_id")
);

CREATE INDEX audit_events_subject ON audit_events (subject_type, subject_id);
CREATE INDEX provider_events_order ON provider_events (order_id);
-- What the relay still has to deliver.
CREATE INDEX provider_events_undelivered ON provider_events (received_at) WHERE status = 'received';
CREATE INDEX outgoing_messages_queued ON outgoing_messages (created_at) WHERE status = 'queued';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_postings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_postings
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Health data stands apart from learning data (appointments, diagnoses, prescriptions, EHR references).
CREATE SCHEMA health;
