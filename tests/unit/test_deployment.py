"""The compose file against the code: every setting known and given, one worker for each queue, nothing unpinned."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from domain.stories import TaskQueue
from settings import DEVELOPMENT_SECRETS, PAYMENT_KEYS, REQUIRED_IN_PRODUCTION, Settings, SettingsError, load_settings
from stack.process import PROJECT
from worker import GRACE

COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
JOBS = {"migrations", "temporal-setup", "temporal-schema", "temporal-namespace"}


def words_of(value: object) -> Iterator[str]:
    """Every string inside."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from words_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from words_of(inner)
    elif isinstance(value, str):
        yield value


def test_each_task_queue_has_a_worker_of_its_own() -> None:
    workers = {tuple(service["command"]) for name, service in OURS.items() if name.startswith("worker-")}
    assert workers == {("python", "worker.py", queue.value) for queue in TaskQueue}


ONLY_IN_DEVELOPMENT = {
    *("DATA_DIR", "DEMO_PASSWORD", "POSTGRES_PORT", "VALKEY_PORT", "TEMPORAL_PORT", "TEMPORAL_UI_PORT"),
    *("STRIPE_STAND_IN_PORT", "RAZORPAY_STAND_IN_PORT", "SMTP_PORT", "INBOX_PORT"),
}
"""What only the embedded stack reads."""

DIFFERENT_IN_CONTAINERS = {"TRUSTED_PROXIES", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}
"""Their defaults in the file name its own network and its own Temporal."""


@pytest.mark.parametrize("name", OURS)
def test_our_services_have_every_setting_but_those_of_development(name: str) -> None:
    """A setting that the file does not hand on is one that an operator sets in vain."""
    given = OURS[name]["environment"]
    assert set(given) == {field.upper() for field in Settings.model_fields} - ONLY_IN_DEVELOPMENT
    assert set(given) >= {*REQUIRED_IN_PRODUCTION, *DEVELOPMENT_SECRETS}
    assert given["APP_ENV"] == "production"


def test_what_is_not_set_has_the_default_of_the_settings() -> None:
    checked = 0
    for name, value in OURS["api"]["environment"].items():
        optional = re.fullmatch(rf"\$\{{{name}:-(.*)\}}", value)
        if optional and name not in DIFFERENT_IN_CONTAINERS:
            field = name.lower()
            if optional[1]:
                given = load_settings(_env_file=None, **{field: optional[1]})
                assert getattr(given, field) == Settings.model_fields[field].default, name
            checked += 1
    assert checked > 30


def test_whoever_has_a_temporal_elsewhere_starts_none_and_waits_for_none() -> None:
    changed = yaml.safe_load((PROJECT / "docker-compose.outside-temporal.yml").read_text())["services"]
    left_out = {name for name, change in changed.items() if change.get("profiles")}
    assert left_out == {name for name in SERVICES if name.startswith("temporal")} - {"temporal-setup"}
    for name in SERVICES.keys() - left_out:
        for needed, how in SERVICES[name].get("depends_on", {}).items():
            if needed in left_out:
                assert changed[name]["depends_on"][needed] == {**how, "required": False}
    job = SERVICES["temporal-namespace"]
    assert job["environment"]["TEMPORAL_NAMESPACE"] == OURS["api"]["environment"]["TEMPORAL_NAMESPACE"]


OF_PAYMENTS = {name for names in PAYMENT_KEYS.values() for name in names}
"""One provider may be off; that one is on is looked at by the settings themselves."""

OPTIONAL_SECRETS = {"WHATSAPP_APP_SECRET", "VAPID_PRIVATE_KEY", "TEMPORAL_API_KEY", "UNSUBSCRIBE_KEYS", *OF_PAYMENTS}
"""Empty means that the channel or the provider is off, or that Temporal is our own."""


def test_no_secret_stands_in_the_file_and_a_missing_one_stops_the_start() -> None:
    for name in DEVELOPMENT_SECRETS:
        missing = ":-" if name in OF_PAYMENTS else ":?"
        assert OURS["api"]["environment"][name] == f"${{{name}{missing}}}"
    for word in words_of(COMPOSE):
        assert not any(development in word for development in DEVELOPMENT_SECRETS.values())
        for variable, default in re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|KEY|KEYS))\b(.*?)\}", word):
            assert default == (":-" if variable in OPTIONAL_SECRETS else ":?"), f"{variable} has a default"


def test_every_image_is_pinned() -> None:
    for name, service in SERVICES.items():
        if name not in OURS:
            assert re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", service["image"]), name
    for image in re.findall(r"^FROM (\S+)", (PROJECT / "Dockerfile").read_text(), re.MULTILINE):
        assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", image)


def test_what_serves_starts_after_migrations_and_when_what_it_needs_is_healthy() -> None:
    for name in ("api", *(name for name in OURS if name.startswith("worker-"))):
        waits = {needed: how["condition"] for needed, how in SERVICES[name]["depends_on"].items()}
        assert waits["migrations"] == waits["temporal-setup"] == "service_completed_successfully"
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in SERVICES
            assert (how["condition"] == "service_completed_successfully") == (needed in JOBS)
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed]


def test_whatever_goes_on_running_says_whether_it_works() -> None:
    without = {name for name, service in SERVICES.items() if "healthcheck" not in service}
    assert without - JOBS == {"proxy", "temporal-ui"}, "others' images, and only a way to what is checked"


def test_only_loopback_ports_are_published_and_data_is_kept_in_volumes() -> None:
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]


def test_a_stop_gives_a_worker_more_than_its_own_grace() -> None:
    for name, service in OURS.items():
        if name.startswith("worker-"):
            assert int(service["stop_grace_period"].removesuffix("s")) > GRACE.total_seconds()


def test_the_image_runs_as_an_ordinary_user_and_has_every_room_it_needs() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()
    assert re.search(r"^USER academy$", dockerfile, re.MULTILINE)
    copied = set(re.findall(r"^COPY (\w+) \1$", dockerfile, re.MULTILINE))
    rooms = {path.name for path in PROJECT.iterdir() if (path / "__init__.py").exists()}
    assert copied == rooms - {"stack", "tests", "benchmarks"}
    ignore = (PROJECT / ".dockerignore").read_text().split()
    assert {f"!{room}" for room in copied} <= set(ignore)


def test_a_process_without_servers_names_them_in_one_line() -> None:
    settings = load_settings(_env_file=None, database_url="postgresql://somewhere/academy")
    with pytest.raises(SettingsError, match=r"^Set REDIS_URL, TEMPORAL_ADDRESS, SMTP_URL, or use `make run`.*$"):
        settings.require_servers()
