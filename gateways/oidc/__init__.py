"""The adopter's own login: OpenID Connect discovery, keys and tokens."""
