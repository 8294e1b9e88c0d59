"""The HTTP application: routes, access, errors and documentation put together."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide

from api.access import AccessMiddleware, require_declared_access
from api.described import described_app
from api.gathering import Gatherer
from api.http.bodies import LARGEST_BODY_BYTES, BodyInTime, DrainUnread, MediaTypeMiddleware
from api.http.client_address import ClientAddress
from api.http.codec_cors import CodecCors
from api.http.cors import ApiCors
from api.http.problems import EXCEPTION_HANDLERS
from api.http.rates import RateLimits
from api.http.request_log import Observe, RequestLog
from api.http.security_headers import SecurityHeaders
from api.identity.recovery import Recovery
from api.identity.sessions import Sessions
from api.identity.throttle import MAILS_PER_ACCOUNT, MAILS_PER_ADDRESS, LoginThrottle
from api.identity.tokens import AccessTokens
from api.learning.heartbeats import Heartbeats
from api.learning.outlines import Outlines
from api.routes import ROUTES
from api.subject import provide_subject
from bootstrap import Services
from db.queries.identity.accounts import living_sessions
from domain.identity.email_links import LinkTokens
from domain.identity.signing_keys import signing_keys


def create_app(services: Services, observe: Observe | None = None) -> Litestar:
    """The API over open services; `observe` is told of each answered request.

    Raises `ImproperlyConfiguredException` for a route without a permission and `SigningKeyError` for
    unusable `JWT_KEYS`.
    """
    settings = services.settings
    base_url = settings.public_base_url.rstrip("/")
    tokens = AccessTokens.from_setting(settings.jwt_keys.get_secret_value(), base_url)
    logins = LoginThrottle(services.redis)
    sessions = Sessions(tokens, logins)
    mails = LoginThrottle(services.redis, MAILS_PER_ACCOUNT, MAILS_PER_ADDRESS)
    links = LinkTokens(signing_keys(settings.jwt_keys.get_secret_value()).values())
    recovery = Recovery(services, links, mails=mails, logins=logins)
    app = Litestar(
        route_handlers=ROUTES,
        middleware=[AccessMiddleware(), MediaTypeMiddleware()],
        dependencies=_dependencies(services, sessions, recovery),
        exception_handlers={**EXCEPTION_HANDLERS},
        request_max_body_size=LARGEST_BODY_BYTES,
        logging_config=None,
        openapi_config=None,
        state=State(
            {
                "public_base_url": base_url,
                "access_tokens": tokens,
                "logins": Gatherer(living_sessions),
                "heartbeats": Heartbeats(services),
                "outlines": Outlines(),
                "login_issuer": services.login_issuer,
                "openapi": openapi_document,
                "rate_limits": RateLimits(
                    services.redis, settings.rate_limit_per_address, settings.rate_limit_per_user
                ),
            }
        ),
    )
    require_declared_access(app)
    # Around everything, since Litestar's own middleware does not see requests that match no route.
    routed = CodecCors(BodyInTime(app.asgi_handler), settings.temporal_ui_url)
    inner = DrainUnread(ApiCors(routed, settings.cors_origins))
    app.asgi_handler = RequestLog(ClientAddress(SecurityHeaders(inner, base_url), settings.trusted_proxies), observe)
    return app


@cache
def openapi_document() -> bytes:
    """The OpenAPI 3.1 document, as JSON."""
    return msgspec.json.encode(described_app(_dependencies(None, None, None)).openapi_schema.to_schema())


def _dependencies(services: Services | None, sessions: Sessions | None, recovery: Recovery | None) -> Mapping[str, Any]:
    """What a handler may ask for by parameter name."""
    return {
        "services": Provide(lambda: services, sync_to_thread=False),
        "sessions": Provide(lambda: sessions, sync_to_thread=False),
        "recovery": Provide(lambda: recovery, sync_to_thread=False),
        "subject": Provide(provide_subject, sync_to_thread=False),
    }
