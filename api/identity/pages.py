"""The pages that links in mails lead to, for an academy without a front-end of its own at `PUBLIC_BASE_URL`.

Each is a form whose script sends JSON to a route of `recovery_controller`. The token stays in the fragment, which no
server sees. Nothing happens before the button is pressed: programs that look at the links in mails use none up.
"""

import base64
import hashlib
from typing import Any

from litestar import MediaType, Request, Response, get
from markupsafe import Markup

from api.access import PUBLIC, requires
from api.operations.docs import PAGE_HEADERS, PAGES
from domain.identity.accounts import PASSWORD_SHORTEST

SCRIPT = """
const form = document.querySelector("form"), status = document.querySelector("[role=status]");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = Object.fromEntries(new FormData(form));
  if (token) body.token = token;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(form.dataset.action, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
    if (answer.ok) {
      form.hidden = true;
      status.className = "";
      status.textContent = form.dataset.done;
    } else {
      const problem = await answer.json();
      const messages = (problem.errors || []).map((error) => error.message);
      status.className = "problem";
      status.textContent = messages.join(" ") || problem.title + ". " + problem.detail;
    }
  } catch {
    status.className = "problem";
    status.textContent = form.dataset.lost;
  }
  button.disabled = false;
});
"""
_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
HEADERS = {
    **PAGE_HEADERS,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; form-action 'none';"
    f" frame-ancestors 'none'; base-uri 'none'; script-src 'sha256-{_HASH}'",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language",
}

LOST = {"en": "The academy does not answer. Please try again.", "hi": "अकादमी से उत्तर नहीं मिला। कृपया फिर कोशिश करें।"}
VERIFY = {
    "en": {
        "title": "Verify your e-mail",
        "button": "Verify my e-mail",
        "done": "Thank you, your e-mail is verified.",
    },
    "hi": {"title": "ईमेल की पुष्टि करें", "button": "ईमेल की पुष्टि करें", "done": "धन्यवाद, आपके ईमेल की पुष्टि हो गई है।"},
}
RESET = {
    "en": {
        "title": "Set a new password",
        "label": "New password",
        "button": "Set the password",
        "done": "Your password is set. Please log in with it.",
    },
    "hi": {
        "title": "नया पासवर्ड बनाएँ",
        "label": "नया पासवर्ड",
        "button": "पासवर्ड बनाएँ",
        "done": "आपका पासवर्ड बन गया है। कृपया इससे लॉग इन करें।",
    },
}
FORGOT = {
    "en": {
        "title": "Ask for a new password",
        "label": "E-mail",
        "button": "Send me a link",
        "done": "If this address has an account, a link is on its way. It works for half an hour.",
    },
    "hi": {
        "title": "नया पासवर्ड माँगें",
        "label": "ईमेल",
        "button": "मुझे लिंक भेजें",
        "done": "अगर इस पते का खाता है, तो लिंक भेजा जा रहा है। वह आधे घंटे तक काम करता है।",
    },
}
PAGE: dict[str, Any] = {"include_in_schema": False, "media_type": MediaType.HTML, **requires(PUBLIC)}
AnyRequest = Request[Any, Any, Any]


@get("/verify-email", operation_id="getVerifyEmailPage", **PAGE)
async def verify_email_page(request: AnyRequest) -> Response[str]:
    """Where the link of a verification leads."""
    return _page(request, VERIFY, "/api/v1/auth/email-verifications/confirm")


@get("/reset-password", operation_id="getResetPasswordPage", **PAGE)
async def reset_password_page(request: AnyRequest) -> Response[str]:
    """Where the link of a reset leads."""
    return _page(request, RESET, "/api/v1/auth/password-resets/confirm", "password")


@get("/forgot-password", operation_id="getForgotPasswordPage", **PAGE)
async def forgot_password_page(request: AnyRequest) -> Response[str]:
    """Where a reset is asked for."""
    return _page(request, FORGOT, "/api/v1/auth/password-resets", "email")


def _page(request: AnyRequest, words: dict[str, dict[str, str]], action: str, field: str = "") -> Response[str]:
    # The first language that the browser prefers; the few others read English.
    language = "hi" if request.headers.get("accept-language", "").lower().startswith("hi") else "en"
    page = PAGES.get_template("account.html").render(
        language=language,
        words=words[language],
        lost=LOST[language],
        action=action,
        field=field,
        shortest=PASSWORD_SHORTEST,
        script=Markup(SCRIPT),  # noqa: S704  # ours
    )
    return Response(page, media_type=MediaType.HTML, headers=HEADERS)
