"""SIGKILL to the worker between claim and answer, over every channel without idempotency: never sent a second time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus

from db.sql import as_json
from domain.identifiers import new_id, notice_workflow_id
from domain.identity.roles import Role
from tests.chaos.academy import Academy
from tests.chaos.waiting import until

pytestmark = pytest.mark.chaos

PROVIDERS = ("twilio", "whatsapp", "fcm", "webpush")
ENDS_WITHIN_SECONDS = 120.0
"""A claim is nobody's after 30 s; the tries in between lie up to half a minute apart."""


async def sender_of(academy: Academy) -> dict[str, str]:
    """The headers of somebody who may write to many."""
    user_id, session_id = new_id(), new_id()
    await academy.sql(
        "INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents)"
        " VALUES ($1, $2, 'none', 'Admin', $3, 'en', 'Asia/Kolkata', '{}', '{}')",
        *(user_id, f"{user_id}@people.example", [Role.SUPER_ADMIN]),
    )
    await academy.sql(
        "INSERT INTO auth_sessions (id, user_id, expires_at) VALUES ($1, $2, $3)",
        *(session_id, user_id, datetime.now(UTC) + timedelta(days=1)),
    )
    token = academy.tokens.issue(user_id, session_id, [Role.SUPER_ADMIN], life=timedelta(hours=2))
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": new_id()}


async def reader_of(academy: Academy) -> tuple[str, list[str]]:
    """Somebody who is reached over every one of these channels; and the addresses."""
    user_id = new_id()
    number = f"+91{int(user_id.replace('-', ''), 16) % 10**10:010}"
    browser = (await academy.http.post(f"{academy.inbox}/api/phones/subscriptions")).json()
    await academy.sql(
        "INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents)"
        " VALUES ($1, $2, 'none', 'Asha Menon', $3, 'en', 'Asia/Kolkata', $4, $5)",
        *(user_id, f"{user_id}@people.example", [Role.STUDENT], as_json({"sms": number, "whatsapp": number})),
        as_json(dict.fromkeys(("sms", "whatsapp"), "2026-11-25T00:00:00Z")),
    )
    devices: list[tuple[str, str, dict[str, str]]] = [
        ("fcm", f"token-{user_id}", {}),
        ("webpush", browser["endpoint"], browser["keys"]),
    ]
    for kind, token, keys in devices:
        await academy.sql(
            "INSERT INTO devices (id, user_id, kind, token, p256dh, auth) VALUES ($1, $2, $3, $4, $5, $6)",
            *(new_id(), user_id, kind, token, keys.get("p256dh"), keys.get("auth")),
        )
    return user_id, [number, f"token-{user_id}", browser["endpoint"]]


async def taken(academy: Academy, addresses: list[str]) -> int:
    """How many messages the providers took for these addresses."""
    answers = [await academy.http.get(f"{academy.inbox}/api/phones", params={"to": address}) for address in addresses]
    return sum(len(answer.raise_for_status().json()) for answer in answers)


async def rows_of(academy: Academy, user_id: str) -> list[Any]:
    return await academy.sql("SELECT id, status, failure FROM outgoing_messages WHERE user_id = $1", user_id)


@pytest.mark.parametrize(("fault", "arrived"), [("hang_before", 0), ("hang_after", len(PROVIDERS))])
async def test_a_worker_killed_between_claim_and_answer_leaves_it_unknown(
    academy: Academy, fault: str, arrived: int
) -> None:
    """Whether the provider had it already or not: the worker that comes after cannot know."""
    user_id, addresses = await reader_of(academy)
    for provider in PROVIDERS:
        await academy.http.post(f"{academy.inbox}/api/phones/faults", json={"provider": provider, "kind": fault})
    answer = await academy.http.post(
        f"{academy.shop}/api/v1/communications",
        headers=await sender_of(academy),
        json={
            "category": "reminder",
            "recipients": [{"userId": user_id}],
            "channels": ["sms", "whatsapp", "push"],
            "title": "Continue learning",
            "body": "The next lesson waits.",
        },
    )
    assert (answer.status_code, answer.json()["messages"]) == (202, len(PROVIDERS)), answer.text

    async def hangs() -> bool:
        is_claimed = [r["status"] for r in await rows_of(academy, user_id)] == ["claimed"] * len(PROVIDERS)
        return is_claimed and not await still_to_come(academy) and await taken(academy, addresses) == arrived

    await until(hangs, "every message is claimed and waits for its provider", 30)
    await academy.kill("worker")
    try:
        assert [r["status"] for r in await rows_of(academy, user_id)] == ["claimed"] * len(PROVIDERS)
    finally:
        await academy.restart("worker")

    async def all_ended() -> bool:
        handles = [
            academy.temporal.get_workflow_handle(notice_workflow_id(r["id"])) for r in await rows_of(academy, user_id)
        ]
        states = [(await handle.describe()).status for handle in handles]
        return set(states) == {WorkflowExecutionStatus.COMPLETED}

    await until(all_ended, "every story has ended", ENDS_WITHIN_SECONDS)
    rows = await rows_of(academy, user_id)
    assert {(r["status"], r["failure"]) for r in rows} == {("unknown", "worker_lost")}
    log = academy.stack["worker"].log_file.read_text(errors="replace")
    for row in rows:
        alarms = [line for line in log.splitlines() if "alarm_message_unknown" in line]
        assert any(row["id"] in line for line in alarms), "an alarm names it"
    await relay_runs_again(academy, user_id)
    assert {r["status"] for r in await rows_of(academy, user_id)} == {"unknown"}
    assert await taken(academy, addresses) == arrived, "nothing went a second time"


async def still_to_come(academy: Academy) -> int:
    """How many faults nobody has met yet."""
    left = (await academy.http.get(f"{academy.inbox}/api/phones/faults")).raise_for_status().json()
    return sum(each["times"] for each in left)


async def relay_runs_again(academy: Academy, user_id: str) -> None:
    """Let the relay look once more at this person's rows, as if it had never offered them."""
    await academy.sql(
        "UPDATE outgoing_messages SET relayed_at = NULL, created_at = now() - interval '1 day' WHERE user_id = $1",
        user_id,
    )
    schedule = academy.temporal.get_schedule_handle("event-relay")
    before = (await schedule.describe()).info.num_actions
    await schedule.trigger()

    async def has_run() -> bool:
        info = (await schedule.describe()).info
        return info.num_actions > before and not info.running_actions

    await until(has_run, "the relay ran", 60)
