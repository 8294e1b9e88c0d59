"""The stand-in put together: an ASGI application with its book, its API, its test controls and its sender."""

from pathlib import Path

from stack.stand_ins.app import CONTROLS_OF_ALL, StandIn
from stack.stand_ins.http import Answer, Request
from stack.stand_ins.stripe.api import StripeApi
from stack.stand_ins.stripe.controls import StripeControls
from stack.stand_ins.stripe.disputes import Disputes
from stack.stand_ins.stripe.events import StripeEvents
from stack.stand_ins.stripe.intents import Intents
from stack.stand_ins.stripe.refunds import Refunds


class StripeStandIn(StandIn):
    """The ASGI application."""

    help = f"""Stand-in for Stripe. Its API is at /v1 (payment_intents, refunds, disputes); nothing here moves money.

POST   /test/pay/{{payment_intent}}                  pay; optional JSON {{"amount", "currency"}} captures something else
POST   /test/decline/{{payment_intent}}              the bank says no
POST   /test/process/{{payment_intent}}              a slow method; pay or decline ends it
POST   /test/refund-at-dashboard/{{payment_intent}}  optional JSON {{"amount"}}
POST   /test/refunds/{{refund}}/succeed | /fail      end a pending refund, or fail one that succeeded
POST   /test/dispute/{{payment_intent}}              the payer asks their bank; optional JSON {{"amount", "inquiry",
       "due_in_seconds"}}
POST   /test/disputes/{{dispute}}/respond | /escalate | /win | /lose
       evidence is sent; an inquiry becomes a chargeback; the bank decides for us or against us
GET    /test/book?order_id=                        payment_intents, charges, refunds, disputes
{CONTROLS_OF_ALL}"""

    def __init__(self, book: Path, *, secret_key: str, webhook_url: str, webhook_secret: str, events: frozenset[str]):
        super().__init__(book, StripeEvents(webhook_secret), webhook_url=webhook_url, events=events)
        intents = Intents(self.book, self.webhooks.emit)
        disputes = Disputes(self.book, self.webhooks.emit)
        self._refunds = Refunds(self.book, self.webhooks.emit, disputes)
        self._api = StripeApi(self.book, self.faults, intents, self._refunds, disputes, secret_key=secret_key)
        self.controls = StripeControls(self.book, self.faults, intents, self._refunds, disputes, webhooks=self.webhooks)

    async def call_api(self, request: Request) -> Answer | None:
        """Stripe's own routes."""
        return await self._api.handle(request)

    def resume(self) -> None:
        """Go on with the refunds that an earlier process meant to fail."""
        self._refunds.resume()
