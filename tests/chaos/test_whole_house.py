"""After all kills: every book of the house agrees with the others. Named so that it runs last of its folder."""

import pytest

from tests.chaos.academy import Academy
from tests.chaos.verdicts import judge_house

pytestmark = pytest.mark.chaos


async def test_every_book_agrees(academy: Academy) -> None:
    """No captured money without an enrollment or a refund, no unbalanced posting, no story failed or stuck."""
    await judge_house(academy)
    log = academy.stack["worker"].log_file.read_text(errors="replace")
    assert "ondeterminis" not in log, "a story could not be replayed"
