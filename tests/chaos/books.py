"""The providers' own books in one shape, Stripe's: what was opened, captured, given back, disputed."""

from typing import Any

Book = dict[str, list[dict[str, Any]]]


def in_one_shape(razorpay: Book) -> Book:
    """A Razorpay's book. A payment is named as our tables name it: by what was captured, else by what was opened."""
    paid = {payment["order_id"]: payment for payment in razorpay["payments"] if payment["status"] == "authorized"}
    paid |= {payment["order_id"]: payment for payment in razorpay["payments"] if payment["captured"]}
    return {
        "payment_intents": [_opened(order, paid.get(order["id"])) for order in razorpay["orders"]],
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
                "id": refund["id"],
                "payment_intent": refund["payment_id"],
                "amount": refund["amount"],
                "status": "succeeded" if refund["status"] == "processed" else refund["status"],
            }
            for refund in razorpay["refunds"]
        ],
        "disputes": [
            {
                "id": dispute["id"],
                "payment_intent": dispute["payment_id"],
                "amount": dispute["amount"],
                "status": "needs_response" if dispute["status"] == "open" else dispute["status"],
            }
            for dispute in razorpay["disputes"]
        ],
    }


def _opened(order: dict[str, Any], paid: dict[str, Any] | None) -> dict[str, Any]:
    if paid is None:
        return {"id": order["id"], "status": "requires_payment_method", "amount_received": 0}
    if not paid["captured"]:
        return {"id": order["id"], "status": "requires_capture", "amount_received": 0}
    return {"id": paid["id"], "status": "succeeded", "amount_received": paid["amount"]}
