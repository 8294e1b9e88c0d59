"""Reviews of courses: the rules that need no table; pure."""

import re

VERIFIED_FROM_PERCENT = 20
"""Of a course, completed at the time of writing (issue "Learning", section 1)."""

_TAG = re.compile(r"<[A-Za-z/!?]")


def has_html(text: str) -> bool:
    """Whether a text holds what a browser could take for a tag; `a < b` and `<3` are none."""
    return _TAG.search(text) is not None


def shown_name(name: str) -> str:
    """What everybody sees of a reviewer: the first word of the name."""
    return name.split(maxsplit=1)[0] if name.split() else ""
