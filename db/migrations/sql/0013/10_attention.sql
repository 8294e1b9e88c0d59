-- What an order's own stories wait for, apart from what its refunds and disputes wait for: one must not wipe the other's
-- word. `attention` stays what is shown: the first of them.

ALTER TABLE "orders" ADD COLUMN "own_attention" TEXT;

UPDATE "orders" SET "own_attention" = "attention"
WHERE "attention" NOT LIKE 'refund:%' AND "attention" NOT LIKE 'dispute:%';

-- A refund that the provider failed lets go of it, so that one made at the dashboard can be the same refund.
UPDATE "refunds" SET "provider_refund_id" = NULL WHERE "attention" = 'refund_failed';

-- The number of seconds from the news of a payment to its settling looks at the last hour.
CREATE INDEX payments_created ON payments (created_at);
