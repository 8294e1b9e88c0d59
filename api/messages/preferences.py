"""`/api/v1/me/preferences` and `/api/v1/me/devices`."""

from datetime import time
from typing import Annotated, Literal

from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_204_NO_CONTENT
from msgspec import UNSET, Meta, UnsetType

from api.access import AUTHENTICATED, requires
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct, FieldError
from api.subject import Subject
from bootstrap import Services
from db.queries.messaging.preferences import (
    DeviceRow,
    Preferences,
    add_device,
    disable_device,
    list_devices,
    read_preferences,
    write_preferences,
)
from domain.messaging.notices import Device
from domain.messaging.push_services import is_push_service
from domain.messaging.quiet_hours import is_time_zone
from domain.messaging.telling import Category, Channel, opt_out_key

Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["22:00"])]
Number = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$", examples=["+919812345678"])]


class QuietHoursBody(ApiStruct, forbid_unknown_fields=True):
    """Local times of one's own zone; over midnight when `until` is the earlier."""

    since: Clock
    until: Clock


class OptOut(ApiStruct, forbid_unknown_fields=True):
    """No messages of this category over this channel."""

    category: Category
    channel: Channel


class PreferencesBody(ApiStruct, forbid_unknown_fields=True):
    """All of one's wishes. `consents` say that the number may be used for SMS and WhatsApp. Transactional e-mail, about
    what one has bought, always comes."""

    phone_number: Number | None
    consents: Annotated[list[Literal["sms", "whatsapp"]], Meta(max_length=2)]
    email: bool
    opt_outs: Annotated[list[OptOut], Meta(max_length=12)]
    quiet_hours: QuietHoursBody | None
    locale: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, examples=["hi", "en-IN"])]
    time_zone: Annotated[str, Meta(max_length=64, examples=["Asia/Kolkata"])]


class SubscriptionKeys(ApiStruct):
    """As the browser gives them, base64url."""

    p256dh: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{80,100}={0,2}$")]
    auth: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,32}={0,2}$")]


class Subscription(ApiStruct):
    """A browser's `PushSubscription`, as its `toJSON()` gives it."""

    endpoint: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,2000}$")]
    keys: SubscriptionKeys


class DeviceBody(ApiStruct, forbid_unknown_fields=True):
    """One of the two: FCM's registration token of a phone, or a browser's subscription. Tokens have some 200
    characters; our index holds 2,700 bytes."""

    fcm_token: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,2000}$")] | UnsetType = UNSET
    subscription: Subscription | UnsetType = UNSET


class DeviceList(ApiStruct):
    """One's devices, the oldest first."""

    items: list[DeviceRow]


@get("/api/v1/me/preferences", operation_id="getMyPreferences", tags=["Me"], **requires(AUTHENTICATED))
async def get_preferences(subject: NamedDependency[Subject]) -> PreferencesBody:
    """What the caller wishes of our messages."""
    return await _view(subject.user_id)


@put(
    "/api/v1/me/preferences",
    operation_id="putMyPreferences",
    tags=["Me"],
    **requires(AUTHENTICATED, "validation_failed"),
)
async def put_preferences(data: JSONBody[PreferencesBody], subject: NamedDependency[Subject]) -> PreferencesBody:
    """Replace what the caller wishes of our messages."""
    errors = []
    if not is_time_zone(data.time_zone):
        errors.append(FieldError(field="timeZone", message="A name of the IANA database, such as `Asia/Kolkata`."))
    if data.consents and data.phone_number is None:
        errors.append(FieldError(field="phoneNumber", message="Needed with a consent."))
    if OptOut(Category.TRANSACTIONAL, Channel.EMAIL) in data.opt_outs:
        errors.append(FieldError(field="optOuts", message="Transactional e-mail always comes."))
    if errors:
        raise ProblemError("validation_failed", errors=errors)
    quiet = data.quiet_hours
    await write_preferences(
        subject.user_id,
        Preferences(
            number=data.phone_number,
            consents=tuple(Channel(name) for name in dict.fromkeys(data.consents)),
            email=data.email,
            opt_outs=tuple(opt_out_key(out.category, out.channel) for out in data.opt_outs),
            quiet_since=time.fromisoformat(quiet.since) if quiet else None,
            quiet_until=time.fromisoformat(quiet.until) if quiet else None,
            locale=data.locale,
            time_zone=data.time_zone,
        ),
    )
    return await _view(subject.user_id)


@get("/api/v1/me/devices", operation_id="listMyDevices", tags=["Me"], **requires(AUTHENTICATED))
async def list_my_devices(subject: NamedDependency[Subject]) -> DeviceList:
    """The devices that take the caller's push messages."""
    return DeviceList(await list_devices(subject.user_id))


@post(
    "/api/v1/me/devices",
    operation_id="registerMyDevice",
    tags=["Me"],
    **requires(AUTHENTICATED, "validation_failed"),
)
async def register_device(
    data: JSONBody[DeviceBody], subject: NamedDependency[Subject], services: NamedDependency[Services]
) -> DeviceRow:
    """Let a phone or a browser take push messages. A second time answers with the same device."""
    if isinstance(data.fcm_token, str) and data.subscription is UNSET:
        return await add_device(subject.user_id, Device(kind="fcm", token=data.fcm_token))
    if data.fcm_token is UNSET and isinstance(data.subscription, Subscription):
        endpoint, keys = data.subscription.endpoint, data.subscription.keys
        more = tuple(filter(None, services.settings.web_push_origins.split(",")))
        if not is_push_service(endpoint, more):
            error = FieldError(field="subscription.endpoint", message="Not a push service of a known browser.")
            raise ProblemError("validation_failed", errors=[error])
        device = Device(kind="webpush", token=endpoint, p256dh=keys.p256dh, auth=keys.auth)
        return await add_device(subject.user_id, device)
    error = FieldError(field="fcmToken", message="Send this or `subscription`.")
    raise ProblemError("validation_failed", errors=[error])


@delete(
    "/api/v1/me/devices/{device_id:str}",
    operation_id="removeMyDevice",
    tags=["Me"],
    status_code=HTTP_204_NO_CONTENT,
    **requires(AUTHENTICATED, "not_found"),
)
async def remove_device(device_id: FromPath[str], subject: NamedDependency[Subject]) -> Response[None]:
    """No more push messages to this device."""
    if not await disable_device(subject.user_id, device_id):
        raise ProblemError("not_found")
    return Response(None)


async def _view(user_id: str) -> PreferencesBody:
    wish = await read_preferences(user_id)
    quiet = None
    if wish.quiet_since is not None and wish.quiet_until is not None:
        quiet = QuietHoursBody(f"{wish.quiet_since:%H:%M}", f"{wish.quiet_until:%H:%M}")
    pairs = [out.split(":") for out in wish.opt_outs]
    return PreferencesBody(
        phone_number=wish.number,
        consents=[_BY_NUMBER[channel] for channel in wish.consents],
        email=wish.email,
        opt_outs=[OptOut(Category(category), Channel(channel)) for category, channel in pairs],
        quiet_hours=quiet,
        locale=wish.locale,
        time_zone=wish.time_zone,
    )


_BY_NUMBER: dict[Channel, Literal["sms", "whatsapp"]] = {Channel.SMS: "sms", Channel.WHATSAPP: "whatsapp"}
