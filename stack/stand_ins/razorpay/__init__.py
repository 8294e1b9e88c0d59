"""A stand-in for Razorpay: its wire format, its orders, payments and refunds, its webhooks, and a book of its own.

It follows https://razorpay.com/docs/api, and adds `/test/…` for what a payer, a bank and bad luck do. Start it with
`python -m stack.stand_ins.razorpay`.
"""
