"""A message with a story of its own: started once, sent once, and what stands in the way."""

import httpx
from temporalio.client import WorkflowExecutionStatus

from db.queries.identity.email_links import queue_verification
from db.sql import fetch
from domain.identifiers import message_workflow_id
from tests.integration.conftest import Person
from tests.workflow.conftest import Academy, eventually, one


async def queued(academy: Academy) -> tuple[Person, str]:
    """Somebody, and the message that waits for them."""
    person = await academy.new_person()
    message_id = await queue_verification(person.id)
    assert message_id is not None
    return person, message_id


async def mails_to(academy: Academy, person: Person) -> int:
    """How many lie in the inbox."""
    port = academy.services.settings.inbox_port
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as inbox:
        return len((await inbox.get("/api/messages", params={"to": person.email})).json())


async def test_a_message_is_told_once_however_often_its_story_is_started(academy: Academy) -> None:
    person, message_id = await queued(academy)
    for _ in range(3):
        await academy.stories.tell_message(message_id)
    handle = academy.services.temporal.get_workflow_handle(message_workflow_id(message_id))
    await handle.result()
    await academy.stories.tell_message(message_id)
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert await mails_to(academy, person) == 1
    assert (await one("SELECT status FROM outgoing_messages WHERE id = $1", message_id))["status"] == "sent"


async def test_what_can_never_be_sent_ends_the_story(academy: Academy) -> None:
    person, message_id = await queued(academy)
    await fetch("UPDATE email_links SET expires_at = now() WHERE user_id = $1", person.id)
    await academy.stories.tell_message(message_id)
    await academy.services.temporal.get_workflow_handle(message_workflow_id(message_id)).result()
    row = await eventually("SELECT status, failure FROM outgoing_messages WHERE id = $1", message_id)
    assert (row["status"], row["failure"]) == ("failed", "link_expired")
    assert await mails_to(academy, person) == 0


async def test_nothing_of_the_person_or_the_link_is_in_the_history(academy: Academy) -> None:
    person, message_id = await queued(academy)
    await academy.stories.tell_message(message_id)
    handle = academy.services.temporal.get_workflow_handle(message_workflow_id(message_id))
    await handle.result()
    text = (await handle.fetch_history()).to_json()
    assert person.email not in text
    assert person.id not in text
    assert set((await handle.describe()).search_attributes) <= {"LmsProcess", "LmsState", "BuildIds"}
