"""Which lessons come before which: no lesson may, over others, come before itself; pure."""

from collections.abc import Collection, Mapping


def has_cycle(requires: Mapping[str, Collection[str]]) -> bool:
    """Whether somebody would never get on: `requires` names for each lesson the lessons that come first.

    Takes away, as long as it can, the lessons that wait for nothing; what is left then waits for itself.
    """
    waiting = {lesson: set(first) for lesson, first in requires.items()}
    behind: dict[str, list[str]] = {}
    for lesson, first in waiting.items():
        for needed in first:
            behind.setdefault(needed, []).append(lesson)
    open_now = [lesson for lesson in {*waiting, *behind} if not waiting.get(lesson)]
    opened = 0
    while open_now:
        done = open_now.pop()
        opened += 1
        for lesson in behind.get(done, ()):
            waiting[lesson].discard(done)
            if not waiting[lesson]:
                open_now.append(lesson)
    return opened < len({*waiting, *behind})
