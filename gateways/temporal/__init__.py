"""How we speak to Temporal: payloads as msgspec JSON, encrypted on the way."""
