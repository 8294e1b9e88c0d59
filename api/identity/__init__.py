"""Registration, login, sessions and tokens."""
