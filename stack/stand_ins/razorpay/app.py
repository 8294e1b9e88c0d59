"""The stand-in put together: an ASGI application with its book, its API, its test controls and its sender."""

from pathlib import Path

from stack.stand_ins.app import CONTROLS_OF_ALL, StandIn
from stack.stand_ins.http import Answer, Request
from stack.stand_ins.razorpay.api import Money, RazorpayApi
from stack.stand_ins.razorpay.controls import RazorpayControls
from stack.stand_ins.razorpay.disputes import Disputes
from stack.stand_ins.razorpay.events import RazorpayEvents
from stack.stand_ins.razorpay.orders import Orders
from stack.stand_ins.razorpay.refunds import Refunds


class RazorpayStandIn(StandIn):
    """The ASGI application."""

    help = f"""Stand-in for Razorpay. Its API is at /v1 (orders, payments, refunds, disputes); nothing here moves money.

POST   /test/pay/{{order}}                           pay and capture; optional JSON {{"amount", "currency"}}; again:
                                                   a second payment. The answer has what a browser is told
POST   /test/authorize/{{order}}                     pay, and leave the capture to the shop
POST   /test/decline/{{order}}                       the bank says no
POST   /test/authorize-late/{{payment}}              the bank of a failed payment says yes after all
POST   /test/let-go/{{payment}}                      nobody captured it: the payer has the money again
POST   /test/refund-at-dashboard/{{payment}}         optional JSON {{"amount"}}
POST   /test/refunds/{{refund}}/succeed | /fail      end a pending refund, or fail one that was processed
POST   /test/dispute/{{payment}}                     the payer asks their bank; optional JSON {{"amount"}}
POST   /test/disputes/{{dispute}}/respond | /win | /lose   evidence is sent; the bank decides
GET    /test/book?order_id=                        orders, payments, refunds, disputes
{CONTROLS_OF_ALL}"""

    def __init__(
        self,
        book: Path,
        *,
        key_id: str,
        key_secret: str,
        webhook_url: str,
        webhook_secret: str,
        events: frozenset[str],
    ) -> None:
        super().__init__(book, RazorpayEvents(webhook_secret), webhook_url=webhook_url, events=events)
        orders = Orders(self.book, self.webhooks.emit)
        disputes = Disputes(self.book, self.webhooks.emit)
        self._refunds = Refunds(self.book, self.webhooks.emit, disputes)
        money = Money(orders, self._refunds, disputes)
        self._api = RazorpayApi(self.book, self.faults, money, key_id=key_id, key_secret=key_secret)
        self.controls = RazorpayControls(self.book, self.faults, money, self.webhooks, key_secret=key_secret)

    async def call_api(self, request: Request) -> Answer | None:
        """Razorpay's own routes."""
        return await self._api.handle(request)

    def resume(self) -> None:
        """Go on with the refunds that an earlier process meant to fail."""
        self._refunds.resume()
