"""A stand-in for Stripe: its wire format, its idempotency, its webhooks, and a book of its own.

It follows https://docs.stripe.com/api for payment intents, refunds and disputes, and adds `/test/…` for what a payer,
a bank and bad luck do. Start it with `python -m stack.stand_ins.stripe`.
"""
