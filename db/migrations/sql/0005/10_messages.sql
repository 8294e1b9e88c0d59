-- Messages over four channels: devices, preferences, receipts, and messages to many.

CREATE TABLE "devices" (
  "id" TEXT PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "kind" TEXT NOT NULL,
  "token" TEXT NOT NULL,
  "p256dh" TEXT,
  "auth" TEXT,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "disabled_at" TIMESTAMPTZ,
  CONSTRAINT "devices_kind_token_key" UNIQUE ("kind", "token")
);
CREATE INDEX devices_user ON devices (user_id) WHERE disabled_at IS NULL;

CREATE TABLE "message_preferences" (
  "user_id" TEXT PRIMARY KEY REFERENCES "users" ("id"),
  "quiet_since" TIME,
  "quiet_until" TIME,
  "opt_outs" JSONB NOT NULL,
  "updated_at" TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE "communications" (
  "id" TEXT PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "key" TEXT NOT NULL,
  "request_hash" TEXT NOT NULL,
  "category" TEXT NOT NULL,
  "title" TEXT NOT NULL,
  "body" TEXT NOT NULL,
  "metadata" JSONB NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "communications_user_key" UNIQUE ("user_id", "key")
);

CREATE TABLE "message_receipts" (
  "id" TEXT PRIMARY KEY,
  "provider" TEXT NOT NULL,
  "provider_message_id" TEXT NOT NULL,
  "delivery" TEXT NOT NULL,
  "received_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "message_receipts_once" UNIQUE ("provider", "provider_message_id", "delivery")
);

ALTER TABLE outgoing_messages ADD COLUMN "category" TEXT NOT NULL DEFAULT 'transactional';
ALTER TABLE outgoing_messages ADD COLUMN "device_id" TEXT REFERENCES "devices" ("id");
ALTER TABLE outgoing_messages ADD COLUMN "claimed_at" TIMESTAMPTZ;
ALTER TABLE outgoing_messages ADD COLUMN "provider_message_id" TEXT;
ALTER TABLE outgoing_messages ADD COLUMN "delivery" TEXT;
ALTER TABLE outgoing_messages ADD COLUMN "relayed_at" TIMESTAMPTZ;
CREATE INDEX outgoing_messages_provider ON outgoing_messages (provider_message_id) WHERE provider_message_id IS NOT NULL;
CREATE INDEX outgoing_messages_claimed ON outgoing_messages (claimed_at) WHERE status = 'claimed';
