-- Reasons for access, orders, payments, invoices, refunds.

CREATE TABLE "entitlements" (
  "id" TEXT PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "course_id" TEXT NOT NULL REFERENCES "courses" ("id"),
  "reason" TEXT NOT NULL,
  "source_id" TEXT NOT NULL,
  "since" TIMESTAMPTZ NOT NULL,
  "until" TIMESTAMPTZ,
  "ended_at" TIMESTAMPTZ,
  "ended_reason" TEXT,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "entitlements_reason_source_key" UNIQUE ("reason", "source_id", "user_id", "course_id")
);

CREATE TABLE "orders" (
  "id" TEXT PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "course_id" TEXT NOT NULL REFERENCES "courses" ("id"),
  "status" TEXT NOT NULL,
  "attention" TEXT,
  "close_reason" TEXT,
  "provider" TEXT NOT NULL,
  "currency" TEXT NOT NULL,
  "amount" NUMERIC(14, 2),
  "billing" JSONB NOT NULL,
  "provider_payment_id" TEXT,
  "holds_seat" BOOLEAN NOT NULL DEFAULT false,
  "expires_at" TIMESTAMPTZ,
  "closed_at" TIMESTAMPTZ,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE "idempotency_keys" (
  "id" TEXT PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "route" TEXT NOT NULL,
  "key" TEXT NOT NULL,
  "request_hash" TEXT NOT NULL,
  "resource_id" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "idempotency_keys_user_route_key" UNIQUE ("user_id", "route", "key")
);

CREATE TABLE "payments" (
  "id" TEXT PRIMARY KEY,
  "order_id" TEXT NOT NULL REFERENCES "orders" ("id"),
  "provider" TEXT NOT NULL,
  "provider_payment_id" TEXT NOT NULL,
  "amount_minor" BIGINT NOT NULL,
  "amount" NUMERIC(14, 2) NOT NULL,
  "currency" TEXT NOT NULL,
  "applied" BOOLEAN NOT NULL,
  "captured_at" TIMESTAMPTZ NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "payments_provider_payment_key" UNIQUE ("provider", "provider_payment_id"),
  CONSTRAINT "payments_amount_check" CHECK ("amount_minor" > 0)
);

CREATE TABLE "invoices" (
  "id" TEXT PRIMARY KEY,
  "order_id" TEXT NOT NULL REFERENCES "orders" ("id"),
  "status" TEXT NOT NULL,
  "number" TEXT UNIQUE,
  "seller" JSONB NOT NULL,
  "buyer" JSONB NOT NULL,
  "currency" TEXT NOT NULL,
  "net" NUMERIC(14, 2) NOT NULL,
  "tax" NUMERIC(14, 2) NOT NULL,
  "total" NUMERIC(14, 2) NOT NULL,
  "issued_at" TIMESTAMPTZ,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "invoices_order_key" UNIQUE ("order_id"),
  CONSTRAINT "invoices_total_check" CHECK (net + tax = total)
);

CREATE TABLE "invoice_lines" (
  "id" TEXT PRIMARY KEY,
  "invoice_id" TEXT NOT NULL REFERENCES "invoices" ("id") ON DELETE CASCADE,
  "position" INTEGER NOT NULL,
  "kind" TEXT NOT NULL,
  "description" TEXT NOT NULL,
  "sac" TEXT,
  "tax_rate" NUMERIC(6, 4),
  "amount" NUMERIC(14, 2) NOT NULL,
  CONSTRAINT "invoice_lines_invoice_position_key" UNIQUE ("invoice_id", "position")
);

CREATE TABLE "refunds" (
  "id" TEXT PRIMARY KEY,
  "payment_id" TEXT NOT NULL REFERENCES "payments" ("id"),
  "order_id" TEXT NOT NULL REFERENCES "orders" ("id"),
  "provider" TEXT NOT NULL,
  "provider_refund_id" TEXT,
  "amount_minor" BIGINT NOT NULL,
  "amount" NUMERIC(14, 2) NOT NULL,
  "currency" TEXT NOT NULL,
  "reason" TEXT NOT NULL,
  "status" TEXT NOT NULL,
  "attention" TEXT,
  "details" JSONB,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "succeeded_at" TIMESTAMPTZ,
  CONSTRAINT "refunds_provider_refund_key" UNIQUE ("provider", "provider_refund_id"),
  CONSTRAINT "refunds_amount_check" CHECK ("amount_minor" > 0)
);

-- One open order per person and course, across tabs and devices.
CREATE UNIQUE INDEX orders_one_open ON orders (user_id, course_id) WHERE closed_at IS NULL;
CREATE INDEX orders_user ON orders (user_id, id DESC);
-- Seats held at checkout are counted under the course row's lock.
CREATE INDEX orders_held_seats ON orders (course_id) WHERE holds_seat;
-- The relay looks for open orders without a story.
CREATE INDEX orders_open ON orders (created_at) WHERE closed_at IS NULL;
CREATE INDEX payments_order ON payments (order_id);
CREATE INDEX refunds_payment ON refunds (payment_id);
CREATE INDEX refunds_order ON refunds (order_id);
CREATE INDEX entitlements_user_course ON entitlements (user_id, course_id);
