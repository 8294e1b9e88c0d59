"""`make demo`: buy a course of the running academy, learn it to its end, and say in plain words what happens."""

import secrets
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from settings import Settings, SettingsError, load_settings
from stack.demo.ids import demo_id
from stack.play_learning import Learning, PlayError
from stack.process import HOST

STUDENT = "student@academy.example"
FAVOURITE = demo_id("course", "a-minute-for-yourself")
"""Short enough to be learned to its end here."""
PATIENCE_SECONDS = 60.0
BILLING = {"name": "Asha Nair", "state": "KL", "postalCode": "682001", "country": "IN"}

Json = dict[str, Any]


class Play:
    """One purchase, from the login to the e-mail, and what was bought learned."""

    def __init__(self, settings: Settings, http: httpx.Client) -> None:
        self._settings = settings
        self._http = http
        self._api = f"http://{HOST}:{settings.api_port}"
        self._inbox = f"http://{HOST}:{settings.inbox_port}"
        self._stand_in = f"http://{HOST}:{settings.stripe_stand_in_port}"
        self._login: dict[str, str] = {}
        self._email = STUDENT
        self._step = 0

    def run(self) -> None:
        """Play it. Raises `PlayError`."""
        self._require_academy()
        self._log_in()
        course = self._choose_course()
        purchase = self._buy(course)
        began = time.monotonic()
        self._pay(purchase)
        self._watch(purchase["id"], began)
        self._show_access(course["id"])
        self._show_mail(course)
        self._show_operators_view(purchase["workflowId"])
        Learning(self._api, self._ask, self._say, self._add).to_the_end(self._enrollment_of(course["id"])["id"])

    def _require_academy(self) -> None:
        if "stripe_api_base" in self._settings.model_fields_set:
            raise PlayError("The demo pays at the Stripe stand-in, and STRIPE_API_BASE names another provider.")
        self._ask("GET", f"{self._stand_in}/")
        self._ask("GET", f"{self._api}/health/ready")

    def _log_in(self) -> None:
        password = demo_password(self._settings)
        self._take_token(STUDENT, password)
        self._say(f"Logged in as {STUDENT}, one of the demo people.")

    def _choose_course(self) -> Json:
        """The short course; when the student has it by now, a new buyer comes."""
        course: Json = self._ask("GET", f"{self._api}/api/v1/courses/{FAVOURITE}").json()
        if any(enrollment["courseId"] == course["id"] for enrollment in self._all("/api/v1/me/enrollments")):
            self._register()
        self._say(f"Chose the course “{course['title']}”, which {self._email} does not have yet.")
        return course

    def _register(self) -> None:
        self._email = f"buyer-{secrets.token_hex(4)}@academy.example"
        account = {"email": self._email, "password": secrets.token_urlsafe(16), "name": "A New Buyer"}
        self._ask("POST", f"{self._api}/api/v1/auth/register", json=account)
        self._take_token(self._email, account["password"])
        self._say(f"The student has this course by now, so {self._email} has registered and buys.")

    def _take_token(self, email: str, password: str) -> None:
        answer = self._ask("POST", f"{self._api}/api/v1/auth/login", json={"email": email, "password": password})
        self._login = {"Authorization": f"Bearer {answer.json()['accessToken']}"}

    def _buy(self, course: Json) -> Json:
        began = time.monotonic()
        answer = self._ask(
            "POST",
            f"{self._api}/api/v1/courses/{course['id']}/purchases",
            json={"provider": "stripe", "billing": BILLING},
            headers={"Idempotency-Key": secrets.token_hex(16)},
        )
        purchase: Json = answer.json()
        if not purchase.get("checkout"):
            raise PlayError(
                f"The purchase stands at “{purchase['status']}” without a checkout: look at the worker's log."
            )
        lines = ", ".join(f"{line['description']} {line['amount']}" for line in purchase["lines"])
        self._say(
            f"Asked to buy it. The answer came after {_ms(began)}: order {purchase['id']},"
            f" {purchase['amount']} {purchase['currency']} ({lines})."
        )
        self._add("By then the order was committed, price and tax were fixed, and a charge was open at the provider.")
        return purchase

    def _pay(self, purchase: Json) -> None:
        intent = purchase["checkout"]["clientSecret"].partition("_secret_")[0]
        self._ask("POST", f"{self._stand_in}/test/pay/{intent}")
        self._say(f"Paid at the Stripe stand-in (charge {intent}), which now sends its signed webhook.")

    def _watch(self, purchase_id: str, began: float) -> None:
        """Print each state as it shows, until the learner is enrolled."""
        seen = ""
        while seen != "enrolled":
            status: str = self._ask("GET", f"{self._api}/api/v1/purchases/{purchase_id}").json()["status"]
            if status != seen:
                seen = status
                self._say(f"After {_ms(began)} the purchase is “{status}”.")
            if status in ("expired", "abandoned", "refunded", "needs_attention"):
                raise PlayError("That is not how it should end: docs/runbooks/purchase.md says what to do.")
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise PlayError(f"It is still “{status}” after {PATIENCE_SECONDS:.0f} s: does the worker run?")
            time.sleep(0.02)
        self._add("Payment, access, enrollment, ledger, audit trail and e-mail were written in one transaction.")

    def _show_access(self, course_id: str) -> None:
        enrollment = self._enrollment_of(course_id)
        access = self._ask("GET", f"{self._api}/api/v1/me/enrollments/{enrollment['id']}/access").json()
        for reason in access["reasons"]:
            until = f"until {reason['until']}" if reason["until"] else "without an end"
            if reason["endedAt"] is None:
                self._say(f"Why may {self._email} watch it? Reason “{reason['reason']}”, {until}.")

    def _enrollment_of(self, course_id: str) -> Json:
        return next(e for e in self._all("/api/v1/me/enrollments") if e["courseId"] == course_id)

    def _show_mail(self, course: Json) -> None:
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_SECONDS:
            mails = self._ask("GET", f"{self._inbox}/api/messages?to={quote(self._email)}").json()
            for mail in mails:
                if course["title"] in mail["subject"]:
                    self._say(f"An e-mail came: “{mail['subject']}”.")
                    return self._add(f"Read it at {self._inbox}/messages/{mail['id']}")
            time.sleep(0.1)
        raise PlayError("No e-mail came: look at the worker's log.")

    def _show_operators_view(self, workflow_id: str) -> None:
        ui, namespace = self._settings.temporal_ui_url, self._settings.temporal_namespace
        if "temporal_ui_url" not in self._settings.model_fields_set:
            ui = f"http://{HOST}:{self._settings.temporal_ui_port}"
        self._say("What operators see of it, every step with its name:")
        self._add(f"{ui}/namespaces/{namespace}/workflows/{quote(workflow_id, safe='')}")

    def _all(self, path: str) -> list[Json]:
        """Every item of a list, page after page."""
        items: list[Json] = []
        cursor = ""
        while True:
            mark = "&" if "?" in path else "?"
            page = self._ask("GET", f"{self._api}{path}{f'{mark}cursor={quote(cursor)}' if cursor else ''}").json()
            items += page["items"]
            cursor = page.get("nextCursor")
            if not cursor:
                return items

    def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        more["headers"] = {**self._login, **more.get("headers", {})} if url.startswith(self._api) else {}
        try:
            answer = self._http.request(method, url, **more)
        except httpx.TransportError:
            raise PlayError(
                f"The academy is not running (nobody answers at {url}): start it with `make run`."
            ) from None
        if answer.status_code == HTTPStatus.UNAUTHORIZED and url.endswith("/auth/login"):
            raise PlayError("The login was refused: DEMO_PASSWORD is not the one that the academy was started with.")
        if not answer.is_success:
            raise PlayError(f"{method} {url} answered {answer.status_code}: {_told(answer)}")
        return answer

    def _say(self, words: str) -> None:
        self._step += 1
        print(f"{self._step:>2}. {words}", flush=True)

    @staticmethod
    def _add(words: str) -> None:
        print(f"    {words}", flush=True)


def demo_password(settings: Settings) -> str:
    """The setting, or what the stack has generated. Raises `PlayError`."""
    if settings.demo_password is not None:
        return settings.demo_password.get_secret_value()
    generated = Path(settings.data_dir) / "demo.password"
    try:
        return generated.read_text(encoding="utf-8")
    except OSError:
        raise PlayError(
            f"The academy is not running with DATA_DIR={settings.data_dir} (no demo.password there): start it with"
            " `make run`, or set DEMO_PASSWORD."
        ) from None


def _ms(began: float) -> str:
    return f"{(time.monotonic() - began) * 1000:.0f} ms"


def _told(answer: httpx.Response) -> str:
    """A problem's title and detail, or nothing that helps."""
    try:
        problem = answer.json()
        return f"{problem['title']}. {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return "no reason given"


def main() -> int:
    """Exit code 0 when the learner is enrolled, the e-mail is there, and the course is completed."""
    try:
        settings = load_settings()
        with httpx.Client(timeout=20) as http:
            Play(settings, http).run()
    except (SettingsError, PlayError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
