"""After all kills: every book of the house agrees with the others. Named so that it runs last of its folder."""

import pytest

from tests.chaos.academy import Academy
from tests.chaos.verdicts.house import judge_house

pytestmark = pytest.mark.chaos

NO_START = ("The worker cannot start: ", "PostgreSQL does not answer at DATABASE_URL ")


async def test_every_book_agrees(academy: Academy) -> None:
    """No captured money without an enrollment or a refund, no unbalanced posting, no story failed or stuck."""
    await judge_house(academy)
    log = academy.stack["worker"].log_file.read_text(errors="replace")
    assert "ondeterminis" not in log, "a story could not be replayed"
    assert "alarm_story_stalled" not in log


@pytest.mark.parametrize("name", ["api", "worker"])
async def test_every_log_line_is_json_but_why_a_process_could_not_start(academy: Academy, name: str) -> None:
    """Also what Temporal's own core says while servers die. The last line of a killed process may be cut short."""
    logged = academy.stack[name].log_file.read_text().splitlines()
    others = [line for line in logged if not line.startswith('{"timestamp":')]
    assert [line for line in others if not line.startswith(NO_START)] == []
    assert len(logged) > len(others)
