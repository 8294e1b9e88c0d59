-- People, their sessions, and the organisations they belong to.

CREATE TABLE "users" (
  "id" TEXT PRIMARY KEY,
  "email" TEXT UNIQUE NOT NULL,
  "password_hash" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "roles" TEXT[] NOT NULL,
  "locale" TEXT NOT NULL,
  "time_zone" TEXT NOT NULL,
  "contact_channels" JSONB NOT NULL,
  "consents" JSONB NOT NULL,
  "disabled_at" TIMESTAMPTZ,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "updated_at" TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE "auth_sessions" (
  "id" TEXT PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "expires_at" TIMESTAMPTZ NOT NULL,
  "revoked_at" TIMESTAMPTZ,
  "revoked_reason" TEXT
);

CREATE TABLE "refresh_tokens" (
  "id" TEXT PRIMARY KEY,
  "session_id" TEXT NOT NULL REFERENCES "auth_sessions" ("id") ON DELETE CASCADE,
  "token_hash" TEXT UNIQUE NOT NULL,
  "issued_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  "used_at" TIMESTAMPTZ
);

CREATE TABLE "clinics" (
  "id" TEXT PRIMARY KEY,
  "slug" TEXT UNIQUE NOT NULL,
  "name" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "settings" JSONB NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE "clinic_members" (
  "id" TEXT PRIMARY KEY,
  "clinic_id" TEXT NOT NULL REFERENCES "clinics" ("id"),
  "user_id" TEXT NOT NULL REFERENCES "users" ("id"),
  "is_staff" BOOLEAN NOT NULL DEFAULT false,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  CONSTRAINT "clinic_members_clinic_user_key" UNIQUE ("clinic_id", "user_id")
);

CREATE TABLE "companies" (
  "id" TEXT PRIMARY KEY,
  "slug" TEXT UNIQUE NOT NULL,
  "name" TEXT NOT NULL,
  "settings" JSONB NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX auth_sessions_user ON auth_sessions (user_id);
CREATE INDEX clinic_members_user ON clinic_members (user_id);
