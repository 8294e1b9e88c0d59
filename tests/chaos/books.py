"""The providers' own books in one shape, Stripe's: what was opened, what was captured, what was given back."""

from typing import Any

Book = dict[str, list[dict[str, Any]]]


def in_one_shape(razorpay: Book) -> Book:
    """A Razorpay's book. A payment is named as our tables name it: by what was captured, else by what was opened."""
    captured = {payment["order_id"]: payment for payment in razorpay["payments"] if payment["captured"]}
    return {
        "payment_intents": [_opened(order, captured.get(order["id"])) for order in razorpay["orders"]],
        "charges": [
            {
                "payment_intent": payment["id"],
                "captured": payment["captured"],
                "amount_captured": payment["amount"] if payment["captured"] else 0,
            }
            for payment in razorpay["payments"]
        ],
        "refunds": [
            {
                "payment_intent": refund["payment_id"],
                "amount": refund["amount"],
                "status": "succeeded" if refund["status"] == "processed" else refund["status"],
            }
            for refund in razorpay["refunds"]
        ],
    }


def _opened(order: dict[str, Any], paid: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": paid["id"] if paid else order["id"],
        "status": "succeeded" if paid else "requires_payment_method",
        "amount_received": paid["amount"] if paid else 0,
    }
