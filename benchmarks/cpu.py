"""CPU seconds of processes and of everything that they started."""

from collections.abc import Mapping

import psutil

from stack.process import Part


def cpu_seconds(parts: Mapping[str, Part]) -> dict[str, float]:
    """By name, since each part's start: its own, its living descendants', and of those that ended and were reaped.

    Raises `psutil.NoSuchProcess` when a part does not run.
    """
    return {name: _of_tree(psutil.Process(part.pid)) for name, part in parts.items()}


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was used in between."""
    return {name: after[name] - before[name] for name in before}


def _of_tree(root: psutil.Process) -> float:
    # user, system, children_user, children_system: what ended hands its time to its parent's last two.
    return float(sum(sum(process.cpu_times()[:4]) for process in [root, *root.children(recursive=True)]))
