"""How long rows of identity are kept after they mean nothing any more; pure."""

from datetime import timedelta

KEPT_FOR = timedelta(days=30)
"""After a session has ended, a link has expired, a refresh token was used. Long enough to answer a person's "who was
that?", and as long as a refresh token lives: one that is used a second time within it still ends its session."""
