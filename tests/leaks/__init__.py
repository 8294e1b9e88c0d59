"""The logs of a whole test session, searched for what must never be in a log (`docs/logging.md`)."""
