"""The compose file against the code: every setting known and given, one worker for each queue, nothing unpinned."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from domain.stories import TaskQueue
from settings import DEVELOPMENT_SECRETS, REQUIRED_IN_PRODUCTION, Settings, SettingsError, load_settings
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


@pytest.mark.parametrize("name", OURS)
def test_our_services_have_every_setting_that_production_needs_and_no_unknown_one(name: str) -> None:
    given = OURS[name]["environment"]
    assert set(given) <= {field.upper() for field in Settings.model_fields}
    assert set(given) >= {*REQUIRED_IN_PRODUCTION, *DEVELOPMENT_SECRETS, "APP_ENV"}
    assert given["APP_ENV"] == "production"


OPTIONAL_SECRETS = {"WHATSAPP_APP_SECRET", "VAPID_PRIVATE_KEY"}
"""Empty means that the channel is off."""


def test_no_secret_stands_in_the_file_and_a_missing_one_stops_the_start() -> None:
    for name in DEVELOPMENT_SECRETS:
        assert OURS["api"]["environment"][name] == f"${{{name}:?}}"
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
