"""`python -m stack.stand_ins.stripe --port P --book FILE --webhook-url URL`; secrets come from the settings."""

from settings import Settings
from stack.stand_ins.serving import end_process
from stack.stand_ins.starting import Place, run_stand_in
from stack.stand_ins.stripe.app import StripeStandIn
from stack.stand_ins.stripe.events import DEFAULT_EVENTS


def _made(settings: Settings, place: Place) -> StripeStandIn:
    return StripeStandIn(
        place.book,
        secret_key=settings.stripe_secret_key.get_secret_value(),
        webhook_url=place.webhook_url,
        webhook_secret=settings.stripe_webhook_secret.get_secret_value(),
        events=place.events,
    )


if __name__ == "__main__":
    end_process(run_stand_in("stack.stand_ins.stripe", _made, DEFAULT_EVENTS))
