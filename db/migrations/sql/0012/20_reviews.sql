-- Outlives the review itself, so that deleting a hidden review and writing it anew does not show it.
CREATE TABLE "hidden_reviews" (
  "id" TEXT PRIMARY KEY,
  "course_id" TEXT NOT NULL REFERENCES "courses" ("id") ON DELETE CASCADE,
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "hidden_by" TEXT NOT NULL REFERENCES "users" ("id"),
  "hidden_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "hidden_reviews_course_user_key" UNIQUE ("course_id", "user_id")
);

CREATE INDEX course_reviews_moderation ON course_reviews ("isPublished", "id");

-- The catalog shows average and count (ADR 3). That a refund clears "isVerifiedPurchase" changes neither.
CREATE TRIGGER course_reviews_renew_catalog
  AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF "rating", "isPublished" ON course_reviews
  FOR EACH STATEMENT EXECUTE FUNCTION renew_catalog_generation();
