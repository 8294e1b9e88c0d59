-- Sessions that can be told apart, links that are sent by e-mail, and logins of the adopter's own issuer.

ALTER TABLE auth_sessions ADD COLUMN "device" TEXT;
ALTER TABLE auth_sessions ADD COLUMN "last_used_at" TIMESTAMPTZ NOT NULL DEFAULT NOW();
UPDATE auth_sessions s SET last_used_at = coalesce(
  (SELECT max(t.issued_at) FROM refresh_tokens t WHERE t.session_id = s.id), s.created_at);

-- An account of another issuer has no password here.
ALTER TABLE users ALTER COLUMN "password_hash" DROP NOT NULL;
ALTER TABLE users ADD COLUMN "password_changed_at" TIMESTAMPTZ;
ALTER TABLE users ADD COLUMN "email_verified_at" TIMESTAMPTZ;

CREATE TABLE "email_links" (
  "id" TEXT PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "purpose" TEXT NOT NULL,
  "email" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "expires_at" TIMESTAMPTZ NOT NULL,
  "used_at" TIMESTAMPTZ
);

CREATE TABLE "external_identities" (
  "id" TEXT PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "issuer" TEXT NOT NULL,
  "subject" TEXT NOT NULL,
  "roles_as_of" TIMESTAMPTZ NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "external_identities_issuer_subject_key" UNIQUE ("issuer", "subject"),
  CONSTRAINT "external_identities_issuer_user_key" UNIQUE ("issuer", "user_id")
);

CREATE INDEX email_links_user ON email_links (user_id, purpose);
