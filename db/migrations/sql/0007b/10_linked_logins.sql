-- Logins of the adopter's own issuer that were unlinked, and what the cleaning of identity rows looks for.

ALTER TABLE "external_identities"
  -- Since then it opens nothing, and is not linked again by an address alone.
  ADD COLUMN "unlinked_at" TIMESTAMPTZ;

CREATE INDEX auth_sessions_expires ON auth_sessions (expires_at);
CREATE INDEX auth_sessions_revoked ON auth_sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX refresh_tokens_used ON refresh_tokens (issued_at) WHERE used_at IS NOT NULL;
-- Ending a session, and deleting one, look for its tokens.
CREATE INDEX IF NOT EXISTS refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX email_links_expires ON email_links (expires_at);
