"""The short way of a request: pages that this process holds are answered before guards, parsing and rendering."""

from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api.catalog.pages import headers_of, knows, with_seats
from cache.catalog import CatalogCache, Page


def serve_held(app: ASGIApp) -> ASGIApp:
    """Middleware of the catalog's routes. Held pages are public ones, so no guard is left out by answering here;
    whoever may be signed in goes the long way."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        cache: CatalogCache | None = scope["litestar_app"].state.get("catalog_cache")
        if cache is None or cast(HTTPScope, scope)["method"] != "GET" or may_be_signed_in(scope):
            await app(scope, receive, send)
            return
        page = await cache.held(address_of(scope))
        if page is None:
            await app(scope, receive, send)
        else:
            await _send(scope, send, await with_seats(page))

    return middleware


def address_of(scope: Scope) -> str:
    """Path and query: what a held page is found by."""
    query: bytes = scope["query_string"]
    return scope["path"] + "?" + query.decode("latin-1")


def may_be_signed_in(scope: Scope) -> bool:
    """Whether the caller shows a token, valid or not."""
    return any(name == b"authorization" for name, _ in scope["headers"])


async def _send(scope: Scope, send: Send, page: Page) -> None:
    known = knows(scope, page.etag)
    headers = [(name.encode(), value.encode()) for name, value in headers_of(page).items()]
    if not known:
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(page.body))]
    await send({"type": "http.response.start", "status": 304 if known else 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if known else page.body, "more_body": False})
