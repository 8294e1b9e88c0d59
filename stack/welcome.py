"""What a newcomer reads once the academy runs: addresses, logins, and how to buy a course."""

from rich.console import Console
from rich.table import Table

from stack.demo.ids import demo_id
from stack.embedded import EmbeddedStack
from stack.process import HOST

DEMO_USERS = {
    "student": "Student",
    "patient": "Patient",
    "doctor": "Doctor",
    "instructor": "Instructor",
    "clinicadmin": "ClinicAdmin",
    "contentadmin": "ContentAdmin",
    "admin": "SuperAdmin",
}


def show_welcome(console: Console, stack: EmbeddedStack) -> None:
    """Print the tables; without the demo logins in production, where they do not exist."""
    settings = stack.settings
    api = f"http://{HOST}:{settings.api_port}"
    addresses = {"API": api, "API docs": f"{api}/docs", "Temporal UI": settings.temporal_ui_url}
    if "inbox" in stack.parts:
        addresses["Mail inbox"] = f"http://{HOST}:{settings.inbox_port}"
    if "stripe" in stack.parts:
        addresses["Stripe stand-in"] = settings.stripe_api_base
    if "razorpay" in stack.parts:
        addresses["Razorpay stand-in"] = settings.razorpay_api_base
    console.print(_table("The academy is open", addresses))
    if settings.app_env == "production" or settings.demo_password is None:
        return
    password = settings.demo_password.get_secret_value()
    logins = {f"{name}@academy.example": role for name, role in DEMO_USERS.items()}
    console.print(_table(f"Demo logins, all with the password {password}", logins))
    if "stripe" in stack.parts:
        console.print(_how_to_pay(f"{api}/api/v1", settings.stripe_api_base, password))


def _table(title: str, rows: dict[str, str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    for left, right in rows.items():
        table.add_row(left, right)
    return table


def _how_to_pay(api: str, stand_in: str, password: str) -> str:
    """A purchase by curl, ready to paste. The payment intent's id is the client secret up to `_secret_`."""
    course = demo_id("course", "kitchen-herbs-and-spices")
    return f"""\
Buy a course with curl (`make demo` does the same and explains it):
  json='content-type: application/json'
  token=$(curl -s {api}/auth/login -H "$json" \\
    -d '{{"email":"student@academy.example","password":"{password}"}}' \\
    | sed 's/.*"accessToken":"\\([^"]*\\)".*/\\1/')
  purchase=$(curl -s {api}/courses/{course}/purchases -H "authorization: Bearer $token" \\
    -H "$json" -H 'idempotency-key: my-first-purchase' \\
    -d '{{"provider":"stripe","billing":{{"name":"Asha","state":"KL","postalCode":"682001","country":"IN"}}}}')
  id=$(echo "$purchase" | sed 's/^{{"id":"\\([^"]*\\)".*/\\1/')
  intent=$(echo "$purchase" | sed 's/.*"clientSecret":"\\([^"]*\\)_secret_.*/\\1/')
  curl -s -X POST {stand_in}/test/pay/$intent
  sleep 1; curl -s {api}/purchases/$id -H "authorization: Bearer $token"   # "status":"enrolled"
Stop with Ctrl-C; the next `make run` goes on from here."""
