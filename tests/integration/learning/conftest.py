"""What tests of learning share."""

from typing import Any

import httpx
import pytest
from litestar import Litestar

from tests.integration.conftest import NewPerson
from tests.integration.learning.quizzes import NewQuiz, Quiz, make_quiz


@pytest.fixture
def new_quiz(app: Litestar, client: httpx.AsyncClient, new_person: NewPerson) -> NewQuiz:
    """Makes a course of one lesson, a quiz of each kind of question unless told otherwise."""

    async def make(**changes: Any) -> Quiz:
        return await make_quiz(app, client, new_person, **changes)

    return make
