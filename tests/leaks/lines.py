"""Reading log lines back."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from logs import formatter_of

Line = dict[str, Any]


@contextmanager
def written() -> Iterator[Callable[[], list[Line]]]:
    """What this process writes meanwhile, as a worker would write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter_of("worker"))
    logging.getLogger().addHandler(handler)
    try:
        yield lambda: lines_in(stream.getvalue())
    finally:
        logging.getLogger().removeHandler(handler)


def lines_in(text: str) -> list[Line]:
    """Every whole line as JSON. Raises `ValueError` for one that is none."""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
