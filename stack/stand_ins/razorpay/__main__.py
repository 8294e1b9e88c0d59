"""`python -m stack.stand_ins.razorpay --port P --book FILE --webhook-url URL`; secrets come from the settings."""

from settings import Settings
from stack.stand_ins.razorpay.app import RazorpayStandIn
from stack.stand_ins.razorpay.events import DEFAULT_EVENTS
from stack.stand_ins.serving import end_process
from stack.stand_ins.starting import Place, run_stand_in


def _made(settings: Settings, place: Place) -> RazorpayStandIn:
    return RazorpayStandIn(
        place.book,
        key_id=settings.razorpay_key_id,
        key_secret=settings.razorpay_key_secret.get_secret_value(),
        webhook_url=place.webhook_url,
        webhook_secret=settings.razorpay_webhook_secret.get_secret_value(),
        events=place.events,
    )


if __name__ == "__main__":
    end_process(run_stand_in("stack.stand_ins.razorpay", _made, DEFAULT_EVENTS))
