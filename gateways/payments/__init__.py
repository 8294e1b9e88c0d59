"""Clients of payment providers, all behind `PaymentProvider`."""
